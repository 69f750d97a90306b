-- crises: conversations with one of $tags by the interval and scope that they opened in.
--
-- Parameters: $since, $until (instants; the grid begins at $since), $minutes, $tags.
-- started_at is in microseconds since the epoch.
select
    (
        epoch_us($since::timestamptz) + ($minutes * 60000000)::bigint * floor(
            (epoch_us(opened_at) - epoch_us($since::timestamptz)) / ($minutes * 60e6)
        )
    )::bigint as started_at,
    brand, channel, queue,
    count(*) as conversations
from conversations
where opened_at >= $since and opened_at < $until and list_has_any(tags, $tags)
group by all
