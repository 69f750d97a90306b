"""What a wallboard shows: the live state of every scope at one instant of event time."""

from __future__ import annotations

import msgspec


class ScopeBoard(msgspec.Struct):
    """One scope (brand x channel x queue) at `Board.as_of`.

    Instants are integer microseconds since the epoch, UTC. `None` means "no data".
    """

    brand: str
    channel: str
    queue: str
    waiting: int = 0
    unassigned: int = 0
    backlog: int = 0
    overdue: dict[str, int] = {}  # SLA name -> conversations past their deadline and unanswered
    at_risk: dict[str, int] = {}  # SLA name -> clocks that run and are at risk
    next_due_at: dict[str, int] = {}  # SLA name -> earliest deadline still ahead
    oldest_wait_at: int | None = None  # start of the longest running wait
    window_start: int = 0  # start of the running 5-minute window
    window_posts: int = 0  # customer posts in it so far
    posts_expected: float | None = None  # expected for a whole window
    spike_score: float | None = None  # how far it is to an alarm: 1 raises one
    is_spike: bool = False  # a crisis is one as well
    is_surge: bool = False
    is_crisis: bool = False
    spike_severity: float | None = None  # of what goes on: days since as many posts came
    attainment: dict[str, float | None] = {}  # of the last closed window, by SLA
    is_breached: dict[str, bool] = {}  # under the objective, or sure to be in the running one
    met_last_hour: int = 0  # SLA clocks met and missed in the last 12 closed windows
    missed_last_hour: int = 0


class Board(msgspec.Struct):
    """All scopes at one instant, with the totals since the process started."""

    as_of: int = 0  # the watermark: everything before it is in
    scopes: list[ScopeBoard] = []
    events_total: int = 0
    rejected_total: int = 0
    late_total: int = 0
    progress_ratio: float | None = None  # of a replay, 0..1; None when live
    lag_seconds: float | None = None  # from `as_of` to the clock; None in a replay, or unknown
