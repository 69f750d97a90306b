-- assignments: one row per span in which an agent had a conversation (conversation_id, opened_at,
-- assigned_at). It ends with another assignment or a release; a close doesn't end it.
with

changes as (
    select
        *,
        case when kind <> 'unassigned' then agent end as assignee,
        row_number() over conversation as step
    from stg_actions
    where kind in ('assigned', 'unassigned') or (kind = 'transferred' and agent is not null)
    window conversation as (
        partition by conversation_id, opened_at
        order by happened_at, seq nulls last, kind_order, id
    )
),

-- The same person again is no change, and neither is the release of what nobody had.
turns as (
    select
        *,
        lag(assignee) over (partition by conversation_id, opened_at order by step) as had_it
    from changes
    qualify assignee is distinct from had_it or step = 1
),

spans as (
    select
        *,
        lead(happened_at) over conversation as ended_at,
        lead(kind) over conversation as ended_by,
        lead(reason) over conversation as end_reason
    from turns
    window conversation as (partition by conversation_id, opened_at order by step)
),

held as (
    select * from spans
    where assignee is not null
),

replied as (
    select
        held.conversation_id,
        held.opened_at,
        held.step,
        count(*) as reply_count
    from held
    inner join stg_messages as sent
        on sent.conversation_id = held.conversation_id
        and sent.opened_at = held.opened_at
        and sent.agent = held.assignee
        and sent.is_human_reply
        and sent.sent_at >= held.happened_at
        and (held.ended_at is null or sent.sent_at <= held.ended_at)
    group by all
),

final as (
    select
        held.conversation_id,
        held.opened_at,
        held.assignee as agent,
        held.happened_at as assigned_at,
        held.ended_at,
        held.ended_by,
        held.end_reason,
        epoch_us(held.ended_at - held.happened_at) / 1e6 as held_seconds,
        held.had_it as previous_agent,
        held.had_it is null as is_claim,
        coalesce(held.ended_by = 'unassigned', false) as is_released,
        held.wait_started_at,
        coalesce(replied.reply_count, 0) as reply_count,
        held.brand,
        held.channel,
        held.queue,
        held.priority
    from held
    left join replied using (conversation_id, opened_at, step)
)

select * from final
