"""What conversations add to a window: the partial aggregates that shards send on.

A `Cell` holds the changes one shard saw in one window of one scope. Cells add up, so a window
can be put together from any number of shards, and one can be taken back, which is how a late
event restates what it makes wrong.
"""

from __future__ import annotations

import msgspec

from replywatch.metrics.policy import SLAS, Scope

_N = len(SLAS)
POSTS, REPLIES, OPENED, CLOSED, EXPIRED = range(5)
MET, MISSED, VOID = 5, 5 + _N, 5 + 2 * _N  # SLA clocks by outcome: + index in SLAS
WAITING, UNASSIGNED, BACKLOG = range(5 + 3 * _N, 8 + 3 * _N)  # changes of state, as are:
OVERDUE = 8 + 3 * _N  # conversations past a deadline: + index in SLAS
COUNTS = OVERDUE + _N
"""Indices into `Cell.counts`. Those from `WAITING` on add up to a state, not to a total."""


def no_counts() -> list[int]:
    """Counts of a window in which nothing happened."""
    return [0] * COUNTS


class Cell(msgspec.Struct, array_like=True, gc=False):
    """Changes in one window of one scope.

    Samples are microseconds, so that sums are exact. `waits` are the starts of waits that began to run here and `waits_left`
    of those that no longer do (a wait leaves when it ends or moves to another queue); `dues`
    and `dues_left` the same for deadlines, as (index in SLAS, instant).
    """

    counts: list[int] = msgspec.field(default_factory=no_counts)
    first_responses: list[int] = []
    next_responses: list[int] = []
    resolutions: list[int] = []
    waits: list[int] = []
    waits_left: list[int] = []
    dues: list[tuple[int, int]] = []
    dues_left: list[tuple[int, int]] = []

    def add(self, other: Cell) -> None:
        """Add what `other` says of the same window and scope."""
        self.counts = [mine + new for mine, new in zip(self.counts, other.counts, strict=True)]
        self.first_responses += other.first_responses
        self.next_responses += other.next_responses
        self.resolutions += other.resolutions
        self.waits += other.waits
        self.waits_left += other.waits_left
        self.dues += other.dues
        self.dues_left += other.dues_left

    def take_back(self, other: Cell) -> None:
        """Undo an earlier `add` of `other`."""
        self.counts = [mine - old for mine, old in zip(self.counts, other.counts, strict=True)]
        for mine, theirs in (
            (self.first_responses, other.first_responses),
            (self.next_responses, other.next_responses),
            (self.resolutions, other.resolutions),
        ):
            for sample in theirs:
                mine.remove(sample)
        self.waits += other.waits_left
        self.waits_left += other.waits
        self.dues += other.dues_left
        self.dues_left += other.dues

    @property
    def answered(self) -> int:
        """Waits answered by a person, first and next."""
        return len(self.first_responses) + len(self.next_responses)

    @property
    def met(self) -> int:
        """Clocks met, of all SLAs."""
        return sum(self.counts[MET : MET + _N])

    @property
    def missed(self) -> int:
        """Clocks missed, of all SLAs."""
        return sum(self.counts[MISSED : MISSED + _N])

    @property
    def is_active(self) -> bool:
        """Whether anything happened that gives the window a row (a void clock alone does not)."""
        return any(self.counts[:VOID]) or self.answered > 0


class Partial(msgspec.Struct, array_like=True, gc=False):
    """What one shard says to one desk in one go: its watermark, and the changes before it."""

    desk: int
    shard: int
    as_of: int
    is_end: bool
    added: list[tuple[Scope, int, Cell]]
    taken_back: list[tuple[Scope, int, Cell]]
    events: int = 0
    late: int = 0
