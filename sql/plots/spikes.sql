-- The largest episodes of unusual volume that began in the period.
select
    kind,
    concat_ws('/', brand, channel, queue) as scope,
    peak_at,
    peak_posts,
    ratio
from stg_spikes
where is_within(started_at, $since, $until)
order by peak_posts desc
limit 3
