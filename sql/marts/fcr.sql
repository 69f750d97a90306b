-- fcr: one row per closed conversation (conversation_id, opened_at): whether the first contact
-- resolved it. It did if it was never reopened and the same customer opened no other conversation
-- within the policy's `fcr_days` of the close; until these days have passed the answer is provisional.
with

closed as (
    select * from stg_conversations
    where closed_at is not null
),

-- The same customer's next conversation, by its opening.
followed as (
    select
        closed.conversation_id,
        closed.opened_at,
        following.opened_at as next_opened_at
    from closed
    asof inner join (
        select customer_key, opened_at from stg_conversations
        where customer_key is not null
    ) as following
        on following.customer_key = closed.customer_key
        and following.opened_at > closed.closed_at
    where following.opened_at <= closed.closed_at + to_days(fcr_days())
),

final as (
    select
        closed.conversation_id,
        closed.opened_at,
        closed.closed_at,
        closed.credited_agent as agent,
        closed.brand,
        closed.channel,
        closed.queue,
        closed.priority,
        closed.reopen_count,
        followed.next_opened_at,
        closed.reopen_count = 0 and followed.next_opened_at is null as is_resolved_first_contact,
        closed.is_one_touch,
        closed.closed_at + to_days(fcr_days()) as final_at,
        history_clock.now > closed.closed_at + to_days(fcr_days()) as is_final
    from closed
    cross join history_clock
    left join followed using (conversation_id, opened_at)
)

select * from final
