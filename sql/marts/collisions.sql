-- collisions: one row per reply that followed another agent's reply to the same wait within two
-- minutes (conversation_id, opened_at, replied_at, agent).
with

final as (
    select * from collisions_between(null, null)
)

select * from final
