-- Attainment by hour of the day (of the wall clock in $tz), over the days of the period.
select
    sla,
    hour(ended_at at time zone $tz) as hour,
    count(*) filter (outcome = 'met') as met,
    count(*) filter (outcome = 'missed') as missed,
    met / nullif(met + missed, 0) as attainment,
    wilson_low(met, met + missed) as low,
    wilson_high(met, met + missed) as high
from stg_sla
where outcome in ('met', 'missed')
    and is_within(ended_at, $since, $until)
group by all
order by all
