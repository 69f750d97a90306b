"""One scope (brand x channel x queue): its windows, and what is running in it."""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import groupby
from operator import itemgetter

import msgspec

from replywatch.metrics.board import ScopeBoard
from replywatch.metrics.cells import (
    CLOSED,
    FIRST_RESPONSE,
    KINDS_OF_FACT,
    MET,
    MINUTE_POSTS,
    MISSED,
    NEGATIVE,
    NEXT_RESPONSE,
    OPENED,
    POSTS,
    REPLIES,
    SCORED,
    Cell,
    Told,
)
from replywatch.metrics.closed import Closed
from replywatch.metrics.episodes import Episode
from replywatch.metrics.policy import SLAS, Objective, PolicyBook, Scope
from replywatch.metrics.rows import Row
from replywatch.metrics.spike_rows import spike_row
from replywatch.metrics.standing import Standing
from replywatch.metrics.times import HOUR, MINUTE, SECOND, WINDOW, seconds_between, window_of
from replywatch.metrics.volume import Verdict, Volume, new_volume


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


def is_out_of_reach(objective: Objective | None, met: int, missed: int, expected: float) -> bool:
    """An early 5-minute SLA breach: so many clocks of the running window were missed that the
    objective can't be reached any more, even if all the others that are expected are met.

    None in a window that isn't expected to have enough clocks to be judged.
    """
    outcomes = max(expected, met + missed)
    if objective is None or outcomes < objective.min_outcomes:
        return False
    return (outcomes - missed) / outcomes < objective.ratio


