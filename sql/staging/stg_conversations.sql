-- Conversations, each at its latest revision, with the agent who is credited with the close.
select
    *,
    case when closed_by is null then assigned_agent else closing_agent end as credited_agent
from raw.conversations
