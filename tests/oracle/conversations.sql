-- Grain: life of a conversation. Scope, assignment and close as they stand at its last event.

create or replace table conversations as

with

-- up to the last close, whether or not a reopen followed
closes as (
    select
        conversation_id,
        incarnation,
        min(at_us) as first_closed_us,
        max(at_us) as last_closed_us,
        max(event_no) as last_closed_no
    from stg_states
    where is_closing
    group by conversation_id, incarnation
),

counts as (
    select
        conversation_id,
        incarnation,
        count_if(kind = 'post') as post_count,
        count_if(kind = 'reply' and agent is not null) as reply_count,
        count_if(kind = 'reply' and bot is not null) as bot_reply_count,
        count_if(is_reopening) as reopen_count,
        count_if(kind = 'transferred' and status != 'none') as transfer_count,
        count_if(kind in ('post', 'reply') and event_no < last_closed_no) as messages_to_close,
        min(at_us) filter (is_assignment) as first_assigned_us,
        coalesce(
            min(at_us) filter (is_assignment and event_no < last_closed_no),
            min(at_us) filter (
                kind = 'reply' and agent is not null and event_no < last_closed_no
            )
        ) as handled_from_us
    from stg_states
    left join closes using (conversation_id, incarnation)
    group by conversation_id, incarnation
),

running_waits as (
    select conversation_id, incarnation, started_us
    from stg_waits
    where ended_us is null
),

joined as (
    select
        life.*,
        last_event.* exclude (conversation_id, incarnation, event_no, status),
        counts.* exclude (conversation_id, incarnation),
        if(life.status = 'closed', last_closed_us, null) as closed_us,
        first_closed_us,
        opening.kind as opening_kind,
        opening.bot as opening_bot,
        opening.in_reply_to as opening_parent,
        close.agent as close_agent,
        close.bot as close_bot,
        close.customer as close_customer,
        close.resolution as close_resolution,
        post_us,
        reply_us,
        first_reply.agent as first_agent,
        first_reply.assigned_us as reply_assigned_us,
        started_us
    from stg_incarnations as life
    inner join stg_states as last_event
        on life.conversation_id = last_event.conversation_id and life.last_no = last_event.event_no
    inner join stg_states as opening
        on life.conversation_id = opening.conversation_id and life.opening_no = opening.event_no
    inner join counts
        on life.conversation_id = counts.conversation_id and life.incarnation = counts.incarnation
    left join closes
        on life.conversation_id = closes.conversation_id and life.incarnation = closes.incarnation
    left join stg_states as close
        on
            life.conversation_id = close.conversation_id
            and closes.last_closed_no = close.event_no
            and life.status = 'closed'
    left join stg_first_responses as response
        on
            life.conversation_id = response.conversation_id
            and life.incarnation = response.incarnation
    left join stg_states as first_reply
        on
            life.conversation_id = first_reply.conversation_id
            and response.reply_no = first_reply.event_no
    left join running_waits
        on
            life.conversation_id = running_waits.conversation_id
            and life.incarnation = running_waits.incarnation
)

select
    conversation_id,
    make_timestamptz(opened_us) as opened_at,
    brand,
    channel,
    queue,
    priority,
    language,
    region,
    case
        when opening_kind = 'post' then 'customer'
        when opening_bot is not null then 'bot'
        else 'agent'
    end as opened_by,
    opening_kind = 'post' and opening_parent is null as is_complete,
    make_timestamptz(post_us) as first_post_at,
    make_timestamptz(reply_us) as first_reply_at,
    first_agent,
    (reply_us - post_us) / 1e6 as first_response_seconds,
    case
        when reply_assigned_us is not null
            then (reply_us - greatest(reply_assigned_us, post_us)) / 1e6
    end as first_response_assigned_seconds,
    assigned_agent,
    make_timestamptz(first_assigned_us) as first_assigned_at,
    make_timestamptz(closed_us) as closed_at,
    -- the party, in the words of opened_by
    case
        when close_agent is not null then 'agent'
        when close_bot is not null then 'bot'
        when close_customer is not null then 'customer'
    end as closed_by,
    if(expired_us is not null, 'expired', close_resolution) as resolution,
    (first_closed_us - opened_us) / 1e6 as first_resolution_seconds,
    (closed_us - opened_us) / 1e6 as full_resolution_seconds,
    case when closed_us is not null then (closed_us - handled_from_us) / 1e6 end
        as handle_elapsed_seconds,
    post_count,
    reply_count,
    bot_reply_count,
    reopen_count,
    transfer_count,
    case when closed_us is not null then messages_to_close end as messages_to_resolution,
    make_timestamptz(started_us) as waiting_since,
    make_timestamptz(last_us) as last_event_at,
    expired_us is not null or coalesce(closed_us + reopen_window_us < end_us, false) as is_final
from joined
cross join settings
cross join replay_end;
