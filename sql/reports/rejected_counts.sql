-- rejected --by …: how many events were refused, one row per group of `by`.
--
-- events                   refused events
-- first_at, last_at        when the first and the last of them was read
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out), $tz, $by.
-- Groups: day, source, reason.
with

refused as (
    select
        day_of(received_at, $tz) as day,
        *
    from rejected
    where is_within(received_at, $since, $until)
),

final as (
    select
        columns(lambda name: list_contains($by, name)),
        count(*) as events,
        min(received_at) as first_at,
        max(received_at) as last_at
    from refused
    group by all
)

select * from final
order by all
