-- agents --by behaviour: habits worth a look, each against the team's own rate; one row per agent
-- and behaviour. A hint, no verdict: the counts stand beside the rates.
--
-- What each behaviour is stands at the head of the mart agent_behaviours.
--
-- seen, chances            how often, and out of how many
-- seen_ratio               seen / chances
-- low_ratio, high_ratio    its 95 % interval (Wilson)
-- team_ratio               the rate of the agent's queues, each weighted by the agent's chances there
-- is_above_team            the whole interval lies above the team's rate, over at least 30 chances
-- is_small_sample          fewer than 30 chances: too little to judge anybody by
--
-- Parameters: $since, $until (instants, null is open): UTC days that begin in the period.
with

counted as (
    select
        agent,
        queue,
        behaviour,
        sum(seen) as seen,
        sum(chances) as chances
    from behaviours_between(next_midnight($since), next_midnight($until))
    group by all
),

beside_team as (
    select
        *,
        chances * sum(seen) over (partition by queue, behaviour)
            / nullif(sum(chances) over (partition by queue, behaviour), 0) as seen_by_team
    from counted
),

summed as (
    select
        agent,
        behaviour,
        sum(seen)::bigint as seen,
        sum(chances)::bigint as chances,
        sum(seen_by_team order by queue) / nullif(sum(chances), 0) as team_ratio
    from beside_team
    group by all
),

final as (
    select
        agent,
        behaviour,
        seen,
        chances,
        seen / nullif(chances, 0) as seen_ratio,
        wilson_low(seen, chances) as low_ratio,
        wilson_high(seen, chances) as high_ratio,
        team_ratio,
        not is_small_sample(chances) and low_ratio > team_ratio as is_above_team,
        is_small_sample(chances) as is_small_sample
    from summed
)

select * from final
order by all
