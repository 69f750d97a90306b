"""How often a value this large comes: what an alarm budget is turned into a threshold by.

A tail remembers, for each of 64 levels of a ratio (a level is 9 % above the one before), when it
was last reached, and how often lately. Values within the merging time are one occasion.
"""

from __future__ import annotations

from math import exp, log2

import msgspec

from replywatch.metrics.times import DAY, HOUR, MINUTE

LEVELS = 64
STEPS = 8  # levels an octave
LOWEST = 2.0  # ratio of level 0: what is below isn't kept
MERGE = 3 * HOUR
WEEK = 7 * DAY
MEMORY = 4 * WEEK  # an occasion loses two thirds of its weight in this time
PRIOR_WEEKS = 0.5  # what is presumed counts like so many weeks of experience

RATIOS = [LOWEST * 2 ** (level / STEPS) for level in range(LEVELS)]
_NEVER = -(1 << 31)


class Spent(msgspec.Struct, array_like=True):
    """Alarms raised lately, against the budget: what raises all bars when it is overspent."""

    budget: float  # alarms a week
    since: int | None = None
    alarms: float = 0.0  # with a fading weight
    at: int = 0  # instant of the last one

    def begin(self, at: int) -> None:
        """The scope is known from this instant on."""
        if self.since is None:
            self.since = at

    def add(self, at: int) -> None:
        """An alarm."""
        self.alarms = self._alarms(at) + 1
        self.at = at

    def ratio(self, at: int) -> float:
        """Alarms raised over those allowed; 1 or less within the budget."""
        return self._alarms(at) / (self.budget * (PRIOR_WEEKS + _weeks(self.since, at)))

    def _alarms(self, at: int) -> float:
        return self.alarms * exp((self.at - at) / MEMORY)


def _weeks(since: int | None, at: int) -> float:
    """Weeks of experience, those long past with little weight: no more than four."""
    return MEMORY / WEEK * (1 - exp(((since or at) - at) / MEMORY))


class Tail(msgspec.Struct, array_like=True):
    """The upper tail of a ratio. `first` is the ratio presumed to come `budget` times a week.

    `threshold` is the ratio that comes no more often than that. It is `first` in the beginning,
    and drops or rises as the scope turns out to be calmer or wilder than presumed.
    """

    first: float
    budget: float  # occasions a week
    threshold: float
    since: int | None = None  # instant of the first value
    seen_at: list[int] = msgspec.field(default_factory=lambda: [_NEVER] * LEVELS)  # in minutes
    weight: list[float] = msgspec.field(default_factory=lambda: [0.0] * LEVELS)
    is_changed: bool = False

    def see(self, at: int, ratio: float) -> None:
        """A value at an instant that isn't before those of earlier values."""
        if self.since is None:
            self.since = at
        if ratio < LOWEST:
            return
        self.is_changed = True
        minute = at // MINUTE
        for level in range(min(int(STEPS * log2(ratio / LOWEST)), LEVELS - 1) + 1):
            passed = (minute - self.seen_at[level]) * MINUTE
            self.weight[level] = self.weight[level] * exp(-passed / MEMORY) + (passed > MERGE)
            self.seen_at[level] = minute

    def set_threshold(self, at: int) -> None:
        """Look for the lowest ratio that keeps the budget, as of the instant `at`."""
        self.is_changed = False
        weeks = _weeks(self.since, at)
        for level, ratio in enumerate(RATIOS):
            passed = at - self.seen_at[level] * MINUTE
            presumed = PRIOR_WEEKS * self.budget * (self.first / ratio) ** 2
            occasions = presumed + self.weight[level] * exp(-passed / MEMORY)
            if occasions <= self.budget * (PRIOR_WEEKS + weeks):
                break
        self.threshold = ratio
