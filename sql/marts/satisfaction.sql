-- satisfaction: one row per UTC day, survey, agent and scope (day, survey, agent, brand, channel,
-- queue): surveys sent on the day, and answers given on it. agent is null where nobody had it.
with

counted as (
    select
        day_of(happened_at, 'UTC') as day,
        survey,
        agent,
        brand,
        channel,
        queue,
        count(*) filter (not is_answer) as sent,
        count(*) filter (is_answer) as answered,
        count(*) filter (is_answer and is_positive) as positive,
        positive / nullif(count(*) filter (is_answer and is_positive is not null), 0)
            as csat_ratio,
        count(*) filter (nps_group = 'promoter') as promoters,
        count(*) filter (nps_group = 'passive') as passives,
        count(*) filter (nps_group = 'detractor') as detractors,
        (promoters - detractors) / nullif(promoters + passives + detractors, 0) as nps_ratio
    from surveys
    group by all
),

final as (
    select
        counted.*,
        (day + interval 1 day) at time zone 'UTC' <= history_clock.now as is_final
    from counted
    cross join history_clock
)

select * from final
