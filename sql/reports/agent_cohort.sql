-- agents --by cohort: what became of the conversations opened in the period (cohort), one row per
-- agent who gave the first human reply, whenever that was and whoever went on.
--
-- conversations            opened in the period
-- open                     of these, not closed yet
-- provisional              of these, may still change: not final
-- published_*_seconds      first response: first post to the reply
-- assigned_*_seconds       the later of assignment and first post to the reply
-- assigned_median_low_, _high_seconds  the median's 95 % interval; null under eight answers
-- resolution_*_seconds     full resolution: opening to latest close
-- reopened, transferred    conversations reopened, moved
-- fcr_final, fcr_ratio     closed long enough ago to be judged; resolved at the first contact of these
-- csat_answered, csat_ratio  conversations with a CSAT answer; last answer positive
-- is_small_sample          fewer than 30 conversations: too little to judge anybody by
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out).
with

cohort as (
    select
        stg_conversations.*,
        fcr.is_final as is_fcr_final,
        fcr.is_resolved_first_contact
    from stg_conversations
    left join first_contacts($since, $until, 'opened') as fcr using (conversation_id, opened_at)
    where is_within(stg_conversations.opened_at, $since, $until)
        and first_agent is not null
),

final as (
    select
        first_agent as agent,
        count(*) as conversations,
        count(*) filter (closed_at is null) as open,
        count(*) filter (not is_final) as provisional,
        mean_seconds(whole_us(first_response_seconds)) as published_mean_seconds,
        quantile_cont(first_response_seconds, 0.5) as published_median_seconds,
        quantile_cont(first_response_seconds, 0.9) as published_p90_seconds,
        quantile_cont(first_response_assigned_seconds, 0.5) as assigned_median_seconds,
        median_low(
            median_ranks(first_response_assigned_seconds), count(first_response_assigned_seconds)
        ) as assigned_median_low_seconds,
        median_high(
            median_ranks(first_response_assigned_seconds), count(first_response_assigned_seconds)
        ) as assigned_median_high_seconds,
        quantile_cont(first_response_assigned_seconds, 0.9) as assigned_p90_seconds,
        quantile_cont(full_resolution_seconds, 0.5) as resolution_median_seconds,
        quantile_cont(full_resolution_seconds, 0.9) as resolution_p90_seconds,
        count(*) filter (reopen_count > 0) as reopened,
        count(*) filter (transfer_count > 0) as transferred,
        count(*) filter (is_fcr_final) as fcr_final,
        count(*) filter (is_fcr_final and is_resolved_first_contact) / nullif(fcr_final, 0)
            as fcr_ratio,
        count(csat_is_positive) as csat_answered,
        count(*) filter (csat_is_positive) / nullif(csat_answered, 0) as csat_ratio,
        is_small_sample(count(*)) as is_small_sample
    from cohort
    group by all
)

select * from final
order by all
