"""What conversations add to a window: the partial aggregates that shards send on.

A `Cell` lists what one shard saw in one window of one scope. Facts are listed and counted later
(`count`), so that cells of many shards are put together by joining lists, and one can be taken
back, which is how a late event restates what it makes wrong.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from replywatch.metrics.events import Event
from replywatch.metrics.policy import SLAS, Scope
from replywatch.metrics.satisfaction import ANSWERS, SURVEYS, SurveyScales
from replywatch.metrics.times import MINUTE, WINDOW
from replywatch.metrics.wire import as_one_block

_N = len(SLAS)
POSTS, REPLIES, OPENED, CLOSED, EXPIRED = range(5)
ENTERED, LEFT = 5, 6  # the backlog, other than by opening and ending: by a reopen or a transfer
UNASSIGNED, TAKEN = 7, 8  # a waiting conversation without, and no longer without, an agent
MET, MISSED, VOID = 9, 9 + _N, 9 + 2 * _N  # clocks that ended: + index in SLAS
# Conversations past a deadline, and no longer: + index in SLAS.
OVERDUE, RELIEVED = 9 + 3 * _N, 9 + 4 * _N
LATE_POSTS = 9 + 5 * _N  # those of POSTS that came late
MINUTE_POSTS = LATE_POSTS + 1  # the others, by minute: + minute of the window
SCORED, NEGATIVE = MINUTE_POSTS + 5, MINUTE_POSTS + 6  # of those: with a sentiment, and below 0
# Clocks at risk, and no longer: + index in SLAS.
AT_RISK, SAFE = MINUTE_POSTS + 7, MINUTE_POSTS + 7 + _N
POSITIVE = MINUTE_POSTS + 7 + 2 * _N  # of those scored: above 0
SURVEYED = {survey: POSITIVE + 1 + index for index, survey in enumerate(SURVEYS)}
ANSWERED = {answer: POSITIVE + 1 + len(SURVEYS) + index for index, answer in enumerate(ANSWERS)}
KINDS_OF_FACT = POSITIVE + 1 + len(SURVEYS) + len(ANSWERS)


FIRST_RESPONSE, NEXT_RESPONSE, RESOLUTION = range(3)  # samples, in microseconds
WAIT, WAIT_LEFT = 3, 4  # start of a wait that begins, and no longer goes on, to run here
DUE, DUE_LEFT = 5, 5 + _N  # a deadline ahead, and one met, missed or moved away: + index in SLAS
KINDS_OF_VALUE = 5 + 2 * _N


class Cell(msgspec.Struct, array_like=True, gc=False):
    """What happened in one window of one scope.

    `facts` are the numbers of what happened, one each time; `values` are pairs of what it was and
    its microseconds, whole so that sums are exact.
    """

    facts: list[int] = []
    values: list[tuple[int, int]] = []

    def __bool__(self) -> bool:
        return bool(self.facts or self.values)

    def add(self, other: Cell) -> None:
        """Add what `other` says."""
        self.facts += other.facts
        self.values += other.values

    def take_back(self, other: Cell) -> None:
        """Undo an earlier `add` of `other`; what isn't here (a policy may have changed) is left."""
        self.facts = list((Counter(self.facts) - Counter(other.facts)).elements())
        self.values = list((Counter(self.values) - Counter(other.values)).elements())

    def change(self, other: Cell, is_added: bool) -> None:
        """Add what `other` says, or undo that."""
        if is_added:
            self.add(other)
        else:
            self.take_back(other)

    def part(self, other: Cell) -> None:
        """Leave out of both what both say."""
        facts, values = Counter(self.facts), Counter(self.values)
        both_facts, both_values = facts & Counter(other.facts), values & Counter(other.values)
        for cell in (self, other):
            cell.facts = list((Counter(cell.facts) - both_facts).elements())
            cell.values = list((Counter(cell.values) - both_values).elements())

    def count(self) -> list[int]:
        """How often each kind of fact happened, by its number."""
        counts = [0] * KINDS_OF_FACT
        for fact in self.facts:
            counts[fact] += 1
        return counts

    def sort_out(self) -> list[list[int]]:
        """The values by their kind."""
        sorted_out: list[list[int]] = [[] for _ in range(KINDS_OF_VALUE)]
        for kind, value in self.values:
            sorted_out[kind].append(value)
        return sorted_out


def note_volume(cell: Cell, event: Event, at: int) -> None:
    """Say of a customer's post what the volume is judged by; of late ones only how many came."""
    facts = cell.facts
    if event.is_late:
        facts.append(LATE_POSTS)
        return
    facts.append(MINUTE_POSTS + at % WINDOW // MINUTE)
    if event.sentiment is not None:
        facts.append(SCORED)
        if event.sentiment < 0:
            facts.append(NEGATIVE)
        elif event.sentiment > 0:
            facts.append(POSITIVE)


def note_survey(cell: Cell, event: Event, scales: SurveyScales) -> None:
    """Say of a survey that it went out, or of its answer what it is."""
    survey = event.survey or "csat"
    if event.kind == "survey_sent" or event.score is None:
        cell.facts.append(SURVEYED[survey])
    else:
        cell.facts.append(ANSWERED[scales.outcome(survey, event.score, event.scale_max)])


class Told(msgspec.Struct, array_like=True, gc=False):
    """A cell counted and sorted out."""

    counts: list[int]
    values: list[list[int]]

    @classmethod
    def by(cls, cell: Cell) -> Told:
        """What `cell` tells."""
        return cls(cell.count(), cell.sort_out())


Correction = tuple[Scope, int, Cell, bool]
"""A change that a restatement makes in a window: the cell is added, or (false) taken back."""


class Partial(msgspec.Struct, array_like=True, gc=False):
    """What one shard says to one desk in one go: its watermark, and the changes before it.

    `added` are the cells of events in time, `corrections` those of late ones; `counted` is what
    counters, which can't take back, are to count of the latter.
    """

    __reduce__ = as_one_block

    desk: int
    shard: int
    as_of: int
    is_end: bool
    added: list[tuple[Scope, int, Cell]] = []
    corrections: list[Correction] = []
    counted: list[tuple[Scope, Cell]] = []
    events: int = 0
    late: int = 0
    forgotten: int = 0
