-- surveys: one row per survey sent or answered (source, id).
--
-- The credit is the agent's who had the conversation when the survey was sent.
with

final as (
    select
        conversation_id,
        opened_at,
        source,
        id,
        happened_at,
        survey,
        kind = 'survey_answered' as is_answer,
        credited_agent as agent,
        score,
        scale_max,
        is_positive,
        case
            when survey <> 'nps' or kind <> 'survey_answered' or coalesce(scale_max, 10) <> 10
                then null
            when score >= 9 then 'promoter'
            when score <= 6 then 'detractor'
            else 'passive'
        end as nps_group,
        brand,
        channel,
        queue,
        priority
    from stg_actions
    where kind in ('survey_sent', 'survey_answered')
)

select * from final
