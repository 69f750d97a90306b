-- intervals: a row for each interval and scope, those in which nothing happened too.
--
-- interval_start_utc            half-open: [start, start + minutes)
-- is_complete                   whether the history's clock has passed its end
-- target_seconds                latest first-response target seen at normal priority, else any
-- offered                       conversations opened, in the scope that they opened in
-- is_spike                      whether one of its windows is part of a spike, surge or crisis
-- posts, replies                customers' posts; replies of people and bots
-- responses                     waits that a person answered
-- handled                       conversations whose latest close is in it and that a person answered
-- handle_active_seconds         active handle time of those handled
-- wait_seconds, longest_wait_seconds   first response from published, of those handled
-- within_target                 of those handled, first responses not later than their deadline
-- abandoned                     closed by the customer or expired, without a person's reply
-- abandoned_short, abandoned_within_target   of those, within $short_seconds; within the target
-- abandoned_wait_seconds, longest_abandoned_wait_seconds   opening to abandonment
-- met, missed                   first-response clocks by the instant of their outcome
-- attended_seconds, active_seconds   of waits answered in it: time that each was worked on, and
--                               the agents' time in that: their quotient is the concurrency
-- backlog_start, backlog_end    conversations not closed at its start and end, by latest scope
--
-- Parameters: $since, $until (instants; the grid begins at $since), $minutes, $short_seconds, $now
-- (the history's clock).
with

scopes as (
    select distinct brand, channel, queue from windows
    where window_start < $until
    union
    select distinct brand, channel, queue from raw.conversations
    where opened_at < $until
),

starts as (
    select unnest(generate_series($since, $until - to_minutes($minutes), to_minutes($minutes)))
        as interval_start
),

traffic as (
    select
        window_start as happened_at, brand, channel, queue,
        opened as offered, posts, replies,
        is_spike or exists (
            from spikes
            where (spikes.brand, spikes.channel, spikes.queue)
                = (windows.brand, windows.channel, windows.queue)
                and started_at < window_start + interval 5 minutes
                and coalesce(ended_at, 'infinity') > window_start
        ) as is_spike
    from windows
    where window_start >= $since and window_start < $until
),

targets as (
    select
        brand, channel, queue,
        coalesce(
            arg_max(target_seconds, started_at) filter (priority = 'normal'),
            arg_max(target_seconds, started_at)
        ) as target_seconds
    from sla
    where sla = 'first_response' and started_at < $until
    group by all
),

picked as (
    select
        conversation_id, opened_at, brand, channel, queue, closed_at, final_at, is_abandoned,
        first_response_seconds, first_response_margin_seconds
    from raw.conversations
    where (closed_at >= $since and closed_at < $until)
        or (is_abandoned and final_at >= $since and final_at < $until)
),

worked as (
    select
        conversation_id,
        opened_at,
        sum_seconds(whole_us(handle_active_seconds)) as handle_active_seconds
    from raw.handling
    semi join picked using (conversation_id, opened_at)
    group by all
),

ended as (
    select
        c.*,
        coalesce(c.closed_at, c.final_at) as happened_at,
        epoch_us(coalesce(c.closed_at, c.final_at)) / 1e6 - epoch_us(c.opened_at) / 1e6
            as lifetime_seconds
    from (
        select * from picked
        left join worked using (conversation_id, opened_at)
    ) as c
),

contacts as (
    select
        happened_at, brand, channel, queue,
        (closed_at is not null and first_response_seconds is not null)::int as handled,
        if(handled = 1, handle_active_seconds, null) as handle_active_seconds,
        if(handled = 1, first_response_seconds, null) as wait_seconds,
        (handled = 1 and first_response_margin_seconds >= 0)::int as within_target,
        is_abandoned::int as abandoned,
        if(is_abandoned, lifetime_seconds, null) as abandoned_wait_seconds,
        (is_abandoned and lifetime_seconds <= $short_seconds)::int as abandoned_short,
        (is_abandoned and lifetime_seconds <= target_seconds)::int as abandoned_within_target
    from ended
    left join targets using (brand, channel, queue)
),

answers as (
    select
        replied_at as happened_at, brand, channel, queue,
        1 as responses,
        if(
            handle_active_method = 'focus',
            handle_active_seconds,
            (epoch_us(replied_at) - epoch_us(handling_started_at)) / 1e6
        ) as attended_seconds,
        handle_active_seconds as active_seconds
    from responses
    where replied_at >= $since and replied_at < $until
),

outcomes as (
    select
        ended_at as happened_at, brand, channel, queue,
        (outcome = 'met')::int as met,
        (outcome = 'missed')::int as missed
    from sla
    where sla = 'first_response' and ended_at >= $since and ended_at < $until
),

reopened as (
    select conversation_id, opened_at, brand, channel, queue
    from raw.conversations
    where reopen_count > 0 and opened_at < $until
),

turns as (
    select conversation_id, opened_at, "at" as happened_at, seq, (kind != 'closed')::int as is_open
    from actions
    semi join reopened using (conversation_id, opened_at)
    where kind in ('closed', 'reopened')
    union all
    select conversation_id, opened_at, "at", seq, 1
    from messages
    semi join reopened using (conversation_id, opened_at)
    where direction = 'inbound'
),

turned as (
    select
        conversation_id, opened_at, happened_at,
        is_open - lag(is_open, 1, 1) over (
            partition by conversation_id, opened_at
            order by happened_at, seq nulls last, is_open desc
        ) as change
    from turns
),

changes as (
    select opened_at as happened_at, brand, channel, queue, 1 as change
    from raw.conversations
    where opened_at < $until
    union all
    select closed_at, brand, channel, queue, -1
    from raw.conversations
    where closed_at < $until and reopen_count = 0
    union all
    select happened_at, brand, channel, queue, change
    from turned
    join reopened using (conversation_id, opened_at)
    where change != 0 and happened_at < $until
    union all
    select final_at, brand, channel, queue, -1
    from raw.conversations
    where closed_at is null and is_final and final_at < $until
),

backlogs as (
    select
        greatest(happened_at, $since - to_minutes($minutes)) as happened_at,
        brand, channel, queue,
        change as backlog_change
    from changes
),

everything as (
    select * from traffic
    union all by name
    select * from contacts
    union all by name
    select * from answers
    union all by name
    select * from outcomes
    union all by name
    select * from backlogs
),

summed as (
    select
        $since + to_minutes(
            $minutes * floor(
                (epoch_us(happened_at) - epoch_us($since)) / ($minutes * 60e6)
            )::bigint
        ) as interval_start,
        brand, channel, queue,
        sum(offered)::bigint as offered,
        bool_or(is_spike) as is_spike,
        sum(posts)::bigint as posts,
        sum(replies)::bigint as replies,
        sum(responses)::bigint as responses,
        sum(handled)::bigint as handled,
        sum_seconds(whole_us(handle_active_seconds)) as handle_active_seconds,
        sum_seconds(whole_us(wait_seconds)) as wait_seconds,
        max(wait_seconds) as longest_wait_seconds,
        sum(within_target)::bigint as within_target,
        sum(abandoned)::bigint as abandoned,
        sum(abandoned_short)::bigint as abandoned_short,
        sum(abandoned_within_target)::bigint as abandoned_within_target,
        sum_seconds(whole_us(abandoned_wait_seconds)) as abandoned_wait_seconds,
        max(abandoned_wait_seconds) as longest_abandoned_wait_seconds,
        sum(met)::bigint as met,
        sum(missed)::bigint as missed,
        sum_seconds(whole_us(attended_seconds)) as attended_seconds,
        sum_seconds(whole_us(active_seconds)) as active_seconds,
        sum(backlog_change)::bigint as backlog_change
    from everything
    group by all
),

before as (
    select brand, channel, queue, sum(backlog_change)::bigint as backlog_before
    from summed
    where interval_start < $since
    group by all
),

final as (
    select
        interval_start as interval_start_utc,
        brand,
        channel,
        queue,
        coalesce(interval_start + to_minutes($minutes) <= $now, false) as is_complete,
        target_seconds,
        columns(
            summed.* exclude (interval_start, brand, channel, queue, backlog_change)
        ),
        coalesce(backlog_before, 0) + coalesce(
            sum(backlog_change) over (
                partition by brand, channel, queue order by interval_start
            ), 0
        )::bigint as backlog_end,
        coalesce(backlog_change, 0) as backlog_change
    from starts
    cross join scopes
    left join summed using (interval_start, brand, channel, queue)
    left join before using (brand, channel, queue)
    left join targets using (brand, channel, queue)
)

select
    * exclude (backlog_change, backlog_end),
    (backlog_end - backlog_change)::bigint as backlog_start,
    backlog_end::bigint as backlog_end
from final
order by interval_start_utc, brand, channel, queue
