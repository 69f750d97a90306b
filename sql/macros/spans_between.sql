-- spans_between(since, until): spans of agents that overlap a period, one row per agent and span in
-- which neither the state nor the number of waits in hand changed (agent, started_at). Only what
-- lies in the period is complete; an open side is null. A wait is in hand from handling_started_at
-- to the reply. state is null where the source tells no states.
create macro spans_between(since, until) as table

with

-- What is in hand at some moment of the period.
waits as (
    select agent, handling_started_at, replied_at
    from raw.responses
    where handling_started_at < replied_at
        and replied_at > coalesce(since::timestamptz, '-infinity')
        and handling_started_at < coalesce(until::timestamptz, 'infinity')
),

-- The last state before the period goes on in it.
states as (
    select agent, started_at, state
    from stg_agent_states
    where (ended_at is null or ended_at > started_at)
        and started_at < coalesce(until::timestamptz, 'infinity')
),

marks as (
    select agent, handling_started_at as marked_at, 1 as step, null::varchar as state
    from waits
    union all
    select agent, replied_at, -1, null
    from waits
    union all
    select agent, started_at, 0, state
    from states
    union all
    select agent, now, 0, null
    from (select distinct agent from stg_agent_states) as agents
    cross join history_clock
),

instants as (
    select agent, marked_at, sum(step) as step, max(state) as state
    from marks
    group by all
),

spans as (
    select
        agent,
        marked_at as started_at,
        lead(marked_at) over by_time as ended_at,
        sum(step) over so_far as waits_in_hand,
        last_value(state ignore nulls) over so_far as state
    from instants
    window
        by_time as (partition by agent order by marked_at),
        so_far as (
            partition by agent order by marked_at rows between unbounded preceding and current row
        )
),

final as (
    select
        agent,
        started_at,
        ended_at,
        epoch_us(ended_at - started_at) / 1e6 as seconds,
        state,
        waits_in_hand::bigint as waits_in_hand
    from spans
    where ended_at is not null
        and (waits_in_hand > 0 or state is not null)
)

select * from final
