-- Active handle time. Each answered wait is worked on from its assignment or start to the reply, at
-- most `active_cap` long; where its agent had the conversation in focus then, in that time instead.
-- What an agent works on at one instant shares that instant equally. Grain: answered wait.

create or replace table handling as

with

-- a focus goes on until unfocused, the close, or a focus of the same agent elsewhere
focus_marks as (
    select overall_no, conversation_id, agent, at_us, kind from stg_events
    where kind in ('focused', 'unfocused') and agent is not null and conversation_id is not null

    union all

    select event.overall_no, event.conversation_id, focus.agent, event.at_us, 'closed'
    from stg_events as event
    inner join stg_lifecycle using (conversation_id, event_no)
    inner join (
        select distinct conversation_id, agent from stg_events where kind = 'focused'
    ) as focus using (conversation_id)
    where is_closing
),

focuses as (
    select
        focus.agent,
        focus.conversation_id,
        focus.at_us as from_us,
        coalesce(
            min(mark.at_us) filter (
                mark.kind = 'focused' or mark.conversation_id = focus.conversation_id
            ),
            any_value(end_us)
        ) as to_us
    from focus_marks as focus
    cross join replay_end
    left join focus_marks as mark
        on focus.agent = mark.agent and focus.overall_no < mark.overall_no
    where focus.kind = 'focused'
    group by focus.agent, focus.conversation_id, focus.at_us, focus.overall_no
),

answers as (
    select
        row_number() over (order by conversation_id, opened_at, wait_started_at, replied_at)
            as answer,
        *,
        epoch_us(handling_started_at) as since_us,
        epoch_us(replied_at) as replied_us
    from (
        select * replace (coalesce(handling_started_at, wait_started_at) as handling_started_at)
        from responses
    )
),

focused as (
    select
        answer,
        answers.agent,
        greatest(from_us, since_us) as from_us,
        least(to_us, replied_us) as to_us
    from answers
    inner join focuses
        on
            answers.conversation_id = focuses.conversation_id
            and answers.agent = focuses.agent
            and greatest(from_us, since_us) < least(to_us, replied_us)
),

segments as (
    from focused
    union all
    select
        answer,
        agent,
        greatest(since_us, replied_us - active_cap_us),
        replied_us
    from answers
    cross join settings
    where answer not in (select answer from focused)
),

edges as (
    select agent, from_us as at_us from segments
    union
    select agent, to_us from segments
),

atoms as (
    select agent, at_us as from_us, lead(at_us) over (partition by agent order by at_us) as to_us
    from edges
),

-- whole microseconds by how many shared them: no order of adding shows in the sum
widths as (
    select answer, sharers, sum(width_us) as width_us
    from (
        select
            segments.answer,
            atoms.to_us - atoms.from_us as width_us,
            count(*) over (partition by atoms.agent, atoms.from_us) as sharers
        from atoms
        inner join segments
            on
                atoms.agent = segments.agent
                and segments.from_us <= atoms.from_us
                and segments.to_us >= atoms.to_us
    )
    group by all
),

shares as (
    select answer, list_sum(list(width_us / sharers order by sharers)) / 1e6 as active_seconds
    from widths
    group by answer
)

select
    conversation_id,
    opened_at,
    wait_started_at,
    replied_at,
    agent,
    coalesce(active_seconds, 0) as handle_active_seconds,
    if(answer in (select answer from focused), 'focus', 'estimated') as method
from answers
left join shares using (answer);
