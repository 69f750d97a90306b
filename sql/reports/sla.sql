-- sla: clocks that ended in the period (throughput), one row per SLA and group of `by`.
--
-- The SLA `all` judges conversations, not clocks: one that ended a clock in the period (and, with
-- a group, in that group) is missed if any clock was, else met if any was, else void.
--
-- met, missed, void        clocks by outcome; a missed one ends at its deadline
-- attainment               met / (met + missed), null when there are neither
-- attainment_low, _high_ratio  its 95 % interval (Wilson)
-- target_seconds           the target, null where rules with several targets meet in a row
-- answered_late            missed clocks that a human reply did end later; null for all
-- worst_late_seconds       the longest of these, deadline to reply; null when there is none
-- abandoned                first_response only: conversations that ended without a human reply, by
--                          expiry or the customer's close, in the period
-- short_abandoned          of these, within $short_abandon seconds of the opening
-- flow_outs                first_response only: moves to another queue before a human reply
-- service_level_ratio      first_response only: met of the answered and abandoned, by the variant
--                          asked for; added to the rows by metrics/service_level.py
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out), $tz, $by,
-- $short_abandon.
-- Groups: day, hour, brand, channel, queue, priority; sla is always one.
with

ended as (
    select
        day_of(ended_at, $tz) as day,
        hour_of(ended_at, $tz) as hour,
        *
    from stg_sla
    where is_ended
        and is_within(ended_at, $since, $until)
),

clocks as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) filter (outcome = 'met') as met,
        count(*) filter (outcome = 'missed') as missed,
        count(*) filter (outcome = 'void') as void,
        case when min(target_seconds) = max(target_seconds) then min(target_seconds) end
            as target_seconds
    from ended
    group by all
),

judged as (
    select
        columns(lambda name: list_contains($by, name)),
        conversation_id,
        opened_at,
        bool_or(outcome = 'missed') as is_missed,
        bool_or(outcome = 'met') as is_met
    from (select * replace ('all' as sla) from ended)
    group by all
),

conversations_judged as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) filter (is_met and not is_missed) as met,
        count(*) filter (is_missed) as missed,
        count(*) filter (not is_met and not is_missed) as void
    from judged
    group by all
),

late as (
    select
        columns(lambda name: list_contains($by, name)),
        count(late_by_seconds) as answered_late,
        max(late_by_seconds) as worst_late_seconds
    from (
        select
            day_of(missed_at, $tz) as day,
            hour_of(missed_at, $tz) as hour,
            *
        from breaches_between($since, $until)
    )
    group by all
),

left_without_reply as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) as abandoned,
        count(*) filter (full_resolution_seconds <= $short_abandon::double) as short_abandoned
    from (
        select
            'first_response' as sla,
            coalesce(closed_at, final_at) as left_at,
            day_of(left_at, $tz) as day,
            hour_of(left_at, $tz) as hour,
            *
        from stg_conversations
        where is_abandoned
            and is_within(left_at, $since, $until)
    )
    group by all
),

moved as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) as flow_outs
    from (
        select
            'first_response' as sla,
            day_of(transferred_at, $tz) as day,
            hour_of(transferred_at, $tz) as hour,
            from_brand as brand,
            from_channel as channel,
            from_queue as queue,
            priority
        from transfers
        where is_flow_out
            and is_within(transferred_at, $since, $until)
    )
    group by all
),

pieces as (
    select * from clocks
    union all by name
    select * from conversations_judged
    union all by name
    select * from late
    union all by name
    select * from left_without_reply
    union all by name
    select * from moved
),

-- Last, and an enum: rows sort by scope first, then in this order.
ordered as (
    select
        * exclude (sla),
        sla::enum ('first_response', 'next_response', 'resolution', 'all') as sla
    from pieces
),

-- One piece of each kind a row: whatever it is taken by, it is that value.
whole as (
    select
        columns(lambda name: list_contains($by, name)),
        any_value(columns(lambda name: not list_contains($by, name)))
    from ordered
    group by all
),

final as (
    select
        columns(lambda name: list_contains($by, name)),
        coalesce(met, 0) as met,
        coalesce(missed, 0) as missed,
        coalesce(void, 0) as void,
        met / nullif(met + missed, 0) as attainment,
        wilson_low(met, met + missed) as attainment_low_ratio,
        wilson_high(met, met + missed) as attainment_high_ratio,
        target_seconds,
        case when sla <> 'all' then coalesce(answered_late, 0) end as answered_late,
        worst_late_seconds,
        case when sla = 'first_response' then coalesce(abandoned, 0) end as abandoned,
        case when sla = 'first_response' then coalesce(short_abandoned, 0) end as short_abandoned,
        case when sla = 'first_response' then coalesce(flow_outs, 0) end as flow_outs
    from whole
)

select * from final
order by all
