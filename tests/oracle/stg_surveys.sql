-- Grain: survey sent or answered. Credit is the agent's who had the conversation when the survey was
-- sent, else whoever had written last; an answer takes the credit of the latest one sent of its sort.

create or replace table stg_surveys as

with

credited as (
    select
        *,
        coalesce(assigned_agent, sender_before) as handling,
        last_value(
            if(kind = 'survey_sent', {'agent': coalesce(assigned_agent, sender_before)}, null)
            ignore nulls
        ) over (
            partition by conversation_id, incarnation, survey order by event_no
        ) as sent
    from stg_states
    where kind in ('survey_sent', 'survey_answered')
),

versions as (
    select credited.*, version.policy_no
    from credited
    asof left join policy_versions as version on credited.at_us >= version.effective_us
),

final as (
    select
        versions.conversation_id,
        versions.incarnation,
        versions.event_no,
        versions.kind,
        versions.survey,
        versions.score,
        if(versions.sent is null, handling, versions.sent.agent) as credited_agent,
        case
            when versions.kind = 'survey_sent' or versions.survey != 'csat' then null
            when positive_from is not null then score >= positive_from
            when coalesce(versions.scale_max, 5) = 1 then score >= 1
            else (score - 1) / (coalesce(versions.scale_max, 5) - 1) >= 0.75
        end as is_positive,
        case
            when versions.kind = 'survey_sent' or versions.survey != 'nps' then null
            when promoter_from is null and coalesce(versions.scale_max, 10) != 10 then null
            when score >= coalesce(promoter_from, 9) then 'promoter'
            when score >= coalesce(passive_from, 7) then 'passive'
            when score is not null then 'detractor'
        end as nps_group
    from versions
    left join survey_scales as scale
        on
            versions.policy_no = scale.policy_no
            and versions.survey = scale.survey
            and coalesce(versions.scale_max, if(versions.survey = 'csat', 5, 10)) = scale.scale_max
)

select * from final;
