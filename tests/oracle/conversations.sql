-- Grain: life of a conversation. Scope, assignment and close as they stand at its last event.

create or replace table conversations as

with

running_waits as (
    select conversation_id, incarnation, started_us
    from stg_waits
    where ended_us is null
),

-- the latest clock of each SLA
deadlines as (
    select
        conversation_id,
        incarnation,
        arg_max_null(due_us, started_no) filter (sla = 'first_response') as first_due_us,
        arg_max_null(due_us, started_no) filter (sla = 'resolution') as resolution_due_us
    from stg_sla
    group by all
),

resolution_margins as (
    select
        clock.conversation_id,
        clock.incarnation,
        arg_max(step.target_us - step.counted_us, clock.started_no) / 1e6 as margin_seconds
    from stg_clocks as clock
    inner join stg_totals as total using (conversation_id, incarnation)
    inner join stg_clock_steps as step
        on
            clock.conversation_id = step.conversation_id
            and clock.sla = step.sla
            and clock.started_no = step.started_no
            and total.last_closed_no = step.event_no
    where clock.sla = 'resolution'
    group by all
),

joined as (
    select
        life.*,
        last_event.* exclude (conversation_id, incarnation, event_no, status, topic, tags),
        total.* exclude (conversation_id, incarnation),
        life.status = 'closed' as is_closed,
        first_close.at_us as first_closed_us,
        close.at_us as closed_us,
        opening.kind as opening_kind,
        opening.bot as opening_bot,
        opening.in_reply_to as opening_parent,
        if(is_closed, close.agent, null) as close_agent,
        if(is_closed, close.bot, null) as close_bot,
        if(is_closed, close.customer, null) as close_customer,
        if(is_closed, close.resolution, null) as close_resolution,
        handled.at_us as handled_us,
        handled_time.business_us as handled_business_us,
        opening_time.business_us as opening_business_us,
        opening_time.resolution_active_us as opening_active_us,
        first_close_time.business_us as first_closed_business_us,
        close_time.business_us as closed_business_us,
        close_time.resolution_active_us as closed_active_us,
        close_time.worked_us,
        close_time.worked_business_us,
        paused_time.paused_us,
        first_wait.* exclude (conversation_id, incarnation),
        running_waits.started_us,
        resolution_margins.margin_seconds as resolution_margin_seconds
    from stg_incarnations as life
    inner join stg_totals as total using (conversation_id, incarnation)
    inner join stg_states as last_event
        on life.conversation_id = last_event.conversation_id and life.last_no = last_event.event_no
    left join stg_times as paused_time
        on
            life.conversation_id = paused_time.conversation_id
            and total.last_paused_no = paused_time.event_no
    inner join stg_states as opening
        on life.conversation_id = opening.conversation_id and life.opening_no = opening.event_no
    inner join stg_times as opening_time
        on
            life.conversation_id = opening_time.conversation_id
            and life.opening_no = opening_time.event_no
    left join stg_states as first_close
        on
            life.conversation_id = first_close.conversation_id
            and total.first_closed_no = first_close.event_no
    left join stg_times as first_close_time
        on
            life.conversation_id = first_close_time.conversation_id
            and total.first_closed_no = first_close_time.event_no
    left join stg_states as close
        on
            life.conversation_id = close.conversation_id
            and total.last_closed_no = close.event_no
    left join stg_times as close_time
        on
            life.conversation_id = close_time.conversation_id
            and total.last_closed_no = close_time.event_no
    left join stg_states as handled
        on
            life.conversation_id = handled.conversation_id
            and total.handled_from_no = handled.event_no
    left join stg_times as handled_time
        on
            life.conversation_id = handled_time.conversation_id
            and total.handled_from_no = handled_time.event_no
    left join stg_first_waits as first_wait
        on
            life.conversation_id = first_wait.conversation_id
            and life.incarnation = first_wait.incarnation
    left join running_waits
        on
            life.conversation_id = running_waits.conversation_id
            and life.incarnation = running_waits.incarnation
    left join resolution_margins
        on
            life.conversation_id = resolution_margins.conversation_id
            and life.incarnation = resolution_margins.incarnation
),

