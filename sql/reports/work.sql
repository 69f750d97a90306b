-- agents, teams: what people did in the period (throughput), one row per group of `by`.
--
-- Every figure counts work at the instant and in the scope in which it was done: a reply when it
-- was sent, an SLA clock when it ended, a close when it happened, a survey when it was answered. A
-- reply is its sender's, an SLA clock the agent's whom its row names, a closed conversation the
-- closer's, or the assignee's where the close names nobody, a survey the agent's who had the
-- conversation when it was sent. In `agents`, work that is nobody's (a clock missed with nobody
-- assigned, a bot's close) is in no row; in `teams` it is in the row of its queue.
--
-- agents                      agents with any work
-- conversations               distinct conversations with a reply sent in the period
-- replies                     replies sent, public and private
-- first_responses             first human replies of a conversation
-- responses                   answered waits, first and next: the n of published_*
-- published_*_seconds         wait's start (first: the customer's first post) to the reply
-- assigned_responses          of these, with an agent assigned at the reply: the n of assigned_*
-- assigned_*_seconds          the later of assignment and wait's start to the reply
-- assigned_median_low_, _high_seconds  the median's 95 % interval; null under eight answers
-- handle_active_seconds       active handle time of the answered waits
-- handle_active_mean_seconds  the same by conversation
-- met, missed                 SLA clocks that ended in the period; attainment = met / both
-- attainment_low, _high_ratio the attainment's 95 % interval (Wilson)
-- closed, reopened            conversations whose latest close is in the period; of these, reopened
-- handled                     of these, with an elapsed handle time: the n of handle_elapsed_*
-- handle_elapsed_*_seconds    first assignment (else first human reply) to the close
-- csat_answered, csat_ratio   CSAT answers, and the positive share of them
-- csat_low, csat_high_ratio   its 95 % interval (Wilson)
-- nps_answered, nps_ratio     NPS answers; share of promoters less share of detractors
-- started_negative            of the closed, conversations whose first scored post was negative
-- sentiment_converted_ratio   share of these that ended not negative
-- is_small_sample             fewer than 30 answered waits: too little to judge anybody by
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out), $tz, $by,
-- $everyone (whether work that is nobody's counts).
-- Groups: day, hour, brand, channel, queue, agent. A mean or quantile over nothing is null.
with

dated as (
    select
        cast(worked_at at time zone $tz as date) as day,
        hour_of(worked_at, $tz) as hour,
        *
    from agent_work
    where (agent is not null or $everyone)
        and worked_at >= coalesce($since::timestamptz, '-infinity')
        and worked_at < coalesce($until::timestamptz, 'infinity')
),

-- Each kind of work alone, so that no step holds a row for every kind of it.
replied as (
    select
        columns(lambda name: list_contains($by, name)),
        count(distinct agent) as agents,
        count(distinct hash(conversation_id, opened_at)) as conversations,
        count(*) as replies
    from dated
    where work = 'reply'
    group by all
),

answered as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) filter (kind = 'first') as first_responses,
        count(*) as responses,
        avg(response_seconds) as published_mean_seconds,
        quantile_cont(response_seconds, [0.5, 0.9]) as published,
        count(response_assigned_seconds) as assigned_responses,
        avg(response_assigned_seconds) as assigned_mean_seconds,
        quantile_cont(response_assigned_seconds, [0.5, 0.9]) as assigned,
        median_ranks(response_assigned_seconds) as assigned_ranks
    from dated
    where work = 'response'
    group by all
),

active as (
    select
        columns(lambda name: list_contains($by, name)),
        sum(handle_active_seconds) as handle_active_seconds
    from dated
    where work = 'handling'
    group by all
),

clocks as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) filter (outcome = 'met') as met,
        count(*) filter (outcome = 'missed') as missed
    from dated
    where work = 'clock'
    group by all
),

closes as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) as closed,
        count(*) filter (is_reopened) as reopened,
        count(handle_elapsed_seconds) as handled,
        avg(handle_elapsed_seconds) as handle_elapsed_mean_seconds,
        quantile_cont(handle_elapsed_seconds, 0.5) as handle_elapsed_median_seconds,
        count(*) filter (is_started_negative) as started_negative,
        count(*) filter (is_started_negative and not is_ended_negative) as converted
    from dated
    where work = 'close'
    group by all
),

surveyed as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) filter (survey = 'csat' and is_positive is not null) as csat_answered,
        count(*) filter (survey = 'csat' and is_positive) as csat_positive,
        count(nps_group) as nps_answered,
        count(*) filter (nps_group = 'promoter') as promoters,
        count(*) filter (nps_group = 'detractor') as detractors
    from dated
    where work = 'survey'
    group by all
),

pieces as (
    select * from replied
    union all by name
    select * from answered
    union all by name
    select * from active
    union all by name
    select * from clocks
    union all by name
    select * from closes
    union all by name
    select * from surveyed
),

-- One piece of each kind a row: whatever it is taken by, it is that value.
whole as (
    select
        columns(lambda name: list_contains($by, name)),
        any_value(columns(lambda name: not list_contains($by, name)))
    from pieces
    group by all
),

final as (
    select
        columns(lambda name: list_contains($by, name)),
        coalesce(agents, 0) as agents,
        coalesce(conversations, 0) as conversations,
        coalesce(replies, 0) as replies,
        coalesce(first_responses, 0) as first_responses,
        coalesce(responses, 0) as responses,
        published_mean_seconds,
        published[1] as published_median_seconds,
        published[2] as published_p90_seconds,
        coalesce(assigned_responses, 0) as assigned_responses,
        assigned_mean_seconds,
        assigned[1] as assigned_median_seconds,
        median_low(assigned_ranks, assigned_responses) as assigned_median_low_seconds,
        median_high(assigned_ranks, assigned_responses) as assigned_median_high_seconds,
        assigned[2] as assigned_p90_seconds,
        handle_active_seconds,
        handle_active_seconds / nullif(conversations, 0) as handle_active_mean_seconds,
        coalesce(met, 0) as met,
        coalesce(missed, 0) as missed,
        met / nullif(met + missed, 0) as attainment,
        wilson_low(met, met + missed) as attainment_low_ratio,
        wilson_high(met, met + missed) as attainment_high_ratio,
        coalesce(closed, 0) as closed,
        coalesce(reopened, 0) as reopened,
        coalesce(handled, 0) as handled,
        handle_elapsed_mean_seconds,
        handle_elapsed_median_seconds,
        coalesce(csat_answered, 0) as csat_answered,
        csat_positive / nullif(csat_answered, 0) as csat_ratio,
        wilson_low(csat_positive, csat_answered) as csat_low_ratio,
        wilson_high(csat_positive, csat_answered) as csat_high_ratio,
        coalesce(nps_answered, 0) as nps_answered,
        (promoters - detractors) / nullif(nps_answered, 0) as nps_ratio,
        coalesce(started_negative, 0) as started_negative,
        converted / nullif(started_negative, 0) as sentiment_converted_ratio,
        is_small_sample(responses) as is_small_sample
    from whole
)

select * from final
order by all
