-- How far each SLA clock had come at each event. A clock's own rule is the one that held when it
-- started or when an event last moved the conversation to other scope or priority.

-- Grain: (sla, event that may start a clock, event from there on). `ended_no` is the event that ends
-- it: a person's reply, the end of the wait, a close that its rule doesn't take for a pause.
create or replace table stg_clock_events as

with

waits as (
    select
        stg_waits.*,
        case
            when coalesce(started_no <= reply_no, true) then 'first_response'
            else 'next_response'
        end as sla,
        if(sla = 'next_response', stg_waits.ended_no, null) as wait_ended_no
    from stg_waits
    left join stg_first_responses using (conversation_id, incarnation)
),

candidates as (
    select
        conversation_id,
        incarnation,
        sla,
        started_no,
        wait_ended_no,
        false as is_by_move
    from waits

    union all

    -- a wait for which no clock runs gets one where it comes to a rule with a target
    select
        waits.conversation_id,
        waits.incarnation,
        waits.sla,
        state.event_no,
        wait_ended_no,
        true
    from waits
    inner join stg_states as state
        on
            waits.conversation_id = state.conversation_id
            and waits.incarnation = state.incarnation
            and waits.started_no < state.event_no
            and coalesce(state.event_no <= waits.ended_no, true)
    where is_moved

    union all

    select conversation_id, incarnation, 'resolution', event_no, null, not (is_opening or is_reopening)
    from stg_states
    where
        is_opening
        or is_reopening
        or (is_moved and (status = 'open' or is_closing))
),

-- what each later event does to it
followed as (
    select
        candidates.*,
        misses.missed_no,
        state.event_no,
        state.at_us,
        state.kind,
        state.agent,
        state.status,
        state.paused_for,
        state.is_closing,
        state.is_moved
        and state.event_no > candidates.started_no
        and coalesce(state.event_no <= misses.missed_no, true) as is_retargeted,
        coalesce(state.next_us, life.final_us, end_us) as limit_us,
        max(
            case
                when coalesce(state.event_no <= misses.missed_no, true)
                    then greatest(candidates.started_no, coalesce(state.moved_no, 0))
            end
        ) over (
            partition by candidates.conversation_id, candidates.sla, candidates.started_no
            order by state.event_no
        ) as own_no
    from candidates
    cross join replay_end
    inner join stg_incarnations as life using (conversation_id, incarnation)
    inner join stg_states as state
        on
            candidates.conversation_id = state.conversation_id
            and candidates.incarnation = state.incarnation
            and state.event_no >= candidates.started_no
            and coalesce(state.event_no <= wait_ended_no, true)
    left join stg_misses as misses
        on
            candidates.conversation_id = misses.conversation_id
            and candidates.sla = misses.sla
            and candidates.started_no = misses.started_no
),

ruled as (
    select
        followed.*,
        rule.name as rule,
        rule.version,
        coalesce(rule.schedule, 'wall') as schedule,
        rule.at_risk_ratio,
        rule.at_risk_us,
        case sla
            when 'first_response' then rule.first_response_us
            when 'next_response' then rule.next_response_us
            else rule.resolution_us
        end as target_us,
        coalesce(
            case sla
                when 'first_response' then rule.first_response_pauses
                when 'next_response' then rule.next_response_pauses
                else rule.resolution_pauses
            end,
            []
        ) as pauses,
        -- a close that ends the clock finds it as it ran
        coalesce(list_contains(pauses, followed.paused_for), false)
        or (
            followed.status = 'closed'
            and not (followed.is_closing and sla = 'next_response')
            and list_contains(pauses, 'closed')
        ) as is_stopped,
        case
            when followed.event_no = started_no and not is_by_move then false
            when sla = 'next_response' then followed.event_no = wait_ended_no
            when followed.is_closing then not list_contains(pauses, 'closed')
            else sla = 'first_response' and followed.kind = 'reply' and followed.agent is not null
        end as is_end
    from followed
    inner join stg_states as own
        on followed.conversation_id = own.conversation_id and followed.own_no = own.event_no
    left join policy_rules as rule on own.rule_no = rule.rule_no
),

final as (
    select
        *,
        min(if(is_end, event_no, null)) over (
            partition by conversation_id, sla, started_no
        ) as ended_no
    from ruled
)

select * from final
where coalesce(event_no <= ended_no, true);

-- Grain: the same. Counted time and deadline as they stand after the event; `missed_us` where the
-- clock passes its target before the next event, or the event's own target is passed already.
create or replace table stg_clock_steps as

with

counted as (
    select
        step.*,
        since.read_us,
        step.is_stopped or coalesce(step.event_no = step.ended_no, false) as is_still,
        coalesce(
            sum(if(is_still, 0, until.read_us - since.read_us)) over (
                partition by step.conversation_id, sla, started_no order by event_no
                rows between unbounded preceding and 1 preceding
            ),
            0
        )::bigint as counted_us,
        if(is_still, 0, until.read_us - since.read_us) + counted_us as counted_by_limit_us
    from stg_clock_events as step
    inner join stg_readings as since
        on step.schedule = since.schedule and step.at_us = since.at_us
    inner join stg_readings as until
        on step.schedule = until.schedule and step.limit_us = until.at_us
),

due as (
    select
        counted.*,
        -- the instant beyond which more than the target has been counted
        case
            when is_stopped or counted_us > target_us then null
            when counted.schedule = 'wall' then at_us + target_us - counted_us
            else span.open_us + read_us + target_us - counted_us - span.before_us
        end as due_us
    from counted
    asof left join stg_open_spans as span
        on
            counted.schedule = span.schedule
            and counted.read_us + counted.target_us - counted.counted_us < span.after_us
),

final as (
    select
        *,
        case
            when (is_retargeted or event_no = started_no) and counted_us > target_us then at_us
            when coalesce(event_no = ended_no, false) then null
            when due_us < limit_us then due_us
        end as missed_us
    from due
)

select * from final;
