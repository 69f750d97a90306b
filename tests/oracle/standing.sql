-- What stands at the end of the clock. Grain: scope in which a conversation is not closed, or a
-- clock has not ended. Overdue: missed, and what it waited for still hasn't come. At risk: running,
-- and past its share of the target or its seconds before the deadline.

create or replace table standing as

with

clocks as (
    select
        clock.conversation_id,
        clock.incarnation,
        clock.sla,
        clock.missed_no is not null as is_overdue,
        clock.missed_no is null and (
            step.counted_by_limit_us > step.at_risk_ratio * step.target_us
            or coalesce(end_us > step.due_us - step.at_risk_us, false)
        ) as is_at_risk
    from stg_clocks as clock
    cross join replay_end
    inner join stg_incarnations as life using (conversation_id, incarnation)
    inner join stg_clock_steps as step
        on
            clock.conversation_id = step.conversation_id
            and clock.sla = step.sla
            and clock.started_no = step.started_no
            and life.last_no = step.event_no
    where clock.sla != 'exchange' and clock.finish_no is null and life.final_us is null
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
