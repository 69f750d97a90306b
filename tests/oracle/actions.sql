-- Grain: event of a conversation that is no post and no reply.

create or replace table actions as

select
    state.conversation_id,
    make_timestamptz(opened_us) as opened_at,
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
    state.was.brand as from_brand,
    state.was.channel as from_channel,
    state.was.queue as from_queue,
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
inner join stg_incarnations using (conversation_id, incarnation)
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
where state.kind not in ('post', 'reply') and state.status != 'none';
