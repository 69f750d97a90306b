-- volume: traffic in the period, one row per group of `by` (default: day), from 5-minute windows.
--
-- A window belongs to the group that holds its start, and to the period if it starts in it.
--
-- posts, replies           customers' posts; replies of people and bots
-- opened, closed           conversations opened; closes
-- answered                 waits that a person's reply ended
-- max_window_posts         most posts in one 5-minute window, over all scopes of the row
-- posts_expected           posts expected in windows in which anything happened, where that is known:
--                          less than in the whole period, and far less where posts are rare
-- expected_ratio           posts in those windows / posts_expected
-- max_waiting              most conversations waiting at the end of a window, over all scopes
-- spike_windows            windows of a scope with is_spike; null where spikes are not judged
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out), $tz, $by.
-- Groups: day, hour, interval (15 minutes), window (5 minutes), brand, channel, queue. A bucket in
-- which nothing happened has no row.
with

dated as (
    select
        day_of(window_start, $tz) as day,
        hour_of(window_start, $tz) as hour,
        quarter_of(window_start) as interval,
        window_start as "window",
        *
    from windows
    where is_within(window_start, $since, $until)
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
        sum(posts_expected order by brand, channel, queue) as posts_expected,
        sum(posts) filter (posts_expected is not null) as posts_judged,
        sum(waiting) as waiting,
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
        sum(per_window.posts_expected order by window_start) as posts_expected,
        sum(per_window.posts_judged)
            / nullif(sum(per_window.posts_expected order by window_start), 0) as expected_ratio,
        max(per_window.waiting)::bigint as max_waiting,
        sum(per_window.spikes)::bigint as spike_windows
    from per_window
    group by all
)

select * from final
order by all
