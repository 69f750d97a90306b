-- SLA clocks that ran, and how far each had come at each event. A clock's own rule is the one that
-- held when it started or when an event last moved the conversation to other scope or priority.

-- Grain: (sla, event that may start a clock). `ended_no` is the event that would end it.
create or replace table stg_clock_starts as

with

candidates as (
    select
        waits.conversation_id,
        waits.incarnation,
        case
            when coalesce(started_no <= reply_no, true) then 'first_response'
            else 'next_response'
        end as sla,
        waits.started_no,
        if(sla = 'next_response', waits.ended_no, null) as wait_ended_no
    from stg_waits as waits
    left join stg_first_responses using (conversation_id, incarnation)

    union all

    -- a first wait measured as any other, for rules that give the first response no target
    select conversation_id, incarnation, 'exchange', started_no, ended_no
    from stg_waits
    inner join stg_first_responses using (conversation_id, incarnation)
    where started_no <= reply_no

    union all

    select conversation_id, incarnation, 'resolution', event_no, null
    from stg_states
    where is_opening or is_reopening
),

-- what each later event does to it
followed as (
    select
        candidates.*,
        state.event_no,
        state.at_us,
        state.kind,
        state.agent,
        state.status,
        state.paused_for,
        state.is_closing,
        state.is_moved and state.event_no > started_no as is_retargeted,
        coalesce(state.next_us, life.final_us, end_us) as limit_us,
        own.rule_no
    from candidates
    cross join replay_end
    inner join stg_incarnations as life using (conversation_id, incarnation)
    inner join stg_states as state
        on
            candidates.conversation_id = state.conversation_id
            and candidates.incarnation = state.incarnation
            and state.event_no >= started_no
            and coalesce(state.event_no <= wait_ended_no, true)
    inner join stg_states as own
        on
            state.conversation_id = own.conversation_id
            and own.event_no = greatest(started_no, coalesce(state.moved_no, 0))
),

ruled as (
    select
        followed.* exclude (rule_no),
        rule.name as rule,
        rule.version,
        coalesce(rule.schedule, 'wall') as schedule,
        rule.at_risk_ratio,
        rule.at_risk_us,
        rule.first_response_us is null as is_only_next,
        case sla
            when 'first_response' then rule.first_response_us
            when 'resolution' then rule.resolution_us
            else rule.next_response_us
        end as target_us,
        coalesce(
            case sla
                when 'first_response' then rule.first_response_pauses
                when 'resolution' then rule.resolution_pauses
                else rule.next_response_pauses
            end,
            []
        ) as pauses,
        coalesce(list_contains(pauses, paused_for), false)
        or (status = 'closed' and list_contains(pauses, 'closed')) as is_stopped,
        case
            when event_no = started_no then false
            when sla in ('next_response', 'exchange') then event_no = wait_ended_no
            when is_closing then not list_contains(pauses, 'closed')
            else sla = 'first_response' and kind = 'reply' and agent is not null
        end as is_end
    from followed
    left join policy_rules as rule on followed.rule_no = rule.rule_no
),

final as (
    select
        *,
        min(if(is_end, event_no, null)) over clock as ended_no
    from ruled
    window clock as (partition by conversation_id, sla, started_no)
)

select * from final
where coalesce(event_no <= ended_no, true);

-- Grain: (clock that may have run, event of it). Counted time and deadline as they stand after the
-- event; `missed_us` where the clock passes its target before the next event.
create or replace table stg_clock_steps as

with

counted as (
    select
        step.*,
        since.read_us,
        coalesce(
            sum(
                case
                    when is_stopped or coalesce(event_no = ended_no, false) then 0
                    else until.read_us - since.read_us
                end
            ) over (
                partition by step.conversation_id, sla, started_no order by event_no
                rows between unbounded preceding and 1 preceding
            ),
            0
        )::bigint as counted_us,
        case
            when is_stopped or coalesce(event_no = ended_no, false) then counted_us
            else counted_us + until.read_us - since.read_us
        end as counted_by_limit_us
    from stg_clock_starts as step
    inner join stg_readings as since
        on step.schedule = since.schedule and step.at_us = since.at_us
    inner join stg_readings as until
        on
            step.schedule = until.schedule
            and step.limit_us = until.at_us
),

due as (
    select
        counted.*,
        -- the instant beyond which more than the target has been counted
        case
            when is_stopped or target_us is null then null
            when counted_us > target_us then if(is_retargeted, at_us, null)
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
            when is_retargeted and counted_us > target_us then at_us
            when coalesce(event_no = ended_no, false) then null
            when due_us < limit_us then due_us
        end as missed_us
    from due
)

select * from final;

-- Grain: clock that ran. Of the starts only those at which none of its SLA ran already: the chain
-- goes from one to the first that lies past its end.
create or replace table stg_clocks as

with recursive

judged as (
    select
        conversation_id,
        incarnation,
        sla,
        started_no,
        any_value(ended_no) as finish_no,
        min(event_no) filter (missed_us is not null) as missed_no,
        min(missed_us) as missed_us,
        -- where it lost its target before it was missed; at its start it never ran
        min(event_no) filter (
            target_us is null and (event_no = started_no or is_retargeted)
        ) as lost_no,
        if(lost_no <= coalesce(missed_no, lost_no), lost_no, null) as dropped_no,
        coalesce(dropped_no, finish_no) as ended_no
    from stg_clock_steps
    group by conversation_id, incarnation, sla, started_no
),

followed as (
    select
        judged.*,
        min(later.started_no) as successor_no
    from judged
    left join judged as later
        on
            judged.conversation_id = later.conversation_id
            and judged.incarnation = later.incarnation
            and judged.sla = later.sla
            and later.started_no > judged.started_no
            and later.started_no >= judged.ended_no
    group by all
),

chain as (
    select conversation_id, incarnation, sla, min(started_no) as started_no
    from judged
    group by conversation_id, incarnation, sla

    union all

    select followed.conversation_id, followed.incarnation, followed.sla, successor_no
    from chain
    inner join followed using (conversation_id, incarnation, sla, started_no)
    where successor_no is not null
)

select judged.*
from chain
inner join judged using (conversation_id, incarnation, sla, started_no)
where dropped_no is null;
