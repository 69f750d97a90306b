-- What adds up over a life: counts, firsts and lasts. Grain: life of a conversation.

create or replace table stg_totals as

with

-- up to the last close, whether or not a reopen followed
closes as (
    select
        conversation_id,
        incarnation,
        min(event_no) filter (is_closing) as first_closed_no,
        max(event_no) filter (is_closing) as last_closed_no
    from stg_states
    group by conversation_id, incarnation
),

gaps as (
    select
        reopen.conversation_id,
        reopen.incarnation,
        list((reopen.at_us - close.at_us) / 1e6 order by reopen.event_no) as gap_seconds,
        list((reopen_time.business_us - close_time.business_us) / 1e6 order by reopen.event_no)
            as gap_business_seconds
    from stg_states as reopen
    asof inner join (from stg_states where is_closing) as close
        on
            reopen.conversation_id = close.conversation_id
            and reopen.incarnation = close.incarnation
            and reopen.event_no > close.event_no
    inner join stg_times as reopen_time
        on
            reopen.conversation_id = reopen_time.conversation_id
            and reopen.event_no = reopen_time.event_no
    inner join stg_times as close_time
        on
            close.conversation_id = close_time.conversation_id
            and close.event_no = close_time.event_no
    where reopen.is_reopening
    group by all
),

first_tags as (
    select conversation_id, incarnation, unnest(tags) as tag, event_no, generate_subscripts(tags, 1) as place
    from stg_states
    where kind = 'tagged'
),

tags as (
    select conversation_id, incarnation, list(tag order by seen) as tags
    from (
        select conversation_id, incarnation, tag, min((event_no, place)) as seen
        from first_tags
        group by all
    )
    group by all
),

surveys as (
    select
        conversation_id,
        incarnation,
        count_if(survey = 'csat' and kind = 'survey_sent') as csat_sent_count,
        count_if(is_csat) as csat_answer_count,
        arg_min(score, event_no) filter (is_csat) as csat_first_score,
        arg_max(score, event_no) filter (is_csat) as csat_score,
        arg_max(is_positive, event_no) filter (is_csat) as csat_is_positive,
        arg_max_null(credited_agent, event_no) filter (is_csat) as csat_agent,
        count_if(is_csat and is_positive != was_positive) as csat_flip_count,
        arg_max(score, event_no) filter (is_nps) as nps_score,
        arg_max_null(nps_group, event_no) filter (is_nps) as nps_group,
        arg_max_null(credited_agent, event_no) filter (is_nps) as nps_agent
    from (
        select
            *,
            survey = 'csat' and kind = 'survey_answered' as is_csat,
            survey = 'nps' and kind = 'survey_answered' as is_nps,
            lag(is_positive) over (
                partition by conversation_id, incarnation, survey, kind order by event_no
            ) as was_positive
        from stg_surveys
    )
    group by all
),

counts as (
    select
        conversation_id,
        incarnation,
        count_if(kind = 'post') as post_count,
        count_if(kind = 'reply' and agent is not null) as reply_count,
        count_if(kind = 'reply' and bot is not null) as bot_reply_count,
        count_if(kind = 'note') as note_count,
        count_if(is_reopening) as reopen_count,
        count_if(kind = 'transferred' and status != 'none') as transfer_count,
        count_if(kind in ('post', 'reply') and event_no < last_closed_no) as messages_to_close,
        count_if(kind = 'reply' and agent is not null and event_no < last_closed_no)
            as replies_to_close,
        arg_max(kind || '/' || visibility, event_no) filter (
            kind in ('post', 'reply') and event_no < last_closed_no
        ) as last_message,
        bool_or(visibility = 'private') filter (kind in ('post', 'reply')) as has_private,
        bool_or(status != 'none' and not is_opening and channel != was.channel) as is_rechanneled,
        min(at_us) filter (is_assignment) as first_assigned_us,
        coalesce(
            min(event_no) filter (is_assignment and event_no < last_closed_no),
            min(event_no) filter (
                kind = 'reply' and agent is not null and event_no < last_closed_no
            )
        ) as handled_from_no,
        bool_or(bot is not null or kind = 'handed_off') as has_bot,
        min(event_no) filter (kind = 'handed_off' and status != 'none') as handoff_no,
        min(at_us) filter (kind = 'handed_off' and status != 'none') as handoff_us,
        arg_min(sentiment, event_no) filter (kind = 'post' and sentiment is not null)
            as sentiment_start,
        arg_max(sentiment, event_no) filter (kind = 'post' and sentiment is not null)
            as sentiment_end,
        count(sentiment) filter (kind = 'post') as sentiment_count,
        arg_max(actionable, event_no) filter (kind = 'tagged') as said_actionable,
        arg_max(topic, event_no) filter (kind = 'tagged') as topic,
        -- pauses that ended, by another word on them or by a close
        max(event_no) filter (is_closing or paused_for is distinct from paused_before)
            as last_paused_no
    from stg_states
    left join closes using (conversation_id, incarnation)
    group by conversation_id, incarnation
)

select
    counts.*,
    first_closed_no,
    last_closed_no,
    gap_seconds,
    gap_business_seconds,
    tags as tags_seen,
    surveys.* exclude (conversation_id, incarnation)
from counts
left join closes using (conversation_id, incarnation)
left join gaps using (conversation_id, incarnation)
left join tags using (conversation_id, incarnation)
left join surveys using (conversation_id, incarnation);
