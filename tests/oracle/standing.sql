-- What stands at the end of the clock. Grain: scope in which a conversation has not ended for good.
-- Overdue: missed, and what it waited for still hasn't come, in a conversation that is not closed.
-- At risk: running, and past its share of the target or its seconds before the deadline.

create or replace table standing as

with

-- where each clock last began to count: at its start, its rule's change, the end of a stop
stretches as (
    select
        conversation_id,
        sla,
        started_no,
        max(event_no) filter (begins) as from_no
    from (
        select
            *,
            event_no = started_no
            or is_retargeted
            or is_stopped != lag(is_stopped) over (
                partition by conversation_id, sla, started_no order by event_no
            ) as begins
        from stg_clock_steps
    )
    group by all
),

risks as (
    select
        step.conversation_id,
        step.sla,
        step.started_no,
        step.is_stopped,
        step.due_us,
        step.at_us,
        greatest(round_even(step.at_risk_ratio * step.target_us, 0)::bigint - step.counted_us, 0)
            as left_us,
        step.schedule,
        step.read_us,
        step.at_risk_us
    from stg_clock_steps as step
    inner join stretches
        on
            step.conversation_id = stretches.conversation_id
            and step.sla = stretches.sla
            and step.started_no = stretches.started_no
            and step.event_no = stretches.from_no
),

points as (
    select
        risks.*,
        least(
            if(
                risks.schedule = 'wall',
                at_us + left_us,
                span.open_us + read_us + left_us - span.before_us
            ),
            if(at_risk_us is null, null, greatest(due_us - at_risk_us, at_us))
        ) as risk_us
    from risks
    asof left join stg_open_spans as span
        on risks.schedule = span.schedule and risks.read_us + risks.left_us < span.after_us
),

clocks as (
    select
        clock.conversation_id,
        clock.incarnation,
        clock.sla,
        clock.missed_no is not null and life.status = 'open' as is_overdue,
        clock.missed_no is null and not point.is_stopped and point.risk_us < end_us as is_at_risk
    from stg_clocks as clock
    cross join replay_end
    inner join stg_incarnations as life using (conversation_id, incarnation)
    inner join points as point
        on
            clock.conversation_id = point.conversation_id
            and clock.sla = point.sla
            and clock.started_no = point.started_no
    where clock.finish_no is null and life.final_us is null
),

counts as (
    select
        conversation_id,
        incarnation,
        count_if(sla = 'first_response' and is_overdue) as overdue_first_response,
        count_if(sla = 'next_response' and is_overdue) as overdue_next_response,
        count_if(sla = 'resolution' and is_overdue) as overdue_resolution,
        count_if(sla = 'first_response' and is_at_risk) as at_risk_first_response,
        count_if(sla = 'next_response' and is_at_risk) as at_risk_next_response,
        count_if(sla = 'resolution' and is_at_risk) as at_risk_resolution
    from clocks
    group by all
)

select
    state.brand,
    state.channel,
    state.queue,
    count_if(wait.started_us is not null) as waiting,
    count_if(wait.started_us is not null and state.assigned_agent is null) as unassigned,
    count_if(life.status = 'open') as backlog,
    make_timestamptz(min(wait.started_us)) as oldest_wait_at,
    coalesce(sum(overdue_first_response), 0)::bigint as overdue_first_response,
    coalesce(sum(overdue_next_response), 0)::bigint as overdue_next_response,
    coalesce(sum(overdue_resolution), 0)::bigint as overdue_resolution,
    coalesce(sum(at_risk_first_response), 0)::bigint as at_risk_first_response,
    coalesce(sum(at_risk_next_response), 0)::bigint as at_risk_next_response,
    coalesce(sum(at_risk_resolution), 0)::bigint as at_risk_resolution
from stg_incarnations as life
inner join stg_states as state
    on life.conversation_id = state.conversation_id and life.last_no = state.event_no
left join stg_waits as wait
    on
        life.conversation_id = wait.conversation_id
        and life.incarnation = wait.incarnation
        and wait.ended_us is null
left join counts
    on
        life.conversation_id = counts.conversation_id
        and life.incarnation = counts.incarnation
where life.final_us is null
group by state.brand, state.channel, state.queue;
