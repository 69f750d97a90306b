-- volume_intervals: one row per 15 minutes and scope in which anything happened (interval_start,
-- brand, channel, queue), from 5-minute windows. waiting and oldest_wait_seconds are as at the end
-- of its last window in which anything happened.
with

counted as (
    select
        quarter_of(window_start) as interval_start,
        brand,
        channel,
        queue,
        sum(posts)::bigint as posts,
        sum(replies)::bigint as replies,
        sum(opened)::bigint as opened,
        sum(closed)::bigint as closed,
        sum(answered)::bigint as answered,
        sum(met)::bigint as met,
        sum(missed)::bigint as missed,
        sum(met) / nullif(sum(met + missed), 0) as attainment,
        sum(posts_expected order by window_start) as posts_expected,
        bool_or(is_spike) as is_spike,
        arg_max(waiting, window_start) as waiting,
        arg_max_null(oldest_wait_seconds, window_start) as oldest_wait_seconds,
        max(final_at) as final_at
    from stg_windows
    group by all
),

final as (
    select
        counted.*,
        final_at <= history_clock.now as is_final
    from counted
    cross join history_clock
)

select * from final
