-- agents: what people did in the period (throughput), one row per group of `by` (default: agent).
--
-- Every figure counts work at the instant it was done: a reply when it was sent, an SLA clock when
-- it ended, a close when it happened. A reply is its sender's, an SLA clock the agent's whom its
-- row names; a closed conversation is the closer's, or the assignee's where the close names nobody.
-- Work that is no agent's (a clock missed with nobody assigned, a bot's reply or close) is in no
-- row.
--
-- conversations               distinct conversations with a reply sent in the period
-- replies                     replies sent, public and private
-- first_responses             first human replies of a conversation
-- responses                   answered waits, first and next: the n of published_*
-- published_*_seconds         wait's start (first: the customer's first post) to the reply
-- assigned_responses          of these, with an agent assigned at the reply: the n of assigned_*
-- assigned_*_seconds          the later of assignment and wait's start to the reply
-- met, missed                 SLA clocks that ended in the period
-- closed                      conversations whose latest close is in the period
-- handled                     of these, with an elapsed handle time: the n of handle_elapsed_*
-- handle_elapsed_*_seconds    first assignment (else first human reply) to the close
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out), $tz, $by.
-- Groups: day, hour, brand, channel, queue, agent. A mean or quantile over nothing is null.
with

replies as (
    select
        "at" as worked_at, brand, channel, queue, agent,
        'reply' as work, conversation_id, opened_at
    from messages
    where direction = 'outbound'
),

answers as (
    select
        replied_at as worked_at, brand, channel, queue, agent,
        'answer' as work, kind, response_seconds, response_assigned_seconds
    from responses
),

clocks as (
    select
        ended_at as worked_at, brand, channel, queue, agent,
        outcome as work
    from sla
    where outcome in ('met', 'missed')
),

closes as (
    select
        closed_at as worked_at, brand, channel, queue,
        case when closed_by is null then assigned_agent else closing_agent end as agent,
        'close' as work, handle_elapsed_seconds
    from conversations
),

all_work as (
    select * from replies
    union all by name
    select * from answers
    union all by name
    select * from clocks
    union all by name
    select * from closes
),

dated as (
    select
        cast(worked_at at time zone $tz as date) as day,
        worked_at - (
            (worked_at at time zone $tz) - date_trunc('hour', worked_at at time zone $tz)
        ) as hour,
        *
    from all_work
    where agent is not null
        and worked_at >= coalesce($since::timestamptz, '-infinity')
        and worked_at < coalesce($until::timestamptz, 'infinity')
),

final as (
    select
        columns(lambda name: list_contains($by, name)),
        count(distinct (conversation_id, opened_at)) filter (work = 'reply') as conversations,
        count(*) filter (work = 'reply') as replies,
        count(*) filter (work = 'answer' and kind = 'first') as first_responses,
        count(*) filter (work = 'answer') as responses,
        avg(response_seconds) as published_mean_seconds,
        quantile_cont(response_seconds, 0.5) as published_median_seconds,
        quantile_cont(response_seconds, 0.9) as published_p90_seconds,
        count(response_assigned_seconds) as assigned_responses,
        avg(response_assigned_seconds) as assigned_mean_seconds,
        quantile_cont(response_assigned_seconds, 0.5) as assigned_median_seconds,
        quantile_cont(response_assigned_seconds, 0.9) as assigned_p90_seconds,
        count(*) filter (work = 'met') as met,
        count(*) filter (work = 'missed') as missed,
        count(*) filter (work = 'close') as closed,
        count(handle_elapsed_seconds) as handled,
        avg(handle_elapsed_seconds) as handle_elapsed_mean_seconds,
        quantile_cont(handle_elapsed_seconds, 0.5) as handle_elapsed_median_seconds
    from dated
    group by all
)

select * from final
order by all
