-- transfers: one row per move of a conversation to another queue, channel or person (source, id).
with

final as (
    select
        conversation_id,
        opened_at,
        source,
        id,
        happened_at as transferred_at,
        from_brand,
        from_channel,
        from_queue,
        brand,
        channel,
        queue,
        priority,
        handling_agent as from_agent,
        agent as to_agent,
        is_answered,
        queue is distinct from from_queue and not is_answered as is_flow_out
    from stg_actions
    where kind = 'transferred'
)

select * from final
