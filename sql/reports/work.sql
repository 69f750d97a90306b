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

final as (
    select
        columns(lambda name: list_contains($by, name)),
        agents,
        conversations,
        replies,
        first_responses,
        responses,
        published_mean_seconds,
        published_median_seconds,
        published_p90_seconds,
        assigned_responses,
        assigned_mean_seconds,
        assigned_median_seconds,
        assigned_median_low_seconds,
        assigned_median_high_seconds,
        assigned_p90_seconds,
        handle_active_seconds,
        handle_active_seconds / nullif(conversations, 0) as handle_active_mean_seconds,
        met,
        missed,
        attainment,
        wilson_low(met, met + missed) as attainment_low_ratio,
        wilson_high(met, met + missed) as attainment_high_ratio,
        closed,
        reopened,
        handled,
        handle_elapsed_mean_seconds,
        handle_elapsed_median_seconds,
        csat_answered,
        csat_ratio,
        wilson_low(csat_positive, csat_answered) as csat_low_ratio,
        wilson_high(csat_positive, csat_answered) as csat_high_ratio,
        nps_answered,
        nps_ratio,
        started_negative,
        sentiment_converted_ratio,
        is_small_sample(responses) as is_small_sample
    from work_figures($by, $since, $until, $tz, $everyone)
)

select * from final
order by all
