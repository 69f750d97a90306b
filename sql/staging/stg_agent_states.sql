-- States of agents, each until the next; ended_at is null where none came.
select * from raw.agent_states
