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

inside as (
    select
        * exclude (seconds),
        epoch_us(
            least(ended_at, coalesce($until::timestamptz, ended_at))
            - greatest(started_at, coalesce($since::timestamptz, started_at))
        ) / 1e6 as seconds
    from spans_between($since, $until)
    where started_at < coalesce($until::timestamptz, 'infinity')
        and ended_at > coalesce($since::timestamptz, '-infinity')
),

final as (
    select
        agent,
        sum(seconds) filter (state = 'available') as available_seconds,
        sum(seconds) filter (state = 'busy') as busy_seconds,
        sum(seconds) filter (state = 'away') as away_seconds,
        sum(seconds) filter (state = 'offline') as offline_seconds,
        sum(seconds) filter (state = 'available' and waits_in_hand = 0) as idle_seconds,
        sum(seconds) filter (waits_in_hand > 0) as active_seconds,
        case when bool_or(state is not null) then
            coalesce(active_seconds, 0)
            / nullif(coalesce(active_seconds, 0) + coalesce(idle_seconds, 0), 0)
        end as occupancy_ratio,
        sum(seconds * waits_in_hand) / nullif(active_seconds, 0) as concurrency,
        max(waits_in_hand) as max_in_hand
    from inside
    group by all
)

select * from final
order by all
