-- The measures of the page, by bucket: `period` for the whole, or each UTC-offset day of $tz in it.
-- Parameters: $before, $since, $until (instants), $tz, $is_daily.
with

marked as (
    select 'opened' as what, opened_at as "at", null::double as value, null::varchar as kind
    from stg_conversations
    union all
    select 'abandoned', coalesce(closed_at, final_at), null, null
    from stg_conversations
    where is_abandoned
    union all
    select 'closed', closed_at, full_resolution_seconds,
        case when reopen_count > 0 then 'reopened' end
    from stg_conversations
    where closed_at is not null
    union all
    select 'bot', closed_at, null, bot_outcome
    from stg_conversations
    where closed_at is not null and bot_outcome <> 'no_bot'
    union all
    select 'fcr', closed_at, is_resolved_first_contact::int, null
    from first_contacts($before, $until, 'closed')
    where is_final
    union all
    select 'message', sent_at, null, case when is_human_reply then 'reply' else direction end
    from stg_messages
    union all
    select 'response', replied_at, response_seconds, kind
    from raw.responses
    union all
    select 'active', replied_at, handle_active_seconds, null
    from stg_handling
    union all
    select 'clock', ended_at, null, outcome
    from stg_sla
    where outcome in ('met', 'missed')
    union all
    select survey, happened_at, is_positive::int, nps_group
    from surveys
    where is_answer
),

inside as (
    select
        *,
        case
            when $is_daily then day_of("at", $tz)
            when "at" >= $since::timestamptz then day_of($since::timestamptz, $tz)
            else day_of($before::timestamptz, $tz)
        end as starts_on
    from marked
    where is_within("at", $before, $until)
),

final as (
    select
        starts_on,
        count(*) filter (what = 'opened') as opened,
        count(*) filter (what = 'closed') as closed,
        count(*) filter (what = 'message' and kind = 'inbound') as posts,
        count(*) filter (what = 'message' and kind = 'reply') as replies,
        median(value) filter (what = 'response' and kind = 'first') as first_median_seconds,
        quantile_cont(value, 0.9) filter (what = 'response' and kind = 'first')
            as first_p90_seconds,
        median(value) filter (what = 'response' and kind = 'next') as next_median_seconds,
        count(*) filter (what = 'clock' and kind = 'met') as met,
        count(*) filter (what = 'clock' and kind = 'missed') as missed,
        met / nullif(met + missed, 0) as attainment,
        median(value) filter (what = 'closed') as resolution_median_seconds,
        count(*) filter (what = 'closed' and kind = 'reopened') / nullif(closed, 0)
            as reopened_ratio,
        count(*) filter (what = 'fcr') as fcr_final,
        avg(value) filter (what = 'fcr') as fcr_ratio,
        count(*) filter (what = 'abandoned') as abandoned,
        count(*) filter (what = 'bot' and kind = 'contained')
            / nullif(count(*) filter (what = 'bot'), 0) as bot_contained_ratio,
        sum(whole_us(value)) filter (what = 'active') / 1e6 as active_seconds,
        count(value) filter (what = 'csat') as csat_answered,
        avg(value) filter (what = 'csat') as csat_ratio,
        count(kind) filter (what = 'nps') as nps_answered,
        (
            count(*) filter (what = 'nps' and kind = 'promoter')
            - count(*) filter (what = 'nps' and kind = 'detractor')
        ) / nullif(nps_answered, 0) as nps_ratio
    from inside
    group by all
)

select * from final
order by starts_on
