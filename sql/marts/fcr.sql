-- fcr: one row per closed conversation (conversation_id, opened_at): whether the first contact
-- resolved it, as the macro first_contacts judges.
with

final as (
    select * from first_contacts(null, null, 'closed')
)

select * from final
