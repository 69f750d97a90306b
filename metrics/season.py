"""What a scope usually gets in five minutes, by the hour of the week, learned one hour at a time.

Hours are UTC hours: where the clocks change, opening hours move by one hour against them twice a
year, and are learned anew within two or three weeks.
"""

from __future__ import annotations

import msgspec

from replywatch.metrics.times import HOUR

HOURS_A_DAY, HOURS_A_WEEK = 24, 168
SLOT_GAIN, HOUR_GAIN, LEVEL_GAIN = 0.3, 0.1, 1 / 72
"""Least weight of the newest hour in the mean of its hour of the week, of the day, and of all."""

CLIP = 4.0  # a known hour counts as at most so many times what was expected, or the mean of all
FLOOR = 0.25  # posts a window added to that: where nothing is usual, something may come
TODAY_KEEPS = 0.5 ** (1 / 6)  # of the weight of an hour in how busy today is, one hour later
TODAY_SOFT = 3.0  # posts a window added to both sides of that ratio
QUIETEST = 0.5  # however quiet today is, half of the usual is expected


class Season(msgspec.Struct, array_like=True):
    """Posts a 5-minute window by hour of the week, shrunk to the hour of the day and to the mean
    where little is known, and how busy today is against that."""

    slots: list[float] = msgspec.field(default_factory=lambda: [0.0] * HOURS_A_WEEK)
    visits: list[int] = msgspec.field(default_factory=lambda: [0] * HOURS_A_WEEK)
    hours: list[float] = msgspec.field(default_factory=lambda: [0.0] * HOURS_A_DAY)
    days: list[int] = msgspec.field(default_factory=lambda: [0] * HOURS_A_DAY)
    level: float = 0.0
    known: int = 0  # hours learned
    came: float = 0.0  # posts a window of the last hours, and usual ones, with a fading weight
    due: float = 0.0
    posts: int = 0  # of the running hour, so far
    windows: int = 0  # that they came in

    def usual(self, hour: int) -> float | None:
        """Posts a window in that hour, however today is; `None` before a first hour is known."""
        if not self.known:
            return None
        days, visits = self.days[hour % HOURS_A_DAY], self.visits[hour % HOURS_A_WEEK]
        of_day = (days * self.hours[hour % HOURS_A_DAY] + self.level) / (days + 1)
        return (visits * self.slots[hour % HOURS_A_WEEK] + of_day) / (visits + 1)

    def expected(self, hour: int) -> float | None:
        """Posts a window in that hour, as busy as today is."""
        usual = self.usual(hour)
        return None if usual is None else usual * self._today()

    def knows(self, hour: int) -> bool:
        """Whether that hour of the day was seen before."""
        return self.days[hour % HOURS_A_DAY] > 0

    def add(self, posts: int, windows: int = 1) -> None:
        """Windows of the running hour that are to be learned."""
        self.posts += posts
        self.windows += windows

    def close_hour(self, hour: int) -> None:
        """Learn `hour` from the windows that were added; none were if all of it is left out."""
        if self.windows:
            self._learn(hour, self.posts / self.windows)
        self.posts = self.windows = 0

    def _today(self) -> float:
        return max((self.came + TODAY_SOFT) / (self.due + TODAY_SOFT), QUIETEST)

    def _learn(self, hour: int, mean: float) -> None:
        usual = self.usual(hour)
        if usual is not None and self.knows(hour):
            most = max(usual, self.level) * max(self._today(), 1.0)
            mean = min(mean, CLIP * (most + FLOOR))
            self.came = self.came * TODAY_KEEPS + mean
            self.due = self.due * TODAY_KEEPS + usual
        self.known += 1
        self.level += (mean - self.level) * max(1 / self.known, LEVEL_GAIN)
        slot, of_day = hour % HOURS_A_WEEK, hour % HOURS_A_DAY
        self.visits[slot] += 1
        self.days[of_day] += 1
        self.slots[slot] += (mean - self.slots[slot]) * max(1 / self.visits[slot], SLOT_GAIN)
        self.hours[of_day] += (mean - self.hours[of_day]) * max(1 / self.days[of_day], HOUR_GAIN)


def hour_of(instant: int) -> int:
    """Hours since Monday, 29 December 1969, 00:00 UTC: its remainder by 168 is the hour of week."""
    return instant // HOUR + 3 * HOURS_A_DAY
