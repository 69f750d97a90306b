-- Grain: SLA clock that ended. Rule and target by the scope when it started; row's scope and agent
-- when it ended. Outcome: missed once the end, or the replay's end, lies past the deadline; a human
-- reply up to and at the deadline meets it; a close, a bot's answer or expiry up to it voids it.

create or replace table sla as

with

-- a first-response clock spans the islands between human replies and closes: bots change nothing
islands as (
    select
        *,
        is_closing or (kind = 'reply' and agent is not null) as is_end,
        count_if(is_end) over (
            partition by conversation_id, incarnation order by event_no
            rows between unbounded preceding and current row
        ) - is_end::int as island
    from stg_states
    where status != 'none'
),

first_clocks as (
    select
        islands.conversation_id,
        islands.incarnation,
        'first_response' as sla,
        min(stg_waits.started_no) as started_no,
        max(islands.event_no) filter (islands.is_end) as ended_no
    from islands
    left join stg_waits
        on
            islands.conversation_id = stg_waits.conversation_id
            and islands.event_no = stg_waits.started_no
    left join stg_first_responses
        on
            islands.conversation_id = stg_first_responses.conversation_id
            and islands.incarnation = stg_first_responses.incarnation
    where coalesce(islands.event_no <= stg_first_responses.reply_no, true)
    group by islands.conversation_id, islands.incarnation, islands.island
    having min(stg_waits.started_no) is not null
),

next_clocks as (
    select
        conversation_id,
        incarnation,
        'next_response' as sla,
        started_no,
        ended_no
    from stg_waits
    inner join stg_first_responses using (conversation_id, incarnation)
    where started_no > reply_no
),

clocks as (
    select
        clock.*,
        start.at_us as started_us,
        start.brand,
        start.channel,
        start.queue,
        start.priority,
        coalesce(finish.at_us, stg_incarnations.expired_us) as ended_us,
        finish.kind = 'reply' and finish.agent is not null as is_answered,
        finish.agent as replier,
        stg_incarnations.opened_us,
        stg_incarnations.last_no
    from (from first_clocks union all from next_clocks) as clock
    inner join stg_incarnations using (conversation_id, incarnation)
    inner join stg_states as start
        on
            clock.conversation_id = start.conversation_id
            and clock.started_no = start.event_no
    left join stg_states as finish
        on
            clock.conversation_id = finish.conversation_id
            and clock.ended_no = finish.event_no
),

-- the first rule that matches wins, also where it sets no target for this SLA
ruled as (
    select
        clocks.* exclude (brand, channel, queue, priority),
        rule.name as rule,
        rule.version,
        case sla
            when 'first_response' then rule.first_response_us
            else rule.next_response_us
        end as target_us,
        started_us + target_us as due_us
    from clocks
    inner join policy_rules as rule
        on
            coalesce(list_contains(rule.brands, clocks.brand), true)
            and coalesce(list_contains(rule.channels, clocks.channel), true)
            and coalesce(list_contains(rule.queues, clocks.queue), true)
            and coalesce(list_contains(rule.priorities, clocks.priority), true)
            and coalesce(rule.effective_us <= clocks.started_us, true)
    qualify row_number() over (
        partition by conversation_id, sla, started_no order by rule.rule_no
    ) = 1
),

judged as (
    select
        ruled.*,
        case
            when coalesce(ended_us, end_us) > due_us then 'missed'
            when ended_us is null then 'running'
            when is_answered then 'met'
            else 'void'
        end as outcome
    from ruled
    cross join replay_end
    where target_us is not null
),

-- the event whose scope and assignment held when the clock ended
ended as (
    select
        judged.conversation_id,
        judged.sla,
        judged.started_no,
        case
            when outcome = 'missed' then max(event_no) filter (at_us <= due_us)
            else coalesce(ended_no, last_no)
        end as state_no
    from judged
    inner join stg_states using (conversation_id, incarnation)
    group by judged.conversation_id, judged.sla, judged.started_no, outcome, ended_no, last_no
)

select
    conversation_id,
    make_timestamptz(opened_us) as opened_at,
    sla,
    make_timestamptz(started_us) as started_at,
    make_timestamptz(due_us) as due_at,
    make_timestamptz(if(outcome = 'missed', due_us, ended_us)) as ended_at,
    outcome,
    version as policy_version,
    rule,
    target_us / 1e6 as target_seconds,
    if(outcome = 'met', replier, state.assigned_agent) as agent,
    state.brand,
    state.channel,
    state.queue,
    state.priority
from judged
inner join ended using (conversation_id, sla, started_no)
inner join stg_states as state using (conversation_id, incarnation)
where state.event_no = ended.state_no and outcome != 'running';
