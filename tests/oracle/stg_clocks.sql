-- SLA clocks that ran: of the events that may start one only those at which none of its SLA ran
-- already. The chain goes from one to the first that lies past its end. Grain: clock.

create or replace table stg_clocks as

with recursive

judged as (
    select
        conversation_id,
        incarnation,
        sla,
        started_no,
        any_value(ended_no) as finish_no,
        min(event_no) filter (missed_us is not null) as missed_no,
        min(missed_us) as missed_us,
        -- where its rule gives it no target: at its start it never ran
        min(event_no) filter (
            target_us is null and (event_no = started_no or is_retargeted)
        ) as dropped_no,
        coalesce(dropped_no, finish_no) as ended_no
    from stg_clock_steps
    group by conversation_id, incarnation, sla, started_no
),

followed as (
    select
        judged.*,
        min(later.started_no) as successor_no
    from judged
    left join judged as later
        on
            judged.conversation_id = later.conversation_id
            and judged.incarnation = later.incarnation
            and judged.sla = later.sla
            and later.started_no > judged.started_no
            and later.started_no > judged.ended_no
    group by all
),

chain as (
    select conversation_id, incarnation, sla, min(started_no) as started_no
    from judged
    group by conversation_id, incarnation, sla

    union all

    select followed.conversation_id, followed.incarnation, followed.sla, successor_no
    from chain
    inner join followed using (conversation_id, incarnation, sla, started_no)
    where successor_no is not null
)

select judged.*
from chain
inner join judged using (conversation_id, incarnation, sla, started_no)
where dropped_no is null;
