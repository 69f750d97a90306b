-- response_figures(keys, since, until, tz, is_for_all): waits that a person answered in a period
-- (throughput), one row per group of `keys`: some of kind, day, hour (both in `tz`), brand, channel,
-- queue, priority and agent. `is_for_all` takes both kinds for one, `all`. An open side is null.
create macro response_figures(keys, since, until, tz, is_for_all) as table

with

answers as not materialized (
    select
        day_of(replied_at, tz) as day,
        hour_of(replied_at, tz) as hour,
        * replace (if(is_for_all, 'all', kind) as kind)
    from raw.responses
    where is_within(replied_at, since, until)
),

-- Each measure alone: a step holds every value that it takes the quantiles of.
published as (
    select
        columns(lambda name: list_contains(keys, name)),
        count(*) as n,
        mean_seconds(whole_us(response_seconds)) as mean_seconds,
        quantile_cont(response_seconds, [0.5, 0.9]) as published,
        median_ranks(response_seconds) as ranks,
        avg((response_seconds <= 300)::int) as within_5m_ratio,
        avg((response_seconds <= 900)::int) as within_15m_ratio,
        avg((response_seconds <= 3600)::int) as within_60m_ratio,
        avg(posts_answered) as posts_answered_mean
    from answers
    group by all
),

business as (
    select
        columns(lambda name: list_contains(keys, name)),
        quantile_cont(response_business_seconds, [0.5, 0.9]) as business
    from answers
    group by all
),

assigned as (
    select
        columns(lambda name: list_contains(keys, name)),
        count(response_assigned_seconds) as assigned_n,
        quantile_cont(response_assigned_seconds, [0.5, 0.9]) as assigned
    from answers
    group by all
),

pieces as (
    select * from published
    union all by name
    select * from business
    union all by name
    select * from assigned
),

-- One piece of each measure a row: whatever it is taken by, it is that value.
whole as (
    select
        columns(lambda name: list_contains(keys, name)),
        any_value(columns(lambda name: not list_contains(keys, name)))
    from pieces
    group by all
),

final as (
    select
        columns(lambda name: list_contains(keys, name)),
        n,
        mean_seconds,
        published[1] as median_seconds,
        median_low(ranks, n) as median_low_seconds,
        median_high(ranks, n) as median_high_seconds,
        published[2] as p90_seconds,
        business[1] as business_median_seconds,
        business[2] as business_p90_seconds,
        assigned_n,
        assigned[1] as assigned_median_seconds,
        assigned[2] as assigned_p90_seconds,
        within_5m_ratio,
        within_15m_ratio,
        within_60m_ratio,
        posts_answered_mean
    from whole
)

select * from final
