-- Grain: event of a conversation that is no post and no reply; before the first message `opened_at`
-- is null.

create or replace table actions as

select
    state.conversation_id,
    case when state.status != 'none' then make_timestamptz(opened_us) end as opened_at,
    state.id,
    state.source,
    make_timestamptz(state.at_us) as at,
    state.seq,
    state.kind,
    state.agent,
    state.bot,
    coalesce(state.agent_before, state.sender_before) as handling_agent,
    make_timestamptz(stg_waits.started_us) as wait_started_at,
    coalesce(state.event_no > response.reply_no, false) as is_answered,
    coalesce(state.was.brand, 'default') as from_brand,
    coalesce(state.was.channel, 'default') as from_channel,
    coalesce(state.was.queue, 'default') as from_queue,
    state.brand,
    state.channel,
    state.queue,
    state.priority,
    state.reason,
    state.resolution,
    state.survey,
    state.score,
    state.scale_max,
    stg_surveys.is_positive,
    stg_surveys.credited_agent,
    state.tags,
    state.topic,
    state.actionable
from stg_states as state
left join stg_incarnations using (conversation_id, incarnation)
left join stg_waits
    on
        state.conversation_id = stg_waits.conversation_id
        and state.incarnation = stg_waits.incarnation
        and state.event_no > stg_waits.started_no
        and coalesce(state.event_no <= stg_waits.ended_no, true)
left join stg_first_responses as response
    on
        state.conversation_id = response.conversation_id
        and state.incarnation = response.incarnation
left join stg_surveys
    on
        state.conversation_id = stg_surveys.conversation_id
        and state.event_no = stg_surveys.event_no
where state.kind not in ('post', 'reply');
