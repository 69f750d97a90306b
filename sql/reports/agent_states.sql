-- agents --by state: where agents' time went in the period, one row per agent.
--
-- A wait is in hand from the assignment (at most the policy's active_cap before the reply) to the
-- reply. Spans that reach over the period's ends count with the part inside.
--
-- available_, busy_, away_, offline_seconds  in that state; null where the source tells no states
-- idle_seconds             available with no wait in hand
-- active_seconds           with at least one wait in hand
-- occupancy_ratio          active / (active + idle)
-- concurrency              mean number of waits in hand, while at least one
-- max_in_hand              the most at once
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out).
with

spans as (
    select agent, state, waits_in_hand, whole_us(seconds) as us
    from spans_between($since, $until)
),

summed as (
    select
        agent,
        sum(us) filter (state = 'available') as available_us,
        sum(us) filter (state = 'busy') as busy_us,
        sum(us) filter (state = 'away') as away_us,
        sum(us) filter (state = 'offline') as offline_us,
        sum(us) filter (state = 'available' and waits_in_hand = 0) as idle_us,
        sum(us) filter (waits_in_hand > 0) as active_us,
        sum(us * waits_in_hand) as in_hand_us,
        max(waits_in_hand) as max_in_hand,
        bool_or(state is not null) as has_states
    from spans
    group by all
),

final as (
    select
        agent,
        available_us / 1e6 as available_seconds,
        busy_us / 1e6 as busy_seconds,
        away_us / 1e6 as away_seconds,
        offline_us / 1e6 as offline_seconds,
        idle_us / 1e6 as idle_seconds,
        active_us / 1e6 as active_seconds,
        case when has_states then
            coalesce(active_us, 0) / nullif(coalesce(active_us, 0) + coalesce(idle_us, 0), 0)
        end as occupancy_ratio,
        in_hand_us / nullif(active_us, 0) as concurrency,
        max_in_hand
    from summed
)

select * from final
order by all
