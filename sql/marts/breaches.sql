-- breaches: one row per missed SLA clock (conversation_id, opened_at, sla, started_at).
--
-- A late reply ends the wait of the newest clock: one that a newer clock follows (the conversation
-- was closed and reopened between) stays unanswered.
with

missed as (
    select
        *,
        (
            select min(later.started_at) from stg_sla as later
            where later.conversation_id = clock.conversation_id
                and later.opened_at = clock.opened_at
                and later.sla = clock.sla
                and later.started_at > clock.started_at
        ) as next_started_at
    from stg_sla as clock
    where outcome = 'missed'
),

final as (
    select
        missed.conversation_id,
        missed.opened_at,
        missed.sla,
        missed.started_at,
        missed.due_at,
        missed.ended_at as missed_at,
        answers.replied_at as answered_at,
        epoch_us(answers.replied_at - missed.due_at) / 1e6 as late_by_seconds,
        missed.target_seconds,
        missed.policy_version,
        missed.rule,
        missed.brand,
        missed.channel,
        missed.queue,
        missed.priority,
        missed.agent,
        answers.agent as answered_by
    from missed
    left join raw.responses as answers
        on answers.conversation_id = missed.conversation_id
        and answers.opened_at = missed.opened_at
        and answers.replied_at > missed.due_at
        and answers.replied_at <= coalesce(missed.next_started_at, 'infinity')
        and (
            (missed.sla = 'first_response' and answers.kind = 'first')
            or (
                missed.sla = 'next_response'
                and answers.kind = 'next'
                and answers.wait_started_at = missed.started_at
            )
        )
)

select * from final
