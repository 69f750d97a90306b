-- The first response in all its clocks, and the worst wait. Grain: life of a conversation.

create or replace table stg_first_waits as

with

-- the human clock starts anew at the first hand-off, and at a reopen while nobody had replied
human_starts as (
    select
        response.conversation_id,
        response.incarnation,
        greatest(
            response.post_no,
            min(state.event_no) filter (state.kind = 'handed_off'),
            max(state.event_no) filter (state.is_reopening)
        ) as human_no
    from stg_first_responses as response
    left join stg_states as state
        on
            response.conversation_id = state.conversation_id
            and response.incarnation = state.incarnation
            and state.status != 'none'
            and state.event_no < response.reply_no
    group by response.conversation_id, response.incarnation, response.post_no
),

-- how much was left of the clock that a person's answer ended; without one, of the target for
-- next responses
margins as (
    select
        answers.conversation_id,
        answers.incarnation,
        answers.kind,
        reply.at_us - answers.started_us as wait_us,
        coalesce(
            step.target_us - step.counted_us,
            rule.next_response_us - (reply_time.next_active_us - start_time.next_active_us)
        ) as margin_us,
        if(answers.kind = 'first', step.target_us - step.counted_us, null) as first_margin_us
    from stg_answers as answers
    inner join stg_states as reply
        on
            answers.conversation_id = reply.conversation_id
            and answers.reply_no = reply.event_no
    inner join stg_times as reply_time
        on
            answers.conversation_id = reply_time.conversation_id
            and answers.reply_no = reply_time.event_no
    inner join stg_times as start_time
        on
            answers.conversation_id = start_time.conversation_id
            and answers.started_no = start_time.event_no
    left join policy_rules as rule on reply.rule_no = rule.rule_no
    left join stg_clocks as clock
        on
            answers.conversation_id = clock.conversation_id
            and answers.reply_no = clock.finish_no
            and clock.sla in ('first_response', 'next_response')
    left join stg_clock_steps as step
        on
            clock.conversation_id = step.conversation_id
            and clock.sla = step.sla
            and clock.started_no = step.started_no
            and clock.finish_no = step.event_no
),

worst as (
    select
        conversation_id,
        incarnation,
        max(wait_us) / 1e6 as worst_wait_seconds,
        min(margin_us) / 1e6 as worst_margin_seconds,
        any_value(first_margin_us) / 1e6 as margin_seconds
    from margins
    group by all
),

final as (
    select
        response.conversation_id,
        response.incarnation,
        response.post_us,
        response.reply_us,
        reply.agent as first_agent,
        case when reply.assigned_us is not null then greatest(reply.assigned_us, wait_us) end
            as handled_since_us,
        human.at_us as human_us,
        reply_time.business_us - post_time.business_us as business_us,
        reply_time.business_us - human_time.business_us as human_business_us,
        case
            when reply.assigned_us is not null
                then
                    reply_time.business_us
                    - greatest(assigned_time.business_us, wait_time.business_us)
        end as assigned_business_us,
        reply_time.first_active_us - post_time.first_active_us as active_us
    from stg_first_responses as response
    left join stg_answers as answer
        on
            response.conversation_id = answer.conversation_id
            and response.reply_no = answer.reply_no
    left join stg_times as wait_time
        on
            answer.conversation_id = wait_time.conversation_id
            and answer.wait_no = wait_time.event_no
    left join stg_states as reply
        on
            response.conversation_id = reply.conversation_id
            and response.reply_no = reply.event_no
    left join human_starts
        on
            response.conversation_id = human_starts.conversation_id
            and response.incarnation = human_starts.incarnation
    left join stg_states as human
        on
            response.conversation_id = human.conversation_id
            and human_starts.human_no = human.event_no
    left join stg_times as human_time
        on
            response.conversation_id = human_time.conversation_id
            and human_starts.human_no = human_time.event_no
    left join stg_times as reply_time
        on
            response.conversation_id = reply_time.conversation_id
            and response.reply_no = reply_time.event_no
    left join stg_times as post_time
        on
            response.conversation_id = post_time.conversation_id
            and response.post_no = post_time.event_no
    left join stg_times as assigned_time
        on
            response.conversation_id = assigned_time.conversation_id
            and reply.assigned_no = assigned_time.event_no
)

select
    final.*,
    worst_wait_seconds,
    worst_margin_seconds,
    margin_seconds
from final
left join worst using (conversation_id, incarnation);
