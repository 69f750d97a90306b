-- breaches: missed SLA clocks, one row per clock, newest deadline first.
--
-- A clock is in the period if its deadline passed in it: a breach happens then, by silence, and
-- not when someone answered at last.
--
-- started_at, due_at       the clock's start and its deadline
-- answered_at              the human reply that ended the wait after all; null: none did (a bot
--                          or a close ended it, or it still runs)
-- late_by_seconds          deadline to that reply; null with it
-- target_seconds           start to deadline in the clock's own time
-- agent, answered_by       whose clock it was at the deadline (null: nobody's); who sent the reply
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out).
with

clocks as (
    select
        *,
        lead(started_at) over (
            partition by conversation_id, opened_at, sla order by started_at
        ) as next_started_at
    from sla
),

missed as (
    select *
    from clocks
    where outcome = 'missed'
        and ended_at >= coalesce($since::timestamptz, '-infinity')
        and ended_at < coalesce($until::timestamptz, 'infinity')
),

-- A late reply ends the wait of the newest clock: one that a newer clock follows (the conversation
-- was closed and reopened between) stays unanswered.
final as (
    select
        missed.conversation_id,
        missed.sla,
        missed.started_at,
        missed.due_at,
        responses.replied_at as answered_at,
        epoch_us(responses.replied_at - missed.due_at) / 1e6 as late_by_seconds,
        missed.target_seconds,
        missed.brand,
        missed.channel,
        missed.queue,
        missed.priority,
        missed.agent,
        responses.agent as answered_by
    from missed
    left join responses
        on responses.conversation_id = missed.conversation_id
        and responses.opened_at = missed.opened_at
        and responses.replied_at > missed.due_at
        and responses.replied_at <= coalesce(missed.next_started_at, 'infinity')
        and (
            (missed.sla = 'first_response' and responses.kind = 'first')
            or (
                missed.sla = 'next_response'
                and responses.kind = 'next'
                and responses.wait_started_at = missed.started_at
            )
        )
)

select * from final
order by due_at desc, conversation_id, sla, started_at
