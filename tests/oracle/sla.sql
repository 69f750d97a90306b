-- Grain: SLA clock. Missed once the end, or the replay's end, lies past the deadline; a human reply
-- up to and at the deadline meets a response clock, the close that ends it a resolution clock; a
-- close, a bot's answer or expiry voids. Target and rule are the clock's at its end; so are the
-- row's scope and agent.

create or replace table stg_sla as

with

-- the last step before the end, the end's own where it moved the conversation
last_steps as (
    select
        clock.*,
        step.* exclude (
            conversation_id, incarnation, sla, started_no, ended_no, missed_us, missed_no
        ),
        life.opened_us,
        life.last_no,
        life.final_us,
        life.status as last_status,
        life.closer,
        finish.at_us as finish_us,
        finish.kind as finish_kind,
        finish.agent as finish_agent,
        finish.counted_us as finish_counted_us,
        state.at_us as started_us
    from stg_clocks as clock
    inner join stg_incarnations as life using (conversation_id, incarnation)
    inner join stg_states as state
        on clock.conversation_id = state.conversation_id and clock.started_no = state.event_no
    left join stg_clock_steps as finish
        on
            clock.conversation_id = finish.conversation_id
            and clock.sla = finish.sla
            and clock.started_no = finish.started_no
            and clock.finish_no = finish.event_no
    inner join stg_clock_steps as step
        on
            clock.conversation_id = step.conversation_id
            and clock.sla = step.sla
            and clock.started_no = step.started_no
            and case
                when clock.missed_no is not null then step.event_no = clock.missed_no
                else
                    coalesce(step.event_no != clock.finish_no, true)
                    or step.is_retargeted
                    or step.event_no = step.started_no
            end
    qualify
        row_number() over (
            partition by clock.conversation_id, clock.sla, clock.started_no
            order by step.event_no desc
        ) = 1
),

judged as (
    select
        *,
        coalesce(finish_us, final_us) as natural_end_us,
        case
            when missed_no is not null then 'missed'
            when natural_end_us is null then 'running'
            when sla = 'resolution' and (finish_kind = 'closed' or last_status = 'closed') then 'met'
            when finish_kind = 'reply' and finish_agent is not null then 'met'
            else 'void'
        end as outcome
    from last_steps
),

-- the event whose scope held when the clock ended, and who had it: at a move that was its miss, who
-- had it before
final as (
    select
        judged.conversation_id,
        judged.incarnation,
        judged.sla,
        judged.started_no,
        opened_us,
        started_us,
        if(outcome = 'missed', judged.missed_us, due_us) as due_us,
        if(outcome = 'missed', judged.missed_us, natural_end_us) as ended_us,
        outcome,
        version,
        rule,
        target_us,
        case outcome
            when 'missed' then greatest(judged.counted_us, target_us)
            when 'running' then null
            else coalesce(finish_counted_us, counted_by_limit_us)
        end as elapsed_us,
        case
            when outcome = 'missed' and judged.counted_us > target_us then state.agent_before
            when outcome = 'met' and finish_no is not null
                then coalesce(finish_agent, state.assigned_agent)
            when outcome = 'met' then coalesce(closer, state.assigned_agent)
            else state.assigned_agent
        end as agent,
        state.brand,
        state.channel,
        state.queue,
        state.priority
    from judged
    inner join stg_states as state
        on
            judged.conversation_id = state.conversation_id
            and coalesce(judged.missed_no, finish_no, last_no) = state.event_no
)

select * from final;

create or replace table sla as

select
    conversation_id,
    make_timestamptz(opened_us) as opened_at,
    sla,
    make_timestamptz(started_us) as started_at,
    make_timestamptz(due_us) as due_at,
    make_timestamptz(ended_us) as ended_at,
    outcome,
    version as policy_version,
    rule,
    target_us / 1e6 as target_seconds,
    elapsed_us / 1e6 as elapsed_seconds,
    agent,
    brand,
    channel,
    queue,
    priority
from stg_sla;
