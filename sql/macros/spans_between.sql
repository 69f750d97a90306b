-- spans_between(since, until): spans of agents in a period, one row per agent and span in which
-- neither the state nor the number of waits in hand changed (agent, started_at), cut at UTC midnights
-- and at the ends of the period, of which an open one is null. A wait is in hand from
-- handling_started_at to the reply. state is null where the source tells no states.
--
-- Each day is worked out by itself, so that whoever asks for some needn't wait for all.
create macro spans_between(since, until) as table

with

waits as (
    select agent, unnest(days_between(started_at, ended_at)) as day, started_at, ended_at
    from (
        select
            agent,
            greatest(handling_started_at, since::timestamptz) as started_at,
            least(replied_at, until::timestamptz) as ended_at
        from raw.responses
        where handling_started_at < replied_at
            and replied_at > coalesce(since::timestamptz, '-infinity')
            and handling_started_at < coalesce(until::timestamptz, 'infinity')
    )
),

-- A state lasts until the next one, or goes on.
following as (
    select
        agent,
        state,
        greatest(started_at, since::timestamptz) as started_at,
        least(
            lead(started_at, 1, history_clock.now) over (partition by agent order by started_at),
            until::timestamptz
        ) as ended_at
    from stg_agent_states
    cross join history_clock
    where stg_agent_states.ended_at is null or stg_agent_states.ended_at > started_at
),

states as (
    select agent, state, unnest(days_between(started_at, ended_at)) as day, started_at, ended_at
    from following
    where started_at < ended_at
),

marks as (
    select agent, day, greatest(started_at, midnight_of(day)) as marked_at, 1 as step, null as state
    from waits
    union all
    select agent, day, least(ended_at, midnight_of(day + 1)), -1, null
    from waits
    union all
    select agent, day, greatest(started_at, midnight_of(day)), 0, state
    from states
    union all
    select agent, day, least(ended_at, midnight_of(day + 1)), 0, null
    from states
),

instants as (
    select agent, day, marked_at, sum(step) as step, max(state) as state
    from marks
    group by all
),

spans as (
    select
        agent,
        day,
        marked_at as started_at,
        lead(marked_at) over by_time as ended_at,
        sum(step) over so_far as waits_in_hand,
        last_value(state ignore nulls) over so_far as state
    from instants
    window
        by_time as (partition by agent, day order by marked_at),
        so_far as (
            partition by agent, day order by marked_at
            rows between unbounded preceding and current row
        )
),

final as (
    select
        agent,
        day,
        started_at,
        ended_at,
        (epoch_us(ended_at) - epoch_us(started_at)) / 1e6 as seconds,
        state,
        waits_in_hand::bigint as waits_in_hand
    from spans
    where ended_at is not null
        and (waits_in_hand > 0 or state is not null)
)

select * from final
