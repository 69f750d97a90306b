-- Opening hours as spans on the one line of time, and how far each schedule's clock has come.
-- Weekly hours are local: a day's span starts and ends at what the wall clock shows that day.

-- Grain: (schedule, span), half-open. `before_us` is the business time of all earlier spans.
create or replace table stg_open_spans as

with

reaches as (
    select
        hours.schedule,
        hours.timezone,
        sum(hours.close_minute - hours.open_minute) * 60_000_000 as weekly_us,
        -- a deadline lies at most so many weeks ahead: each holiday may take a week's only day
        60 + 7 * (ceil(any_value(longest_us) / weekly_us) + any_value(days_off)) as days_ahead
    from schedule_hours as hours
    cross join (select coalesce(max(greatest(first_response_us, next_response_us, resolution_us)), 0)
                    as longest_us from policy_rules)
    cross join (select count(*) as days_off from schedule_holidays)
    group by all
),

days as (
    select
        schedule,
        timezone,
        unnest(
            generate_series(
                make_timestamp(first_us)::date::timestamp - interval 2 day,
                make_timestamp(end_us)::date::timestamp + to_days(days_ahead::int),
                interval 1 day
            )
        ) as day
    from reaches
    cross join (select min(at_us) as first_us from stg_events)
    cross join replay_end
),

spans as (
    select
        days.schedule,
        epoch_us(timezone(days.timezone, days.day + to_minutes(open_minute))) as open_us,
        epoch_us(timezone(days.timezone, days.day + to_minutes(close_minute))) as close_us
    from days
    inner join schedule_hours as hours
        on days.schedule = hours.schedule and isodow(days.day) = hours.weekday
    left join schedule_holidays as holidays
        on days.schedule = holidays.schedule and days.day::date = holidays.day
    where holidays.day is null
)

select
    schedule,
    open_us,
    close_us,
    coalesce(
        sum(close_us - open_us) over (
            partition by schedule order by open_us
            rows between unbounded preceding and 1 preceding
        ),
        0
    )::bigint as before_us,
    before_us + close_us - open_us as after_us
from spans
where close_us > open_us;

-- Grain: (schedule, instant that matters). `read_us` is the business time up to it; schedule
-- `wall` is always open.
create or replace table stg_readings as

with

instants as (
    select at_us from stg_events
    union
    select at_us + expire_after_us from stg_events cross join settings
    union
    select at_us + reopen_window_us from stg_events cross join settings
    union
    select end_us from replay_end
),

wanted as (
    select schedule, at_us
    from instants
    cross join (select distinct schedule from schedule_hours)
    where at_us is not null
)

select
    wanted.schedule,
    at_us,
    coalesce(before_us + least(at_us, close_us) - open_us, 0) as read_us
from wanted
asof left join stg_open_spans as span
    on wanted.schedule = span.schedule and wanted.at_us >= span.open_us

union all

select 'wall', at_us, at_us
from instants
where at_us is not null;
