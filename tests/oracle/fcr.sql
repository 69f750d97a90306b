-- Grain: conversation that is closed. Resolved by its first contact unless it was reopened, or the
-- same customer opened another one after the close, up to so many days later; final once these have
-- passed by `now_us`. Whose it is says the first post that names somebody, else the thread.

create or replace table fcr as

with

customers as (
    select
        state.conversation_id,
        state.incarnation,
        arg_min(event.customer, event.event_no) as customer,
        any_value(opened_us) as opened_us
    from stg_events as event
    inner join stg_states as state using (conversation_id, event_no)
    inner join stg_incarnations using (conversation_id, incarnation)
    where event.kind = 'post' and event.customer is not null
    group by all
),

lives as (
    select
        conversations.*,
        coalesce(customers.customer, conversations.conversation_id) as customer
    from conversations
    left join customers
        on
            conversations.conversation_id = customers.conversation_id
            and epoch_us(conversations.opened_at) = customers.opened_us
),

final as (
    select
        conversation_id,
        opened_at,
        closed_at,
        reopen_count = 0 and not exists (
            select 1
            from lives as other
            where
                other.customer = lives.customer
                and other.opened_at > lives.closed_at
                and other.opened_at <= lives.closed_at + to_days(fcr_days)
        ) as is_resolved_first_contact,
        closed_at + to_days(fcr_days) as final_at,
        make_timestamptz(now_us) > closed_at + to_days(fcr_days) as is_final
    from lives
    cross join fcr_settings
    where closed_at is not null
)

select * from final;
