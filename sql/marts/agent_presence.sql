-- agent_presence: one row per 15 minutes (UTC) and agent (interval_start, agent): how long which
-- state lasted in it, and how long waits were in hand.
with

final as (
    select * from presence_by(15)
)

select * from final
