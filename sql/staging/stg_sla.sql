-- SLA clocks that ended, and those that still run; the window they count in is that of ended_at.
select
    *,
    outcome in ('met', 'missed', 'void') as is_ended
from raw.sla
