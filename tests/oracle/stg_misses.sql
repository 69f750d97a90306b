-- Which clocks were missed, and after which event: what moves the conversation later changes them no
-- more. Their steps are computed twice, first to learn this, then knowing it.

create or replace table stg_misses as

select conversation_id, sla, started_no, min(event_no) as missed_no
from stg_clock_steps
where missed_us is not null
group by all;
