"""One scope (brand x channel x queue): its windows, and what is running in it."""

from __future__ import annotations

from bisect import bisect_left, insort

import msgspec

from replywatch.metrics.board import ScopeBoard
from replywatch.metrics.cells import (
    BACKLOG,
    CLOSED,
    COUNTS,
    MET,
    MISSED,
    OPENED,
    OVERDUE,
    POSTS,
    REPLIES,
    UNASSIGNED,
    WAITING,
    Cell,
    no_counts,
)
from replywatch.metrics.policy import SLAS, Objective, PolicyBook, Scope
from replywatch.metrics.rows import WindowRow
from replywatch.metrics.running_min import RunningMin
from replywatch.metrics.times import HOUR, SECOND, WINDOW, seconds_between, window_of
from replywatch.metrics.volume import Baseline


def percentile(ordered: list[int], percent: int) -> float | None:
    """The percentile of sorted microseconds in seconds, interpolated linearly; `None` of nothing.

    Whole numbers until the one division, so that the result is the double nearest to the truth.
    """
    if not ordered:
        return None
    below, rest = divmod(percent * (len(ordered) - 1), 100)
    above = min(below + 1, len(ordered) - 1)
    return (ordered[below] * (100 - rest) + ordered[above] * rest) / (100 * SECOND)


def attainment(met: int, missed: int) -> float | None:
    """Share of ended clocks that were met; `None` where none ended."""
    return met / (met + missed) if met + missed else None


def is_under(objective: Objective | None, met: int, missed: int) -> bool:
    """A 5-minute SLA breach: enough clocks ended, and too few of them met."""
    share = attainment(met, missed)
    if objective is None or share is None:
        return False
    return met + missed >= objective.min_outcomes and share < objective.ratio


class Closed(msgspec.Struct, array_like=True):
    """A closed window that can still be restated: what made it, and the row that was written."""

    cell: Cell
    end: int
    row: WindowRow | None


class Standing(msgspec.Struct, array_like=True):
    """What runs in a scope at an instant: the counts from `WAITING` on, and the waits' starts."""

    counts: list[int] = msgspec.field(default_factory=no_counts)
    waits: RunningMin = msgspec.field(default_factory=RunningMin)

    def move(self, cell: Cell, sign: int = 1) -> None:
        """Let the changes of `cell` happen, or (-1) undo them."""
        counts, changes = self.counts, cell.counts
        for index in range(WAITING, COUNTS):
            counts[index] += sign * changes[index]
        for start in cell.waits:
            self.waits.add(start, sign)
        for start in cell.waits_left:
            self.waits.add(start, -sign)


