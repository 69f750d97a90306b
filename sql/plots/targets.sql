-- Targets of the answers in the period, by SLA, the usual ones first.
select
    sla,
    target_seconds,
    count(*) as clocks
from stg_sla
where sla <> 'resolution'
    and is_ended
    and ended_at >= coalesce($since::timestamptz, '-infinity')
    and ended_at < coalesce($until::timestamptz, 'infinity')
group by all
order by sla, clocks desc
