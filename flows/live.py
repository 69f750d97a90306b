"""What this process knows of the stream: counts since it started, and the latest live state.

The flow hands over what it saw (`LiveMetrics.take`); the exporter and the wallboard read it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from replywatch.flows.series import Buckets, ScopeSeries
from replywatch.flows.steps import Shown, Staffed
from replywatch.metrics import catalogue as names
from replywatch.metrics.board import Board
from replywatch.metrics.events import REASONS
from replywatch.metrics.policy import PolicyBook, Scope
from replywatch.metrics.roster import STATES
from replywatch.metrics.shard import Rows
from replywatch.metrics.times import NEVER, SECOND

Sign = Shown | Staffed | Rows
"""What the flow says to the metrics: counts and live state, agents, or refused rows."""

OTHER: Scope = ("other", "other", "other")


class LiveMetrics:
    """All that this process exports; safe to read while the flow writes.

    `scopes` exist from the start. Scopes beyond `max_scopes` are added up under 'other'.
    """

    def __init__(
        self,
        policy: PolicyBook,
        scopes: Iterable[Scope] = (),
        max_scopes: int = 500,
        mode: str = "replay",
        version: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        self.policy = policy
        self.mode, self.version = mode, version
        self.events = self.late = self.folded = 0
        self.agents = dict.fromkeys(STATES, 0)
        self.rejected = dict.fromkeys(REASONS, 0)
        self.delay = Buckets(names.DELAY_BOUNDS)
        self.heartbeat = now()
        self.exported_at: float | None = None
        self.wfm_exported_at: dict[str, float] = {}
        self._now = now
        self.lock = threading.Lock()
        self._max_scopes = max_scopes
        self._bounds = [*map(float, names.RESPONSE_BOUNDS), *policy.target_bounds()]
        self.scopes: dict[Scope, ScopeSeries] = {}
        self._folded: set[Scope] = set()
        self._marks: dict[int, int] = {}
        for scope in scopes:
            self.series(scope)

    def take(self, signs: Iterable[Sign]) -> None:
        """Count what the flow said."""
        with self.lock:
            self.heartbeat = self._now()
            for sign in signs:
                if isinstance(sign, Shown):
                    self._take_shown(sign)
                elif isinstance(sign, Staffed):
                    self._take_staffed(sign)
                else:
                    for row in sign.rows:
                        self.rejected[str(row[2])] += 1

    def _take_shown(self, shown: Shown) -> None:
        self._marks[shown.desk] = shown.as_of
        if shown.fresh is not None:
            self.events += shown.fresh.events
            self.late += shown.fresh.late
            self.rejected["forgotten"] += shown.fresh.forgotten
            for scope, cell in shown.fresh.cells.items():
                self.series(scope).add(cell)
        for board in shown.boards or ():
            scope = (board.brand, board.channel, board.queue)
            self.series(scope).boards[scope] = board

    def _take_staffed(self, staffed: Staffed) -> None:
        self.agents = staffed.states
        for scope, seconds in staffed.samples:
            self.series(scope).handle_active.observe(seconds)
        for rows in staffed.rows:
            if rows.table == "rejected":
                self.rejected["forgotten"] += len(rows.rows)

    def series(self, scope: Scope) -> ScopeSeries:
        """The series of `scope`, or of 'other' when there are too many."""
        known = self.scopes.get(scope)
        if known is None:
            if len(self.scopes) >= self._max_scopes and scope != OTHER:
                if scope not in self._folded:
                    self._folded.add(scope)
                    self.folded += 1
                return self.series(OTHER)
            bounds = [*map(float, names.RESOLUTION_BOUNDS)]
            known = self.scopes[scope] = ScopeSeries(self._bounds, bounds)
        return known

    @property
    def watermark(self) -> int | None:
        """The instant before which everything is counted, `None` until it is known."""
        low = min(self._marks.values(), default=-NEVER)
        return None if low <= -NEVER else low

    def board(self, progress: float | None) -> Board:
        """The live state of all scopes for a wallboard: a picture of its own, safe to keep."""
        with self.lock:
            as_of = self.watermark
            return Board(
                as_of=as_of or 0,
                lag_seconds=self._now() - as_of / SECOND if as_of and self.mode == "live" else None,
                scopes=[b for s in self.scopes.values() for b in s.boards.values()],
                events_total=self.events,
                rejected_total=sum(self.rejected.values()),
                late_total=self.late,
                progress_ratio=progress,
            )