class ScopeState(msgspec.Struct, array_like=True):
    """Windows and state of one scope.

    `settled` stands at the end of the last closed window; `live` includes the open ones.
    """

    scope: Scope
    open: dict[int, Cell] = {}
    closed: dict[int, Closed] = {}
    order: list[int] = []  # the closed windows that are kept, ascending
    settled: Standing = msgspec.field(default_factory=Standing)
    live: Standing = msgspec.field(default_factory=Standing)
    dues: list[RunningMin] = msgspec.field(default_factory=lambda: [RunningMin() for _ in SLAS])
    baseline: Baseline = msgspec.field(default_factory=Baseline)
    forgotten_before: int = 0  # windows before this one can't be restated any more
    unrestated: int = 0  # late changes that came for such windows

    def note_live(self, cell: Cell, is_added: bool) -> None:
        """Bring the live state up to date with a change in any window."""
        sign = 1 if is_added else -1
        self.live.move(cell, sign)
        for sla, due in cell.dues:
            self.dues[sla].add(due, sign)
        for sla, due in cell.dues_left:
            self.dues[sla].add(due, -sign)

    def note_open(self, window: int, cell: Cell, is_added: bool) -> bool:
        """Add a change in an open window; whether the window is new."""
        known = self.open.get(window)
        is_new = known is None
        if known is None:
            known = self.open[window] = Cell()
        if is_added:
            known.add(cell)
        else:
            known.take_back(cell)
        return is_new

    def close(self, window: int, end: int, policy: PolicyBook, forget: int) -> WindowRow | None:
        """The row of a window that is complete at `end`, if anything happened in it."""
        cell = self.open.pop(window)
        self.settled.move(cell)
        posts = cell.counts[POSTS]
        row = None
        if cell.is_active:
            row = self._row(
                window,
                end,
                cell,
                policy,
                posts_expected=self.baseline.expected(window),
                spike_score=self.baseline.score(window, posts),
                is_spike=self.baseline.is_spike(window, posts),
                revision=0,
            )
        self.baseline.update(window, posts)
        self.closed[window] = Closed(cell, end, row)
        self.order.append(window)
        while self.order and self.order[0] < forget:
            forgotten = self.order.pop(0)
            del self.closed[forgotten]
            self.forgotten_before = forgotten + WINDOW
        return row

    def restate(
        self, corrections: list[tuple[int, Cell, bool]], policy: PolicyBook
    ) -> list[WindowRow]:
        """Apply late changes to closed windows; the rows that differ from what was written.

        The state is rolled back to before the earliest of them and forward again, since a wait
        that ended earlier changes every window until the one it was first counted in.
        """
        for window, cell, is_added in corrections:
            if window < self.forgotten_before:
                self.settled.move(cell, 1 if is_added else -1)
                self.unrestated += 1
        kept = [one for one in corrections if one[0] >= self.forgotten_before]
        if not kept:
            return []
        start = bisect_left(self.order, min(window for window, _, _ in kept))
        for window in reversed(self.order[start:]):
            self.settled.move(self.closed[window].cell, -1)
        for window, cell, is_added in kept:
            known = self.closed.get(window)
            if known is None:
                known = self.closed[window] = Closed(Cell(), window + WINDOW, None)
                insort(self.order, window)
            if is_added:
                known.cell.add(cell)
            else:
                known.cell.take_back(cell)
        rows = []
        for window in self.order[start:]:
            row = self._restated_row(window, policy)
            if row is not None:
                rows.append(row)
        return rows

    def _restated_row(self, window: int, policy: PolicyBook) -> WindowRow | None:
        closed = self.closed[window]
        self.settled.move(closed.cell)
        old = closed.row
        if old is None and not closed.cell.is_active:
            return None
        row = self._row(
            window,
            closed.end,
            closed.cell,
            policy,
            posts_expected=None if old is None else old.posts_expected,
            spike_score=None if old is None else old.spike_score,
            is_spike=old is not None and old.is_spike,
            revision=0 if old is None else old.revision,
        )
        if row == old:
            return None
        if old is not None:
            row = msgspec.structs.replace(row, revision=old.revision + 1)
        closed.row = row
        return row

    def _row(
        self,
        window: int,
        end: int,
        cell: Cell,
        policy: PolicyBook,
        posts_expected: float | None,
        spike_score: float | None,
        is_spike: bool,
        revision: int,
    ) -> WindowRow:
        counts, met, missed = cell.counts, cell.met, cell.missed
        samples = sorted(cell.first_responses)
        oldest = self.settled.waits.min()
        return WindowRow(
            window,
            *self.scope,
            counts[POSTS],
            counts[REPLIES],
            counts[OPENED],
            counts[CLOSED],
            cell.answered,
            met,
            missed,
            attainment(met, missed),
            is_under(self._objective(policy, window), met, missed),
            percentile(samples, 50),
            percentile(samples, 90),
            sum(samples) / (len(samples) * SECOND) if samples else None,
            self.settled.counts[WAITING],
            None if oldest is None else seconds_between(oldest, end),
            posts_expected,
            spike_score,
            is_spike,
            revision,
        )

    def _objective(self, policy: PolicyBook, window: int) -> Objective | None:
        """That of the first rule for this scope at normal priority, at the window's end."""
        in_force = policy.rule_for(window + WINDOW - 1, self.scope, "normal")
        return None if in_force is None else in_force.rule.objective

    def board(self, now: int, policy: PolicyBook) -> ScopeBoard:
        """What a wallboard shows of this scope at `now`."""
        counts = self.live.counts
        running = window_of(now)
        open_now = self.open.get(running)
        posts = 0 if open_now is None else open_now.counts[POSTS]
        last = self.closed.get(running - WINDOW)
        board = ScopeBoard(
            *self.scope,
            waiting=counts[WAITING],
            unassigned=counts[UNASSIGNED],
            backlog=counts[BACKLOG],
            oldest_wait_at=self.live.waits.min(),
            window_start=running,
            window_posts=posts,
            posts_expected=self.baseline.expected(running),
            spike_score=self.baseline.score(running, posts),
            is_spike=self.baseline.is_spike(running, posts),
        )
        objective = self._objective(policy, running)
        for index, sla in enumerate(SLAS):
            board.overdue[sla] = counts[OVERDUE + index]
            due = self.dues[index].min()
            if due is not None:
                board.next_due_at[sla] = due
            met = 0 if last is None else last.cell.counts[MET + index]
            missed = 0 if last is None else last.cell.counts[MISSED + index]
            board.attainment[sla] = attainment(met, missed)
            board.is_breached[sla] = is_under(objective, met, missed)
        met, missed = (0, 0) if last is None else (last.cell.met, last.cell.missed)
        board.attainment["all"] = attainment(met, missed)
        board.is_breached["all"] = is_under(objective, met, missed)
        for window in self.order[bisect_left(self.order, now - HOUR) :]:
            board.met_last_hour += self.closed[window].cell.met
            board.missed_last_hour += self.closed[window].cell.missed
        return board
