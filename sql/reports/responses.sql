-- responses: how long customers waited for a person, one row per kind and group of `by`.
--
-- Counted when the reply was sent (throughput). The kinds are never mixed: `first` is the first
-- human reply of a conversation, `next` every later answered wait, `all` both.
--
-- n                            answered waits
-- mean_, median_, p90_seconds  from the wait's start to the reply; quantiles interpolate linearly
-- median_low_, _high_seconds   the median's 95 % interval; null under eight answers
-- business_median_, business_p90_seconds  the same inside opening hours
-- assigned_n, assigned_median_, assigned_p90_seconds  from the later of assignment and wait's start
-- within_5m_, 15m_, 60m_ratio  share answered within 5, 15, 60 minutes, the limit included
-- posts_answered_mean          posts of one wait
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out), $tz, $by.
-- Groups: day, hour, brand, channel, queue, priority, agent; kind is always one. No answers, no row.
with

answers as (
    select
        day_of(replied_at, $tz) as day,
        hour_of(replied_at, $tz) as hour,
        *
    from raw.responses
    where is_within(replied_at, $since, $until)
),

with_all as (
    select * from answers
    union all by name
    select * replace ('all' as kind) from answers
),

-- Last, and an enum: rows sort by scope first, then in this order.
ordered as (
    select
        * exclude (kind),
        kind::enum ('first', 'next', 'all') as kind
    from with_all
),

final as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) as n,
        mean_seconds(whole_us(response_seconds)) as mean_seconds,
        quantile_cont(response_seconds, 0.5) as median_seconds,
        median_low(median_ranks(response_seconds), count(*)) as median_low_seconds,
        median_high(median_ranks(response_seconds), count(*)) as median_high_seconds,
        quantile_cont(response_seconds, 0.9) as p90_seconds,
        quantile_cont(response_business_seconds, 0.5) as business_median_seconds,
        quantile_cont(response_business_seconds, 0.9) as business_p90_seconds,
        count(response_assigned_seconds) as assigned_n,
        quantile_cont(response_assigned_seconds, 0.5) as assigned_median_seconds,
        quantile_cont(response_assigned_seconds, 0.9) as assigned_p90_seconds,
        avg((response_seconds <= 300)::int) as within_5m_ratio,
        avg((response_seconds <= 900)::int) as within_15m_ratio,
        avg((response_seconds <= 3600)::int) as within_60m_ratio,
        avg(posts_answered) as posts_answered_mean
    from ordered
    group by all
)

select * from final
order by all
