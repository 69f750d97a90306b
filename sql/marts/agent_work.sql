-- agent_work: one row per unit of work, at the instant and in the scope in which it was done
-- (throughput). `work` is one of
--
-- reply      a reply to the customer, its sender's
-- response   an answered wait, the sender's of the reply
-- handling   the active handle time of an answered wait, the sender's
-- clock      an SLA clock that was met or missed, the agent's whom it names
-- close      a conversation whose latest close this is, the closer's, or the assignee's where the
--            close names nobody
-- survey     a CSAT or NPS answer, the agent's who had the conversation when it was sent
--
-- is_final is false for a close while the conversation may still be reopened, null otherwise.
-- agent is null for work that is nobody's: a clock missed with nobody assigned, a bot's close.
with

replies as (
    select
        'reply' as work, sent_at as worked_at, agent, conversation_id, opened_at,
        brand, channel, queue
    from stg_messages
    where is_human_reply
),

answers as (
    select
        'response' as work, replied_at as worked_at, agent, conversation_id, opened_at,
        brand, channel, queue, priority, kind,
        response_seconds, response_business_seconds, response_assigned_seconds
    from raw.responses
),

handlings as (
    select
        'handling' as work, replied_at as worked_at, agent, conversation_id, opened_at,
        brand, channel, queue, handle_active_seconds
    from stg_handling
),

clocks as (
    select
        'clock' as work, ended_at as worked_at, agent, conversation_id, opened_at,
        brand, channel, queue, priority, sla, outcome
    from stg_sla
    where outcome in ('met', 'missed')
),

closes as (
    select
        'close' as work, closed_at as worked_at, credited_agent as agent, conversation_id,
        opened_at, brand, channel, queue, priority,
        reopen_count > 0 as is_reopened,
        reply_count = 0 as is_unanswered,
        is_one_touch, handle_elapsed_seconds, handle_assigned_seconds,
        case when sentiment_count >= 2 then sentiment_start < 0 end as is_started_negative,
        case when sentiment_count >= 2 then sentiment_end < 0 end as is_ended_negative,
        is_final
    from stg_conversations
    where closed_at is not null
),

answered_surveys as (
    select
        'survey' as work, happened_at as worked_at, agent, conversation_id, opened_at,
        brand, channel, queue, priority, survey, score, is_positive, nps_group
    from surveys
    where is_answer
),

final as (
    select * from replies
    union all by name
    select * from answers
    union all by name
    select * from handlings
    union all by name
    select * from clocks
    union all by name
    select * from closes
    union all by name
    select * from answered_surveys
)

select * from final
