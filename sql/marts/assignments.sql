-- assignments: one row per span in which an agent had a conversation (conversation_id, opened_at,
-- assigned_at). It ends with another assignment or a release; a close doesn't end it.
with

held as (
    select * from assignments_between(null, null)
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
        and sent.agent = held.agent
        and sent.is_human_reply
        and sent.sent_at >= held.assigned_at
        and (held.ended_at is null or sent.sent_at <= held.ended_at)
    group by all
),

final as (
    select
        held.* exclude (step, brand, channel, queue, priority),
        coalesce(replied.reply_count, 0) as reply_count,
        held.brand,
        held.channel,
        held.queue,
        held.priority
    from held
    left join replied using (conversation_id, opened_at, step)
)

select * from final
