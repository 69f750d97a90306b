-- sla_days: one row per UTC day, SLA and scope (day, sla, brand, channel, queue, priority): the
-- clocks that ended on it. A missed clock ends at its deadline.
with

counted as (
    select
        day_of(ended_at, 'UTC') as day,
        sla,
        brand,
        channel,
        queue,
        priority,
        count(*) as ended_clocks,
        count(*) filter (outcome = 'met') as met,
        count(*) filter (outcome = 'missed') as missed,
        count(*) filter (outcome = 'void') as void,
        met / nullif(met + missed, 0) as attainment
    from stg_sla
    where is_ended
    group by all
),

final as (
    select
        counted.*,
        (day + interval 1 day) at time zone 'UTC' <= history_clock.now as is_final
    from counted
    cross join history_clock
)

select * from final