class ScopeState(msgspec.Struct, array_like=True):
    """Windows and state of one scope. `settled` stands at the end of the last closed window."""

    scope: Scope
    open: dict[int, Cell] = {}
    closed: dict[int, Closed] = {}
    order: list[int] = []  # the closed windows that are kept, ascending
    settled: Standing = msgspec.field(default_factory=Standing)
    volume: Volume = msgspec.field(default_factory=new_volume)
    spikes: list[Episode] = []  # that changed since `take_spikes`
    forgotten_before: int = 0  # windows before this one can't be restated any more
    is_changed: bool = True  # apart from its windows, since the last checkpoint
    changed: set[int] = set()  # closed windows that are new, different or forgotten since then

    def note_open(self, window: int, cell: Cell, is_added: bool) -> bool:
        """Add a change in an open window; whether the window is new."""
        known = self.open.get(window)
        is_new = known is None
        if known is None:
            known = self.open[window] = Cell()
        known.change(cell, is_added)
        return is_new

    def close(self, window: int, end: int, policy: PolicyBook, forget: int) -> Row | None:
        """The row of a window that is complete at `end`, if anything happened in it."""
        cell = self.open.pop(window)
        told = Told.by(cell)
        self.settled.move(told)
        counts = told.counts
        minutes, moods = _minutes(counts), (counts[SCORED], counts[NEGATIVE])
        verdict = self.volume.see(window, minutes, self.spikes, *moods)
        closed = Closed.of(cell, end, *_outcomes(counts), verdict)
        closed.row = self._row(window, closed, told, policy)
        self.closed[window] = closed
        self.order.append(window)
        self.is_changed = True
        self.changed.add(window)
        while self.order and self.order[0] < forget:
            forgotten = self.order.pop(0)
            del self.closed[forgotten]
            self.changed.add(forgotten)
            self.forgotten_before = forgotten + WINDOW
        return closed.row

    def restate(self, corrections: list[tuple[int, Cell, bool]], policy: PolicyBook) -> list[Row]:
        """Apply late changes to closed windows; the rows that differ from what was written.

        The state is rolled back to before the earliest of them and forward again, since a wait
        that ended earlier changes every window until the one it was first counted in.
        """
        self.is_changed = True
        for window, cell, is_added in corrections:
            if window < self.forgotten_before:
                self.settled.move(Told.by(cell), 1 if is_added else -1)
        kept = [one for one in corrections if one[0] >= self.forgotten_before]
        if not kept:
            return []
        start = bisect_left(self.order, min(window for window, _, _ in kept))
        for window in reversed(self.order[start:]):
            self.settled.move(Told.by(self.closed[window].cell), -1)
        for window, changes in groupby(sorted(kept, key=itemgetter(0)), itemgetter(0)):
            known = self.closed.get(window)
            if known is None:
                known = self.closed[window] = Closed.of(Cell(), window + WINDOW)
                insort(self.order, window)
            known.change((cell, is_added) for _, cell, is_added in changes)
            self.changed.add(window)
        rows = (self._restated_row(window, policy) for window in self.order[start:])
        return [row for row in rows if row is not None]

    def _restated_row(self, window: int, policy: PolicyBook) -> Row | None:
        closed = self.closed[window]
        told = Told.by(closed.cell)
        self.settled.move(told)
        closed.met, closed.missed = _outcomes(told.counts)
        row = self._row(window, closed, told, policy)
        if row is None or row == closed.row:
            return None
        if closed.row is not None:
            closed.revision += 1
            row = self._row(window, closed, told, policy)
        closed.row = row
        self.changed.add(window)
        return row

    def _row(self, window: int, closed: Closed, told: Told, policy: PolicyBook) -> Row | None:
        """The window's row; `None` for one in which nothing happened that was not written yet."""
        counts, values = told.counts, told.values
        met, missed = map(sum, _outcomes(counts))
        answered = len(values[FIRST_RESPONSE]) + len(values[NEXT_RESPONSE])
        happened = (counts[POSTS], counts[REPLIES], counts[OPENED], counts[CLOSED], answered)
        if not (any(happened) or met or missed or closed.row):
            return None
        samples = sorted(values[FIRST_RESPONSE])
        oldest = self.settled.waits.min()
        return (
            window,
            *self.scope,
            *happened,
            met,
            missed,
            attainment(met, missed),
            is_under(self._objective(policy, window), met, missed),
            percentile(samples, 50),
            percentile(samples, 90),
            sum(samples) / (len(samples) * SECOND) if samples else None,
            self.settled.waiting,
            None if oldest is None else seconds_between(oldest, closed.end),
            closed.verdict.expected,
            closed.verdict.score,
            closed.verdict.is_spike,
            closed.revision,
        )

    def _objective(self, policy: PolicyBook, window: int) -> Objective | None:
        """That of the first rule for this scope at normal priority, at the window's end."""
        in_force = policy.rule_for(window + WINDOW - 1, self.scope, "normal")
        return in_force.rule.objective if in_force.rule.name else None

    def pass_silence(self, until: int) -> None:
        """Let the volume know that nothing more comes in the windows that end before `until`."""
        before = self.volume.next
        self.volume.pass_silence(until, self.spikes)
        self.is_changed = self.is_changed or self.volume.next != before

    def take_spikes(self) -> list[Row]:
        """Rows of the volume episodes that changed since this was last asked for."""
        if not self.spikes:
            return []
        rows = [spike_row(self.scope, spike) for spike in self.spikes]
        self.spikes.clear()
        self.is_changed = True
        return rows

    def _severity(self, volume: Verdict) -> float | None:
        """Days since as many posts came as in the episode that goes on; `None` without one."""
        episode = self.volume.spike if volume.is_spike else self.volume.surge.episode
        return episode.severity if episode is not None and episode.is_active else None

    def _volume(self, running: int, now: int) -> tuple[int, Verdict]:
        """Posts of the running window so far, and how they look; a minute that still runs counts
        as a whole one."""
        if running in self.closed:  # the clock has ended within it
            closed = self.closed[running]
            return Told.by(closed.cell).counts[POSTS], closed.verdict
        counts = self.open[running].count() if running in self.open else [0] * KINDS_OF_FACT
        minutes = _minutes(counts)[: (now - running) // MINUTE + 1]
        return counts[POSTS], self.volume.peek(minutes)

    def board(self, now: int, policy: PolicyBook) -> ScopeBoard:
        """What a wallboard shows of this scope at `now`: the settled state, and all since."""
        live = msgspec.msgpack.decode(_ENCODER.encode(self.settled), type=Standing)
        for cell in self.open.values():
            live.move(Told.by(cell))
        running = window_of(now)
        posts, volume = self._volume(running, now)
        board = ScopeBoard(
            *self.scope,
            waiting=live.waiting,
            unassigned=live.unassigned,
            backlog=live.backlog,
            oldest_wait_at=live.waits.min(),
            window_start=running,
            window_posts=posts,
            posts_expected=volume.expected,
            spike_score=volume.score,
            is_spike=volume.is_spike,
            is_surge=volume.is_surge,
            is_crisis=volume.is_crisis,
            spike_severity=self._severity(volume),
        )
        last = self.closed.get(running - WINDOW)
        met, missed = ([0] * len(SLAS),) * 2 if last is None else (last.met, last.missed)
        objective = self._objective(policy, running)
        now_met, now_missed = ([0] * len(SLAS),) * 2
        if running in self.open:
            now_met, now_missed = _outcomes(Told.by(self.open[running]).counts)
        elif running in self.closed:  # the stream ended amid it
            now_met, now_missed = self.closed[running].met, self.closed[running].missed
        hour = [self.closed[w] for w in self.order[bisect_left(self.order, running - HOUR) :]]
        usual = [sum(one.met[i] + one.missed[i] for one in hour) / 12 for i in range(len(SLAS))]
        for index, sla in enumerate(SLAS):
            board.overdue[sla] = live.overdue[index]
            board.at_risk[sla] = live.at_risk[index]
            due = live.dues[index].min()
            if due is not None:
                board.next_due_at[sla] = due
            board.attainment[sla] = attainment(met[index], missed[index])
            board.is_breached[sla] = is_under(objective, met[index], missed[index]) or (
                is_out_of_reach(objective, now_met[index], now_missed[index], usual[index])
            )
        for window in self.order[bisect_left(self.order, now - HOUR) :]:
            board.met_last_hour += sum(self.closed[window].met)
            board.missed_last_hour += sum(self.closed[window].missed)
        return board


_ENCODER = msgspec.msgpack.Encoder()


def _minutes(counts: list[int]) -> list[int]:
    """Posts that were in time by minute: what is expected must not depend on when others came."""
    return counts[MINUTE_POSTS : MINUTE_POSTS + WINDOW // MINUTE]


def _outcomes(counts: list[int]) -> tuple[list[int], list[int]]:
    """Clocks met and clocks missed, by index in SLAS."""
    return counts[MET : MET + len(SLAS)], counts[MISSED : MISSED + len(SLAS)]
