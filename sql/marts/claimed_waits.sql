-- claimed_waits: one row per claim of a conversation whose customer waited and that nobody had
-- (conversation_id, opened_at, assigned_at): whether another wait of the same queue had had nobody for
-- longer.
with

final as (
    select
        conversation_id,
        opened_at,
        assigned_at,
        agent,
        brand,
        channel,
        queue,
        wait_started_at,
        free_from,
        is_passing_over
    from taken_between(null, null)
    where is_passing_over is not null
)

select * from final