-- the party of a close, in the words of opened_by
told as (
    select
        *,
        case
            when close_agent is not null then 'agent'
            when close_bot is not null then 'bot'
            when close_customer is not null then 'customer'
        end as closing_party,
        case
            when not has_bot then 'no_bot'
            when handoff_no is not null or reply_count > 0 then 'handed_off'
            when is_closed then 'contained'
            else 'abandoned'
        end as bot_result
    from joined
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
    (reply_us - human_us) / 1e6 as first_response_human_seconds,
    (reply_us - handled_since_us) / 1e6 as first_response_assigned_seconds,
    business_us / 1e6 as first_response_business_seconds,
    human_business_us / 1e6 as first_response_human_business_seconds,
    assigned_business_us / 1e6 as first_response_assigned_business_seconds,
    active_us / 1e6 as first_response_active_seconds,
    make_timestamptz(first_due_us) as first_response_due_at,
    margin_seconds as first_response_margin_seconds,
    worst_wait_seconds,
    worst_margin_seconds as worst_wait_margin_seconds,
    assigned_agent,
    make_timestamptz(first_assigned_us) as first_assigned_at,
    make_timestamptz(if(is_closed, closed_us, null)) as closed_at,
    closing_party as closed_by,
    close_agent as closing_agent,
    if(expired_us is not null, 'expired', close_resolution) as resolution,
    (first_closed_us - opened_us) / 1e6 as first_resolution_seconds,
    (first_closed_business_us - opening_business_us) / 1e6 as first_resolution_business_seconds,
    if(is_closed, closed_us - opened_us, null) / 1e6 as full_resolution_seconds,
    if(is_closed, closed_business_us - opening_business_us, null) / 1e6
        as full_resolution_business_seconds,
    if(is_closed, closed_active_us - opening_active_us, null) / 1e6 as resolution_active_seconds,
    make_timestamptz(resolution_due_us) as resolution_due_at,
    if(is_closed, resolution_margin_seconds, null) as resolution_margin_seconds,
    if(is_closed, closed_us - handled_us, null) / 1e6 as handle_elapsed_seconds,
    if(is_closed, closed_business_us - handled_business_us, null) / 1e6
        as handle_elapsed_business_seconds,
    if(is_closed, worked_us, null) / 1e6 as handle_assigned_seconds,
    if(is_closed, worked_business_us, null) / 1e6 as handle_assigned_business_seconds,
    post_count,
    reply_count,
    bot_reply_count,
    note_count,
    reopen_count,
    coalesce(gap_seconds, []) as reopen_gap_seconds,
    coalesce(gap_business_seconds, []) as reopen_gap_business_seconds,
    transfer_count,
    transfer_count > 0 as is_transferred,
    if(is_closed, not coalesce(is_rechanneled, false), null) as in_channel,
    if(is_closed and has_private, last_message = 'reply/public', null) as is_closed_in_public,
    if(is_closed, messages_to_close, null) as messages_to_resolution,
    is_closed and reply_count = 1 and replies_to_close = 1 as is_one_touch,
    bot_result as bot_outcome,
    bot_result = 'contained' as bot_contained,
    if(handoff_no is null, 0, 1) as handoff_count,
    (handoff_us - opened_us) / 1e6 as handoff_seconds,
    sentiment_start,
    sentiment_end,
    sentiment_count,
    csat_score,
    csat_is_positive,
    coalesce(csat_sent_count, 0) as csat_sent_count,
    coalesce(csat_answer_count, 0) as csat_answer_count,
    csat_first_score,
    coalesce(csat_flip_count, 0) as csat_flip_count,
    csat_agent,
    nps_score,
    nps_group,
    nps_agent,
    coalesce(said_actionable, true) as is_actionable,
    coalesce(tags_seen, []) as tags,
    topic,
    reply_count = 0 and (expired_us is not null or coalesce(closing_party = 'customer', false))
        as is_abandoned,
    is_closed and coalesce(last_message like 'post/%', false) as is_closed_with_customer_last,
    coalesce(paused_us, 0) / 1e6 as paused_seconds,
    make_timestamptz(started_us) as waiting_since,
    make_timestamptz(last_us) as last_event_at,
    final_us is not null as is_final,
    make_timestamptz(coalesce(final_us, if(is_closed, closed_us + reopen_window_us, last_us + expire_after_us)))
        as final_at
from told
cross join settings
left join deadlines using (conversation_id, incarnation);
