-- agent_spans: one row per agent and span in which neither the state nor the number of waits in
-- hand changed, cut at UTC midnights (agent, started_at). A wait is in hand from handling_started_at to
-- the reply. state is null where the source tells no states.
with

final as (
    select * from spans_between(null, null)
)

select * from final
