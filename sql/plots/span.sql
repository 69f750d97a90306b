-- First and last window of the period.
select
    min(window_start) as first_at,
    max(window_end) as last_at
from stg_windows
where is_within(window_start, $since, $until)
