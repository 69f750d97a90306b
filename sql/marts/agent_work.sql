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
-- Durations are whole microseconds (`_us`), quick to add up and to the same sum in any order.
-- conversation is a number that stands for the conversation of a reply, to be counted.
--
-- Settled days lie in files of work (raw.work); the tables of `rest` are those of all other days.
with

replies as (
    select
        'reply' as work, "at" as worked_at, agent, brand, channel, queue, priority,
        (hash(conversation_id, opened_at) >> 1)::bigint as conversation
    from rest.messages
    where is_human(direction, agent)
),

answers as (
    select
        'response' as work, replied_at as worked_at, agent, brand, channel, queue, priority,
        kind,
        whole_us(response_seconds) as response_us,
        whole_us(response_assigned_seconds) as response_assigned_us
    from rest.responses
),

handlings as (
    select
        'handling' as work, replied_at as worked_at, agent, brand, channel, queue,
        whole_us(handle_active_seconds) as handle_active_us
    from rest.handling
),

clocks as (
    select
        'clock' as work, ended_at as worked_at, agent, brand, channel, queue, priority, sla, outcome
    from rest.sla
    where outcome in ('met', 'missed')
),

closes as (
    select
        'close' as work, closed_at as worked_at,
        closer(closed_by, assigned_agent, closing_agent) as agent,
        brand, channel, queue, priority,
        reopen_count > 0 as is_reopened,
        whole_us(handle_elapsed_seconds) as handle_elapsed_us,
        case when sentiment_count >= 2 then sentiment_start < 0 end as is_started_negative,
        case when sentiment_count >= 2 then sentiment_end < 0 end as is_ended_negative,
        is_final
    from rest.conversations
    where closed_at is not null
),

answered_surveys as (
    select
        'survey' as work, "at" as worked_at, credited_agent as agent, brand, channel, queue,
        priority, survey, score, scale_max, is_positive
    from rest.actions
    where kind = 'survey_answered'
),

rows_of_work as (
    select * from raw.work
    union all by name
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
),

final as (
    select
        *,
        case when survey = 'nps' then nps_group(worked_at, score, scale_max) end as nps_group
    from rows_of_work
)

select * from final
