-- Conversations, each at its latest revision, with the agent who is credited with the close.
select
    *,
    closer(closed_by, assigned_agent, closing_agent) as credited_agent
from raw.conversations
