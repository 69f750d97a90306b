-- sla: clocks that ended in the period (throughput), one row per SLA and group of `by`.
--
-- The SLA `all` judges conversations, not clocks: one that ended a clock in the period (and, with
-- a group, in that group) is missed if any clock was, else met if any was, else void.
--
-- met, missed, void        clocks by outcome; a missed one ends at its deadline
-- attainment               met / (met + missed), null when there are neither
-- target_seconds           the target, null where rules with several targets meet in a row
-- answered_late            missed clocks that a human reply did end later
-- worst_late_seconds       the longest of these, deadline to reply; null when there is none
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out), $tz, $by.
-- Groups: day, hour, brand, channel, queue, priority; sla is always one.
with

clocks as (
    select
        *,
        lead(started_at) over (
            partition by conversation_id, opened_at, sla order by started_at
        ) as next_started_at
    from sla
),

ended as (
    select
        cast(ended_at at time zone $tz as date) as day,
        ended_at - (
            (ended_at at time zone $tz) - date_trunc('hour', ended_at at time zone $tz)
        ) as hour,
        *
    from clocks
    where outcome in ('met', 'missed', 'void')
        and ended_at >= coalesce($since::timestamptz, '-infinity')
        and ended_at < coalesce($until::timestamptz, 'infinity')
),

-- A late reply ends the wait of the newest clock: one that a newer clock follows (the conversation
-- was closed and reopened between) stays unanswered.
with_late_reply as (
    select
        ended.*,
        epoch_us(responses.replied_at - ended.due_at) / 1e6 as late_seconds
    from ended
    left join responses
        on responses.conversation_id = ended.conversation_id
        and responses.opened_at = ended.opened_at
        and ended.outcome = 'missed'
        and responses.replied_at > ended.due_at
        and responses.replied_at <= coalesce(ended.next_started_at, 'infinity')
        and (
            (ended.sla = 'first_response' and responses.kind = 'first')
            or (
                ended.sla = 'next_response'
                and responses.kind = 'next'
                and responses.wait_started_at = ended.started_at
            )
        )
),

conversations_judged as (
    select
        columns(lambda name: list_contains($by, name)),
        conversation_id,
        opened_at,
        case
            when bool_or(outcome = 'missed') then 'missed'
            when bool_or(outcome = 'met') then 'met'
            else 'void'
        end as outcome
    from (select * replace ('all' as sla) from ended)
    group by all
),

outcomes as (
    select * from with_late_reply
    union all by name
    select * from conversations_judged
),

-- Last, and an enum: rows sort by scope first, then in this order.
ordered as (
    select
        * exclude (sla),
        sla::enum ('first_response', 'next_response', 'resolution', 'all') as sla
    from outcomes
),

final as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) filter (outcome = 'met') as met,
        count(*) filter (outcome = 'missed') as missed,
        count(*) filter (outcome = 'void') as void,
        met / nullif(met + missed, 0) as attainment,
        case when min(target_seconds) = max(target_seconds) then min(target_seconds) end
            as target_seconds,
        count(late_seconds) as answered_late,
        max(late_seconds) as worst_late_seconds
    from ordered
    group by all
)

select * from final
order by all
