-- volume: traffic in the period, one row per group of `by` (default: day), from 5-minute windows.
--
-- A window belongs to the group that holds its start, and to the period if it starts in it.
--
-- posts, replies           customers' posts; replies of people and bots
-- opened, closed           conversations opened; closes
-- answered                 waits that a person's reply ended
-- max_window_posts         most posts in one 5-minute window, over all scopes of the row
-- spike_windows            windows of a scope with is_spike; null where spikes are not judged
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out), $tz, $by.
-- Groups: day, hour, brand, channel, queue. A bucket in which nothing happened has no row.
with

dated as (
    select
        cast(window_start at time zone $tz as date) as day,
        window_start - (
            (window_start at time zone $tz) - date_trunc('hour', window_start at time zone $tz)
        ) as hour,
        *
    from windows
    where window_start >= coalesce($since::timestamptz, '-infinity')
        and window_start < coalesce($until::timestamptz, 'infinity')
),

per_window as (
    select
        columns(lambda name: list_contains($by, name)),
        window_start,
        sum(posts) as posts,
        sum(replies) as replies,
        sum(opened) as opened,
        sum(closed) as closed,
        sum(answered) as answered,
        sum(is_spike::int) as spikes
    from dated
    group by all
),

final as (
    select
        columns(lambda name: list_contains($by, name)),
        sum(per_window.posts)::bigint as posts,
        sum(per_window.replies)::bigint as replies,
        sum(per_window.opened)::bigint as opened,
        sum(per_window.closed)::bigint as closed,
        sum(per_window.answered)::bigint as answered,
        max(per_window.posts)::bigint as max_window_posts,
        sum(per_window.spikes)::bigint as spike_windows
    from per_window
    group by all
)

select * from final
order by all
