-- work_figures(keys, since, until, tz, everyone): what people did in a period (throughput), one row
-- per group of `keys`: some of day, hour (both in `tz`), interval_start (a quarter of an hour), agent,
-- brand, channel and queue. `everyone` counts work that is nobody's too. Counts are never null;
-- means and quantiles over nothing are.
create macro work_figures(keys, since, until, tz, everyone) as table

with

dated as not materialized (
    select
        day_of(worked_at, tz) as day,
        hour_of(worked_at, tz) as hour,
        quarter_of(worked_at) as interval_start,
        *
    from agent_work
    where (agent is not null or everyone)
        and is_within(worked_at, since, until)
),

-- Each kind of work alone, so that no step holds a row for every kind of it.
replied as (
    select
        columns(lambda name: list_contains(keys, name)),
        count(distinct agent) as agents,
        count(distinct conversation) as conversations,
        count(*) as replies
    from dated
    where work = 'reply'
    group by all
),

answered as (
    select
        columns(lambda name: list_contains(keys, name)),
        count(*) filter (kind = 'first') as first_responses,
        count(*) as responses,
        mean_seconds(response_us) as published_mean_seconds,
        quantile_cont(response_us, [0.5, 0.9]) as published,
        count(response_assigned_us) as assigned_responses,
        mean_seconds(response_assigned_us) as assigned_mean_seconds,
        quantile_cont(response_assigned_us, [0.5, 0.9]) as assigned,
        median_ranks(response_assigned_us) as assigned_ranks
    from dated
    where work = 'response'
    group by all
),

active as (
    select
        columns(lambda name: list_contains(keys, name)),
        sum_seconds(handle_active_us) as handle_active_seconds
    from dated
    where work = 'handling'
    group by all
),

clocks as (
    select
        columns(lambda name: list_contains(keys, name)),
        count(*) filter (outcome = 'met') as met,
        count(*) filter (outcome = 'missed') as missed,
        count(*) filter (outcome = 'missed' and agent is null) as missed_unassigned
    from dated
    where work = 'clock'
    group by all
),

closes as (
    select
        columns(lambda name: list_contains(keys, name)),
        count(*) as closed,
        count(*) filter (is_reopened) as reopened,
        count(handle_elapsed_us) as handled,
        mean_seconds(handle_elapsed_us) as handle_elapsed_mean_seconds,
        quantile_cont(handle_elapsed_us, 0.5) / 1e6 as handle_elapsed_median_seconds,
        count(*) filter (is_started_negative) as started_negative,
        count(*) filter (is_started_negative and not is_ended_negative)
            as sentiment_converted,
        bool_and(is_final) as is_settled
    from dated
    where work = 'close'
    group by all
),

surveyed as (
    select
        columns(lambda name: list_contains(keys, name)),
        count(*) filter (survey = 'csat' and is_positive is not null) as csat_answered,
        count(*) filter (survey = 'csat' and is_positive) as csat_positive,
        count(nps_group) as nps_answered,
        count(*) filter (nps_group = 'promoter') as promoters,
        count(*) filter (nps_group = 'detractor') as detractors
    from dated
    where work = 'survey'
    group by all
),

pieces as (
    select * from replied
    union all by name
    select * from answered
    union all by name
    select * from active
    union all by name
    select * from clocks
    union all by name
    select * from closes
    union all by name
    select * from surveyed
),

-- One piece of each kind a row: whatever it is taken by, it is that value.
whole as (
    select
        columns(lambda name: list_contains(keys, name)),
        any_value(columns(lambda name: not list_contains(keys, name)))
    from pieces
    group by all
),

counted as (
    select
        columns(lambda name: list_contains(keys, name)),
        coalesce(columns(lambda name: list_contains(work_counts(), name)), 0),
        columns(lambda name: not list_contains(keys || work_counts(), name))
    from whole
),

final as (
    select
        * exclude (published, assigned, assigned_ranks, is_settled),
        published[1] / 1e6 as published_median_seconds,
        published[2] / 1e6 as published_p90_seconds,
        assigned[1] / 1e6 as assigned_median_seconds,
        assigned[2] / 1e6 as assigned_p90_seconds,
        median_low(assigned_ranks, assigned_responses) / 1e6 as assigned_median_low_seconds,
        median_high(assigned_ranks, assigned_responses) / 1e6 as assigned_median_high_seconds,
        met / nullif(met + missed, 0) as attainment,
        csat_positive / nullif(csat_answered, 0) as csat_ratio,
        (promoters - detractors) / nullif(nps_answered, 0) as nps_ratio,
        sentiment_converted / nullif(started_negative, 0) as sentiment_converted_ratio,
        coalesce(is_settled, true) as is_settled
    from counted
)

select * from final
