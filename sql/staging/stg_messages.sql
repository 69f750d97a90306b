-- Posts and replies; "at" is a word of SQL, so the instant is called sent_at.
select
    * exclude ("at"),
    "at" as sent_at,
    direction = 'inbound' as is_post,
    is_human(direction, agent) as is_human_reply
from raw.messages
