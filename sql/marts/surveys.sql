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
            when survey = 'nps' and kind = 'survey_answered'
                then nps_group(happened_at, score, scale_max)
        end as nps_group,
        brand,
        channel,
        queue,
        priority
    from stg_actions
    where kind in ('survey_sent', 'survey_answered')
)

select * from final
