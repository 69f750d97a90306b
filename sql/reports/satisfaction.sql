-- satisfaction: what customers said and how they felt in the period (throughput), one row per group
-- of `by` (default: queue).
--
-- A survey counts as sent and as answered when that happened, and for the agent who had the
-- conversation when it was sent. Sentiment counts when the conversation was closed.
--
-- csat_sent, csat_answered     CSAT surveys; csat_answered_ratio = answered / sent
-- csat_positive, csat_ratio    positive answers, and their share of the answers that can be judged
-- csat_low_ratio, csat_high_ratio  its 95 % interval (Wilson)
-- nps_sent, nps_answered       NPS surveys sent; answers on a scale of 0 to 10
-- promoters, passives, detractors  answers of 9 to 10, of 7 to 8, of 0 to 6
-- nps_ratio                    share of promoters less share of detractors, -1 to 1
-- started_negative             closed conversations that started negative, with two scored posts
-- converted, converted_ratio   of these, ended not negative
-- started_fine                 closed conversations that started not negative
-- soured, soured_ratio         of these, ended negative
-- is_small_sample              fewer than 30 CSAT answers
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out), $tz, $by.
-- Groups: day, brand, channel, queue, agent.
with

asked as (
    select
        day_of(happened_at, $tz) as day,
        *
    from surveys
    where is_within(happened_at, $since, $until)
),

said as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) filter (survey = 'csat' and not is_answer) as csat_sent,
        count(*) filter (survey = 'csat' and is_answer) as csat_answered,
        count(*) filter (survey = 'csat' and is_answer and is_positive is not null) as csat_judged,
        count(*) filter (survey = 'csat' and is_answer and is_positive) as csat_positive,
        count(*) filter (survey = 'nps' and not is_answer) as nps_sent,
        count(nps_group) as nps_answered,
        count(*) filter (nps_group = 'promoter') as promoters,
        count(*) filter (nps_group = 'passive') as passives,
        count(*) filter (nps_group = 'detractor') as detractors
    from asked
    group by all
),

felt as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) filter (is_started_negative) as started_negative,
        count(*) filter (is_started_negative and not is_ended_negative) as converted,
        count(*) filter (not is_started_negative) as started_fine,
        count(*) filter (not is_started_negative and is_ended_negative) as soured
    from (
        select
            day_of(worked_at, $tz) as day,
            *
        from agent_work
        where work = 'close'
            and is_within(worked_at, $since, $until)
    )
    group by all
),

pieces as (
    select * from said
    union all by name
    select * from felt
),

whole as (
    select
        columns(lambda name: list_contains($by, name)),
        coalesce(any_value(columns(lambda name: not list_contains($by, name))), 0)
    from pieces
    group by all
),

final as (
    select
        columns(lambda name: list_contains($by, name)),
        csat_sent,
        csat_answered,
        csat_answered / nullif(csat_sent, 0) as csat_answered_ratio,
        csat_positive,
        csat_positive / nullif(csat_judged, 0) as csat_ratio,
        wilson_low(csat_positive, csat_judged) as csat_low_ratio,
        wilson_high(csat_positive, csat_judged) as csat_high_ratio,
        nps_sent,
        nps_answered,
        promoters,
        passives,
        detractors,
        (promoters - detractors) / nullif(nps_answered, 0) as nps_ratio,
        started_negative,
        converted,
        converted / nullif(started_negative, 0) as converted_ratio,
        started_fine,
        soured,
        soured / nullif(started_fine, 0) as soured_ratio,
        is_small_sample(csat_judged) as is_small_sample
    from whole
    where csat_sent + csat_answered + nps_sent + nps_answered + started_negative + started_fine > 0
)

select * from final
order by all
