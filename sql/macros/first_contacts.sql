-- first_contacts(since, until, dated_by): one row per closed conversation (conversation_id, opened_at)
-- that was `opened` or `closed`, as dated_by says, in a period: whether the first contact resolved
-- it. An open side is null. It did if it was never reopened and the same customer opened no other
-- conversation within the policy's `fcr_days` of the close; until these days have passed the answer
-- is provisional. Where no handle is kept, a thread is its own customer.
create macro first_contacts(since, until, dated_by) as table

with

closed as (
    select
        conversation_id, opened_at, closed_at, credited_agent,
        coalesce(customer_key, conversation_id) as customer,
        brand, channel, queue, priority, reopen_count, is_one_touch
    from stg_conversations
    where closed_at is not null
        and is_within(if(dated_by = 'opened', opened_at, closed_at), since, until)
),

-- Only what may follow one of them.
others as (
    select coalesce(customer_key, conversation_id) as customer, opened_at
    from stg_conversations
    where opened_at > coalesce(since::timestamptz, '-infinity')
        and opened_at <= (select max(closed_at) from closed) + to_days(fcr_days())
),

-- The same customer's next conversation, by its opening.
followed as (
    select
        closed.conversation_id,
        closed.opened_at,
        others.opened_at as next_opened_at
    from closed
    asof inner join others
        on others.customer = closed.customer
        and others.opened_at > closed.closed_at
    where others.opened_at <= closed.closed_at + to_days(fcr_days())
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
