-- Active handle time. Each answered wait is worked on from its assignment or start to the reply, at
-- most `active_cap` long; where its agent had the conversation in focus then, in that time instead.
-- What an agent works on at one instant, focus on anything included, shares that instant equally;
-- microseconds are rounded down. Grain: answered wait.

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
        answer.conversation_id,
        answer.reply_no,
        opened_us,
        answer.started_us,
        reply.at_us as replied_us,
        -- greatest() skips a null: nobody assigned
        greatest(reply.assigned_us, answer.wait_us) as since_us,
        reply.agent,
        reply.brand,
        reply.channel,
        reply.queue
    from stg_answers as answer
    inner join stg_incarnations using (conversation_id, incarnation)
    inner join stg_states as reply
        on
            answer.conversation_id = reply.conversation_id
            and answer.reply_no = reply.event_no
),

-- what an agent looked at longer than a day before the reply is forgotten
focused as (
    select
        answers.conversation_id,
        reply_no,
        answers.agent,
        greatest(from_us, since_us, replied_us - 86_400_000_000) as low_us,
        least(to_us, replied_us) as high_us
    from answers
    inner join focuses
        on
            answers.conversation_id = focuses.conversation_id
            and answers.agent = focuses.agent
            and greatest(from_us, since_us, replied_us - 86_400_000_000) < least(to_us, replied_us)
),

estimated as (
    select
        answers.conversation_id,
        reply_no,
        answers.agent,
        greatest(since_us, replied_us - active_cap_us) as low_us,
        replied_us as high_us
    from answers
    cross join settings
    left join focused using (conversation_id, reply_no)
    where focused.low_us is null
),

claims as (
    select agent, low_us, high_us from estimated
    union all
    select agent, from_us, to_us from focuses
),

edges as (
    select agent, low_us as at_us from claims
    union
    select agent, high_us from claims
    union
    select agent, low_us from focused
    union
    select agent, high_us from focused
),

atoms as (
    select agent, at_us as from_us, lead(at_us) over (partition by agent order by at_us) as to_us
    from edges
),

shared as (
    select atoms.agent, from_us, to_us, count(*) as sharers
    from atoms
    inner join claims
        on
            atoms.agent = claims.agent
            and claims.low_us <= atoms.from_us
            and claims.high_us >= atoms.to_us
    group by all
),

-- whole microseconds by how many shared them: no order of adding shows in the sum
widths as (
    select part.conversation_id, part.reply_no, sharers, sum(to_us - from_us)::hugeint as width_us
    from (from focused union all from estimated) as part
    inner join shared
        on
            part.agent = shared.agent
            and part.low_us <= shared.from_us
            and part.high_us >= shared.to_us
    group by all
),

shares as (
    select
        conversation_id,
        reply_no,
        list_reduce(list(sharers), lambda one, other: lcm(one, other))::hugeint as whole,
        list_sum(
            list_transform(list({'us': width_us, 'n': sharers}), lambda x: x.us * (whole // x.n))
        ) // whole as active_us
    from widths
    group by all
)

select
    conversation_id,
    make_timestamptz(opened_us) as opened_at,
    make_timestamptz(started_us) as wait_started_at,
    make_timestamptz(replied_us) as replied_at,
    agent,
    brand,
    channel,
    queue,
    coalesce(active_us, 0)::bigint / 1e6 as handle_active_seconds,
    if((conversation_id, reply_no) in (select (conversation_id, reply_no) from focused),
        'focus', 'estimated') as handle_active_method
from answers
left join shares using (conversation_id, reply_no);
