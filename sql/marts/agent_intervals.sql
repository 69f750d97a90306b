-- agent_intervals: one row per 15 minutes (UTC) and agent who worked or was there (interval_start,
-- agent). Work counts when it was done (throughput).
with

worked as (
    select
        time_bucket(interval 15 minutes, worked_at) as interval_start,
        agent,
        count(distinct hash(conversation_id, opened_at)) filter (work = 'reply') as conversations,
        count(*) filter (work = 'reply') as replies,
        count(*) filter (work = 'response') as responses,
        count(*) filter (work = 'response' and kind = 'first') as first_responses,
        avg(response_seconds) as published_mean_seconds,
        quantile_cont(response_seconds, 0.5) as published_median_seconds,
        quantile_cont(response_seconds, 0.9) as published_p90_seconds,
        count(response_assigned_seconds) as assigned_responses,
        avg(response_assigned_seconds) as assigned_mean_seconds,
        quantile_cont(response_assigned_seconds, 0.5) as assigned_median_seconds,
        quantile_cont(response_assigned_seconds, 0.9) as assigned_p90_seconds,
        sum(handle_active_seconds) as handle_active_seconds,
        count(*) filter (outcome = 'met') as met,
        count(*) filter (outcome = 'missed') as missed,
        met / nullif(met + missed, 0) as attainment,
        count(*) filter (work = 'close') as closed,
        count(*) filter (is_reopened) as reopened,
        count(*) filter (survey = 'csat' and is_positive is not null) as csat_answered,
        count(*) filter (survey = 'csat' and is_positive) as csat_positive,
        csat_positive / nullif(csat_answered, 0) as csat_ratio,
        count(nps_group) as nps_answered,
        count(*) filter (nps_group = 'promoter') as promoters,
        count(*) filter (nps_group = 'detractor') as detractors,
        (promoters - detractors) / nullif(nps_answered, 0) as nps_ratio,
        count(*) filter (is_started_negative) as started_negative,
        count(*) filter (is_started_negative and not is_ended_negative) as sentiment_converted,
        sentiment_converted / nullif(started_negative, 0) as sentiment_converted_ratio,
        coalesce(bool_and(is_final), true) as is_settled
    from agent_work
    where agent is not null
    group by interval_start, agent
),

present as (
    select * from agent_presence
),

final as (
    select
        interval_start,
        agent,
        worked.* exclude (interval_start, agent, is_settled) replace (
            coalesce(conversations, 0) as conversations,
            coalesce(replies, 0) as replies,
            coalesce(responses, 0) as responses,
            coalesce(first_responses, 0) as first_responses,
            coalesce(assigned_responses, 0) as assigned_responses,
            coalesce(met, 0) as met,
            coalesce(missed, 0) as missed,
            coalesce(closed, 0) as closed,
            coalesce(reopened, 0) as reopened,
            coalesce(csat_answered, 0) as csat_answered,
            coalesce(csat_positive, 0) as csat_positive,
            coalesce(nps_answered, 0) as nps_answered,
            coalesce(promoters, 0) as promoters,
            coalesce(detractors, 0) as detractors,
            coalesce(started_negative, 0) as started_negative,
            coalesce(sentiment_converted, 0) as sentiment_converted
        ),
        present.* exclude (interval_start, agent, in_hand_seconds),
        present.active_seconds / nullif(present.active_seconds + present.idle_seconds, 0)
            as occupancy,
        present.in_hand_seconds / nullif(present.active_seconds, 0) as concurrency,
        coalesce(worked.is_settled, true)
            and interval_start + interval 15 minutes <= history_clock.now
            as is_final
    from worked
    full join present using (interval_start, agent)
    cross join history_clock
)

select * from final
