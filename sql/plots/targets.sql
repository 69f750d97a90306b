-- Targets of the answers in the period, by SLA, the usual ones first.
select
    sla,
    target_seconds,
    count(*) as clocks
from stg_sla
where sla <> 'resolution'
    and is_ended
    and is_within(ended_at, $since, $until)
group by all
order by sla, clocks desc
