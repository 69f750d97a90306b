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

final as (
    select
        conversation_id,
        sla,
        started_at,
        due_at,
        answered_at,
        late_by_seconds,
        target_seconds,
        brand,
        channel,
        queue,
        priority,
        agent,
        answered_by
    from breaches_between($since, $until)
)

select * from final
order by due_at desc, conversation_id, sla, started_at
