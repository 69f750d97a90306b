-- Posts and what was expected, by buckets of $width minutes over all scopes; is_spike where any
-- scope had one.
select
    time_bucket(to_minutes($width::bigint), window_start) as bucket,
    sum(posts)::bigint as posts,
    sum(posts_expected order by window_start, brand, channel, queue) as expected,
    coalesce(bool_or(is_spike), false) as is_spike
from stg_windows
where is_within(window_start, $since, $until)
group by all
order by all
