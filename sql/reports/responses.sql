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
-- Parameters: $since, $until (instants, null is open; since is in, until is out), $tz, $by,
-- $is_for_all (whether of both kinds together).
-- Groups: day, hour, brand, channel, queue, priority, agent; kind is always one. No answers, no row.
with

figures as (
    select * from response_figures($by, $since, $until, $tz, $is_for_all)
),

-- Last, and an enum: rows sort by scope first, then in this order.
ordered as (
    select * exclude (kind), kind::enum ('first', 'next', 'all') as kind
    from figures
),

final as (
    select
        columns(lambda name: list_contains($by, name)),
        columns(lambda name: not list_contains($by, name))
    from ordered
)

select * from final
order by all
