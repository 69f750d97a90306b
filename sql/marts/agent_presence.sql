-- agent_presence: one row per 15 minutes (UTC) and agent (interval_start, agent): how long which
-- state lasted in it, and how long waits were in hand.
with

pieces as (
    select
        *,
        unnest(generate_series(
            time_bucket(interval 15 minutes, started_at),
            ended_at - interval 1 microsecond,
            interval 15 minutes
        )) as interval_start
    from agent_spans
    where waits_in_hand > 0 or state <> 'offline'
),

cut as (
    select
        *,
        epoch_us(
            least(ended_at, interval_start + interval 15 minutes)
            - greatest(started_at, interval_start)
        ) as cut_us -- whole, so that the order in which they are added doesn't matter
    from pieces
),

final as (
    select
        interval_start,
        agent,
        coalesce(sum(cut_us) filter (state = 'available'), 0) / 1e6 as available_seconds,
        coalesce(sum(cut_us) filter (state = 'busy'), 0) / 1e6 as busy_seconds,
        coalesce(sum(cut_us) filter (state = 'away'), 0) / 1e6 as away_seconds,
        coalesce(sum(cut_us) filter (state = 'available' and waits_in_hand = 0), 0) / 1e6
            as idle_seconds,
        coalesce(sum(cut_us) filter (waits_in_hand > 0), 0) / 1e6 as active_seconds,
        sum(cut_us * waits_in_hand) / 1e6 as in_hand_seconds
    from cut
    group by all
)

select * from final
