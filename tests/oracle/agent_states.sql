-- Grain: word of an agent's state, from its instant to that agent's next one.

create or replace table agent_states as

select
    agent,
    state,
    make_timestamptz(at_us) as started_at,
    make_timestamptz(lead(at_us) over in_order) as ended_at,
    (lead(at_us) over in_order - at_us) / 1e6 as seconds,
    source,
    id
from stg_events
where kind = 'agent_state' and agent is not null
window in_order as (partition by agent order by overall_no);
