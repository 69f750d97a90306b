-- responses: one row per answered wait (conversation_id, opened_at, wait_started_at, replied_at).
with

final as (
    select
        answers.*,
        stg_handling.handle_active_seconds,
        stg_handling.handle_active_method
    from raw.responses as answers
    left join stg_handling using (conversation_id, opened_at, wait_started_at, replied_at)
)

select * from final
