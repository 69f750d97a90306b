-- breaches: one row per missed SLA clock (conversation_id, opened_at, sla, started_at), as the macro
-- breaches_between finds them.
with

final as (
    select * from breaches_between(null, null)
)

select * from final
