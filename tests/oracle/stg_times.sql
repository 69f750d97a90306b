-- How much time of each sort a life has behind it at each event: any duration between two events is
-- a difference of two of these. Grain: event of a conversation.
--   business_us: inside the schedule in force, piece by piece;
--   first_active_us, resolution_active_us: the same less what pauses that clock;
--   worked_us, worked_business_us: open, assigned to a person and not paused;
--   next_active_us: the same of the next response's clock;
--   paused_us: open and paused.

create or replace table stg_times as

with

pieces as (
    select
        state.conversation_id,
        state.incarnation,
        state.event_no,
        state.next_us - state.at_us as elapsed_us,
        until.read_us - since.read_us as open_us,
        list_contains(rule.first_response_pauses, paused_for)
        or (status = 'closed' and list_contains(rule.first_response_pauses, 'closed'))
            as stops_first,
        list_contains(rule.next_response_pauses, paused_for)
        or (status = 'closed' and list_contains(rule.next_response_pauses, 'closed'))
            as stops_next,
        list_contains(rule.resolution_pauses, paused_for)
        or (status = 'closed' and list_contains(rule.resolution_pauses, 'closed'))
            as stops_resolution,
        status = 'open' and assigned_agent is not null and paused_for is null as is_worked,
        status = 'open' and paused_for is not null as is_paused
    from stg_states as state
    left join policy_rules as rule on state.rule_no = rule.rule_no
    left join stg_readings as since
        on state.schedule = since.schedule and state.at_us = since.at_us
    left join stg_readings as until
        on state.schedule = until.schedule and state.next_us = until.at_us
)

select
    conversation_id,
    event_no,
    coalesce(sum(open_us) over past, 0)::bigint as business_us,
    coalesce(sum(open_us) filter (not coalesce(stops_first, false)) over past, 0)::bigint
        as first_active_us,
    coalesce(sum(open_us) filter (not coalesce(stops_next, false)) over past, 0)::bigint
        as next_active_us,
    coalesce(sum(open_us) filter (not coalesce(stops_resolution, false)) over past, 0)::bigint
        as resolution_active_us,
    coalesce(sum(elapsed_us) filter (is_worked) over past, 0)::bigint as worked_us,
    coalesce(sum(open_us) filter (is_worked) over past, 0)::bigint as worked_business_us,
    coalesce(sum(elapsed_us) filter (is_paused) over past, 0)::bigint as paused_us
from pieces
window past as (
    partition by conversation_id, incarnation order by event_no
    rows between unbounded preceding and 1 preceding
);
