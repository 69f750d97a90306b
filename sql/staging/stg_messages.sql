-- Posts and replies; "at" is a word of SQL, so the instant is called sent_at.
select
    * exclude ("at"),
    "at" as sent_at,
    direction = 'inbound' as is_post,
    direction = 'outbound' and agent is not null as is_human_reply
from raw.messages
