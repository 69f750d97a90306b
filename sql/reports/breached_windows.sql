-- breaches --by window: 5-minute windows whose attainment is under the objective, one row per
-- window and scope, newest first.
--
-- window_start, window_end     the window [start, end)
-- met, missed                  SLA clocks that ended in it, all SLAs; attainment = met / both
-- posts, answered              customers' posts; waits that a person's reply ended
-- waiting                      conversations waiting at its end
-- oldest_wait_seconds          the longest of these waits at its end; null when none waits
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out).
with

breached as (
    select *
    from windows
    where is_breached
        and is_within(window_start, $since, $until)
),

final as (
    select
        window_start,
        window_start + interval 5 minutes as window_end,
        brand,
        channel,
        queue,
        met,
        missed,
        attainment,
        posts,
        answered,
        waiting,
        oldest_wait_seconds
    from breached
)

select * from final
order by window_start desc, brand, channel, queue
