-- resolution: conversations whose latest close is in the period (throughput), one row per group of
-- `by` (default: queue).
--
-- closed                       conversations; provisional: of these, may still be reopened
-- first_median_seconds         opening to the first close
-- full_mean_, full_median_, full_p90_seconds  opening to the latest close
-- business_median_seconds      the same inside opening hours
-- active_median_seconds        the same less pauses
-- reopened, reopened_ratio     reopened at least once
-- fcr_final, fcr_ratio         closed long enough ago to be judged; resolved at first contact of these
-- fcr_low_ratio, fcr_high_ratio  its 95 % interval (Wilson)
-- one_touch_ratio              exactly one human reply, then closed
-- transferred, transfers       conversations moved; moves
-- in_channel_ratio             closed with no change of channel
-- closed_in_public_ratio       of those that went private, ended with a public reply
-- messages_mean                messages of both sides up to the latest close
-- bot_contained_ratio          closed by bots alone, of those with a bot
-- handle_elapsed_median_seconds  first assignment (else first human reply) to the close
-- handle_assigned_median_seconds  open and assigned to a person, pauses left out
-- handled                      with an active handle time
-- handle_active_mean_seconds   active handle time by conversation handled (AHT)
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out), $tz, $by.
-- Groups: day, brand, channel, queue, priority, agent (the closer, else the assignee), resolution,
-- topic.
with

-- Only what was closed in the period is looked at further.
closed as (
    select
        day_of(closed_at, $tz) as day,
        credited_agent as agent,
        *
    from stg_conversations
    where closed_at is not null
        and is_within(closed_at, $since, $until)
),

active as (
    select
        handling.conversation_id,
        handling.opened_at,
        sum_seconds(whole_us(handling.handle_active_seconds)) as handle_active_seconds
    from stg_handling as handling
    semi join closed using (conversation_id, opened_at)
    group by all
),

judged as (
    select
        closed.*,
        active.handle_active_seconds,
        fcr.is_final as is_fcr_final,
        fcr.is_resolved_first_contact
    from closed
    left join active using (conversation_id, opened_at)
    left join first_contacts($since, $until, 'closed') as fcr using (conversation_id, opened_at)
),

final as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) as closed,
        count(*) filter (not is_final) as provisional,
        quantile_cont(first_resolution_seconds, 0.5) as first_median_seconds,
        mean_seconds(whole_us(full_resolution_seconds)) as full_mean_seconds,
        quantile_cont(full_resolution_seconds, 0.5) as full_median_seconds,
        quantile_cont(full_resolution_seconds, 0.9) as full_p90_seconds,
        quantile_cont(full_resolution_business_seconds, 0.5) as business_median_seconds,
        quantile_cont(resolution_active_seconds, 0.5) as active_median_seconds,
        count(*) filter (reopen_count > 0) as reopened,
        reopened / count(*) as reopened_ratio,
        count(*) filter (is_fcr_final) as fcr_final,
        count(*) filter (is_fcr_final and is_resolved_first_contact) / nullif(fcr_final, 0)
            as fcr_ratio,
        wilson_low(count(*) filter (is_fcr_final and is_resolved_first_contact), fcr_final)
            as fcr_low_ratio,
        wilson_high(count(*) filter (is_fcr_final and is_resolved_first_contact), fcr_final)
            as fcr_high_ratio,
        avg(is_one_touch::int) as one_touch_ratio,
        count(*) filter (transfer_count > 0) as transferred,
        sum(transfer_count)::bigint as transfers,
        avg(in_channel::int) as in_channel_ratio,
        avg(is_closed_in_public::int) as closed_in_public_ratio,
        avg(messages_to_resolution) as messages_mean,
        count(*) filter (bot_outcome = 'contained')
            / nullif(count(*) filter (bot_outcome <> 'no_bot'), 0) as bot_contained_ratio,
        quantile_cont(handle_elapsed_seconds, 0.5) as handle_elapsed_median_seconds,
        quantile_cont(handle_assigned_seconds, 0.5) as handle_assigned_median_seconds,
        count(handle_active_seconds) as handled,
        mean_seconds(whole_us(handle_active_seconds)) as handle_active_mean_seconds
    from judged
    group by all
)

select * from final
order by all
