-- assignments_between(since, until): spans in which an agent had a conversation, one row per span
-- (conversation_id, opened_at, step). It ends with another assignment or a release; a close doesn't
-- end it. One from before the first message is of the conversation that the message opened. An open
-- side of the period is null.
--
-- Of a period it gives all spans of each conversation that was opened before its end and in which,
-- in the period or later, something other than a message happened or somebody replied to whom it
-- wasn't assigned; of those that somebody gave back and whose customer waits; and of those that
-- somebody had before the first message, whenever that came.
create macro assignments_between(since, until) as table

with

handovers as not materialized ( -- so that each reading of it reads only the days it needs
    select * from stg_actions
    where kind in ('assigned', 'unassigned') or (kind = 'transferred' and agent is not null)
),

early as (
    select handovers.* replace (life.opened_at as opened_at)
    from handovers
    inner join stg_conversations as life
        on life.conversation_id = handovers.conversation_id
        and life.opened_at >= handovers.happened_at
    where handovers.opened_at is null
    qualify row_number() over (partition by source, id order by life.opened_at) = 1
),

concerned as (
    select conversation_id, opened_at
    from stg_actions
    where happened_at >= coalesce(since::timestamptz, '-infinity')
        and opened_at < coalesce(until::timestamptz, 'infinity')
    union
    select conversation_id, opened_at
    from raw.responses
    where response_assigned_seconds is null
        and replied_at >= coalesce(since::timestamptz, '-infinity')
        and opened_at < coalesce(until::timestamptz, 'infinity')
    union
    select conversation_id, opened_at
    from stg_conversations
    where waiting_since is not null and assigned_agent is null and first_assigned_at is not null
    union
    select conversation_id, opened_at
    from early
),

changes as (
    select
        *,
        case when kind <> 'unassigned' then agent end as assignee,
        row_number() over conversation as step
    from (
        select handovers.* from handovers
        inner join concerned using (conversation_id, opened_at)
        union all
        select * from early
    )
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

final as (
    select
        conversation_id,
        opened_at,
        step,
        assignee as agent,
        happened_at as assigned_at,
        ended_at,
        ended_by,
        end_reason,
        epoch_us(ended_at - happened_at) / 1e6 as held_seconds,
        had_it as previous_agent,
        had_it is null as is_claim,
        coalesce(ended_by = 'unassigned', false) as is_released,
        wait_started_at,
        brand,
        channel,
        queue,
        priority
    from spans
    where assignee is not null
)

select * from final
