-- First and last window of the period.
select
    min(window_start) as first_at,
    max(window_end) as last_at
from stg_windows
where window_start >= coalesce($since::timestamptz, '-infinity')
    and window_start < coalesce($until::timestamptz, 'infinity')
