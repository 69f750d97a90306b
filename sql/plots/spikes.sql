-- The largest episodes of unusual volume that began in the period.
select
    kind,
    concat_ws('/', brand, channel, queue) as scope,
    peak_at,
    peak_posts,
    ratio
from stg_spikes
where started_at >= coalesce($since::timestamptz, '-infinity')
    and started_at < coalesce($until::timestamptz, 'infinity')
order by peak_posts desc
limit 3
