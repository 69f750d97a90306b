-- breaches_between(since, until): SLA clocks that were missed in a period, one row per clock
-- (conversation_id, opened_at, sla, started_at). An open side is null.
--
-- A late reply ends the wait of the newest clock: one that a newer clock follows (the conversation
-- was closed and reopened between) stays unanswered.
create macro breaches_between(since, until) as table

with

missed as (
    select * from stg_sla
    where outcome = 'missed'
        and is_within(ended_at, since, until)
),

followed as (
    select
        missed.conversation_id,
        missed.opened_at,
        missed.sla,
        missed.started_at,
        min(later.started_at) as next_started_at
    from missed
    inner join stg_sla as later
        on later.conversation_id = missed.conversation_id
        and later.opened_at = missed.opened_at
        and later.sla = missed.sla
        and later.started_at > missed.started_at
    group by all
),

-- None that came late came before the period.
replies as (
    select * from raw.responses
    where replied_at > coalesce(since::timestamptz, '-infinity')
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
    left join followed using (conversation_id, opened_at, sla, started_at)
    left join replies as answers
        on answers.conversation_id = missed.conversation_id
        and answers.opened_at = missed.opened_at
        and answers.replied_at > missed.due_at
        and answers.replied_at <= coalesce(followed.next_started_at, 'infinity')
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
