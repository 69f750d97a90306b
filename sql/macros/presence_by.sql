-- presence_by(minutes): one row per agent and so many minutes of a UTC day (interval_start, agent): how
-- long which state lasted in them, and how long waits were in hand.
create macro presence_by(minutes) as table

with

pieces as (
    select
        agent,
        day,
        state,
        waits_in_hand,
        epoch_us(started_at) as started_us,
        epoch_us(ended_at) as ended_us,
        minutes::bigint * 60000000 as width_us,
        unnest(generate_series(rounded_down(started_us, width_us), ended_us - 1, width_us)) as from_us
    from spans_between(null, null)
    where waits_in_hand > 0 or state <> 'offline'
),

cut as (
    select *, least(ended_us, from_us + width_us) - greatest(started_us, from_us) as us
    from pieces
),

final as (
    select
        make_timestamptz(from_us) as interval_start,
        day,
        agent,
        coalesce(sum(us) filter (state = 'available'), 0) / 1e6 as available_seconds,
        coalesce(sum(us) filter (state = 'busy'), 0) / 1e6 as busy_seconds,
        coalesce(sum(us) filter (state = 'away'), 0) / 1e6 as away_seconds,
        coalesce(sum(us) filter (state = 'available' and waits_in_hand = 0), 0) / 1e6 as idle_seconds,
        coalesce(sum(us) filter (waits_in_hand > 0), 0) / 1e6 as active_seconds,
        sum(us * waits_in_hand) / 1e6 as in_hand_seconds
    from cut
    group by all
)

select * from final
