-- spikes: episodes of unusual volume that began in the period, newest first.
--
-- kind                     spike, crisis (a spike with more negative posts than is usual here), or
--                          surge (hours together above what is usual)
-- started_at, ended_at     the first hot minute or window; the end of the last one (null: goes on)
-- detected_at              when the posts that had come by then were enough for an alarm
-- delay_seconds            from the start to that
-- peak_at, peak_posts      the 5-minute window with the most posts
-- expected, ratio          posts expected in it, and how many times as many came
-- severity_days            days since as many posts came in five minutes, to within a fifth
-- scored_posts             posts of it with a sentiment
-- negative_ratio           share of negative ones among those
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out).
with

final as (
    select
        started_at,
        detected_at,
        ended_at,
        epoch_us(detected_at - started_at) / 1e6 as delay_seconds,
        kind,
        brand,
        channel,
        queue,
        peak_at,
        peak_posts,
        expected,
        ratio,
        severity as severity_days,
        scored_posts,
        negative_ratio
    from spikes
    where is_within(started_at, $since, $until)
)

select * from final
order by started_at desc, brand, channel, queue, kind
