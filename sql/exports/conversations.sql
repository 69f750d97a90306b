-- conversations: a row for each conversation opened in the period, oldest first.
--
-- created_at, first_responded_at, solved_at   instants; null is "not yet"
-- handle_seconds    active handle time; null where no person answered a wait, or it isn't known yet
-- is_solved         whether it is closed
--
-- Parameters: $since, $until (instants; since is in, until is out).
select
    opened_at as created_at,
    conversation_id,
    brand, channel, queue,
    closed_at is not null as is_solved,
    first_reply_at as first_responded_at,
    handle_active_seconds as handle_seconds,
    closed_at as solved_at
from conversations
where opened_at >= $since and opened_at < $until
order by opened_at, conversation_id
