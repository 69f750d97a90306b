-- team_days: one row per UTC day and team (day, queue): a queue's work is its team's, whoever did it.
-- Work counts when it was done (throughput); what no agent did or missed is in here too.
with

worked as (
    select
        cast(worked_at at time zone 'UTC' as date) as day,
        queue,
        count(distinct agent) as agents,
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
        coalesce(bool_and(is_final), true) as is_settled,
        count(*) filter (agent is null and outcome = 'missed') as missed_unassigned
    from agent_work
    group by all
),

final as (
    select
        worked.* exclude (is_settled),
        is_settled and (day + interval 1 day) at time zone 'UTC' <= history_clock.now
            as is_final
    from worked
    cross join history_clock
)

select * from final
