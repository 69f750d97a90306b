-- Five-minute windows.
select
    *,
    window_start + interval 5 minutes as window_end
from raw.windows
