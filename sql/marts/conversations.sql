-- conversations: one row per conversation (conversation_id, opened_at), latest revision.
with

handled as (
    select
        conversation_id,
        opened_at,
        sum(handle_active_seconds order by replied_at) as handle_active_seconds,
        max(handle_active_method) as handle_active_method -- focus, if of any wait
    from stg_handling
    group by all
),

final as (
    select
        stg_conversations.* exclude (credited_agent),
        stg_conversations.resolution_active_seconds as full_resolution_active_seconds,
        handled.handle_active_seconds,
        handled.handle_active_method
    from stg_conversations
    left join handled using (conversation_id, opened_at)
)

select * from final
