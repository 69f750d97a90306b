-- responses: one row per answered wait (conversation_id, opened_at, wait_started_at, replied_at).
with

-- Grouped by its key, so that the join is left out of queries that don't ask for its columns.
handled as (
    select
        conversation_id,
        opened_at,
        wait_started_at,
        replied_at,
        any_value(handle_active_seconds) as handle_active_seconds,
        any_value(handle_active_method) as handle_active_method
    from stg_handling
    group by all
),

final as (
    select
        answers.*,
        handled.handle_active_seconds,
        handled.handle_active_method
    from raw.responses as answers
    left join handled using (conversation_id, opened_at, wait_started_at, replied_at)
)

select * from final
