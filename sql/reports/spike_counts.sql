-- spikes, counted: episodes of unusual volume that began in the period.
--
-- episodes                 spikes, surges and crises that began
-- hot_seconds              how long they lasted together; those that go on are left out
-- max_times_expected, max_severity_days  of the worst of them
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out), $tz, $by.
-- Groups: kind, brand, channel, queue, day (on which they began).
with

dated as (
    select *, day_of(started_at, $tz) as day
    from spikes
    where is_within(started_at, $since, $until)
),

final as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) as episodes,
        sum(epoch_us(ended_at - started_at)) / 1e6 as hot_seconds,
        max(ratio) as max_times_expected,
        max(severity) as max_severity_days
    from dated
    group by all
)

select * from final
order by all
