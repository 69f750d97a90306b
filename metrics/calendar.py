"""Opening hours: how much open time lies between two instants, and when a target is used up.

A `Schedule` is weekly hours in an IANA zone, less holidays, as a policy states it; a `Calendar`
answers for it. Daylight-saving shifts count as the clock on the wall has them: a night that skips
an hour is shorter, one that repeats it is longer.

Definitions with worked examples: docs/dictionary.md, "Elapsed and business time".
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from replywatch.metrics.times import DAY, HORIZON, NEVER, SECOND, to_datetime, to_instant

TIME = r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$"
"""What a time of day looks like in a policy."""

Clock = Annotated[
    str,
    msgspec.Meta(
        pattern=TIME,
        description="from and to as the clock shows them, such as ['09:00', '18:00']",
    ),
]
Hours = tuple[tuple[Clock, Clock], ...]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Schedule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Weekly opening hours, from and to as the wall clock in `timezone` shows them.

    "24:00" is the end of a day. A day that is left out, and every holiday, is closed. Raises
    `ValueError` for an unknown zone, hours that run backwards or that overlap.
    """

    timezone: str
    holidays: tuple[date, ...] = ()
    mon: Hours = ()
    tue: Hours = ()
    wed: Hours = ()
    thu: Hours = ()
    fri: Hours = ()
    sat: Hours = ()
    sun: Hours = ()

    def __post_init__(self) -> None:
        find_zone(self.timezone)
        for name, hours in zip(WEEKDAYS, self.week, strict=True):
            before = ""
            for start, end in sorted(hours):
                if start >= end:
                    raise ValueError(f"{name}: {start} to {end} runs backwards")
                if start < before:
                    raise ValueError(f"{name}: {start} to {end} overlaps the hours before it")
                before = end

    @property
    def week(self) -> tuple[Hours, ...]:
        """The hours of each weekday, Monday first."""
        return (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)


def find_zone(name: str) -> ZoneInfo:
    """The IANA zone `name`, or `ValueError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone, such as 'Europe/Berlin'") from None


def _wall(day: date, text: str, zone: ZoneInfo) -> int:
    """The instant at which the wall clock first shows `text`, or skips it."""
    if text == "24:00":
        day, text = day + timedelta(days=1), "00:00"
    local = datetime.combine(day, time.fromisoformat(text))
    there = local.replace(tzinfo=zone).astimezone(UTC)
    if there.astimezone(zone).replace(tzinfo=None) == local:
        return to_instant(there)
    # Skipped: the clocks jump between these two, which are whole seconds apart.
    low = int(local.replace(tzinfo=zone, fold=1).timestamp())
    high = int(there.timestamp())
    after = datetime.fromtimestamp(high, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high * SECOND


class Calendar:
    """Open spans of a schedule, in microseconds (UTC); they are worked out as far as asked for.

    Spans are half-open. Looking up costs a binary search once the days in question are known.

    >>> from replywatch.metrics.times import HOUR, to_instant, to_text
    >>> support = Schedule("Europe/London", mon=(("09:00", "18:00"),), tue=(("09:00", "18:00"),))
    >>> calendar = Calendar(support)
    >>> start = to_instant(datetime(2026, 3, 2, 17, tzinfo=UTC))  # a Monday
    >>> calendar.between(start, start + 24 * HOUR) // HOUR
    9
    >>> to_text(calendar.deadline(start, HOUR))  # on closing time: at the next opening
    '2026-03-03T09:00:00Z'
    """

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self._zone = find_zone(schedule.timezone)
        self._holidays = frozenset(schedule.holidays)
        self._week = schedule.week
        self._first = self._last = date(1970, 1, 1)  # days known: from the first to before the last
        self._from = self._to = 0  # the instants between which every opening is known
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._before: list[int] = []  # open time before each span, from the first one on
        self._total = 0  # and before the end of the last one

    def between(self, start: int, end: int) -> int:
        """Open microseconds in `[start, end)`; 0 where `end` isn't after `start`."""
        if end <= start:
            return 0
        self._know(start, end)
        return self._open_before(end) - self._open_before(start)

    def deadline(self, start: int, target: int) -> int:
        """The last instant at which `target` open microseconds have passed since `start`.

        A target that is used up at a closing time therefore ends at the next opening. `NEVER` if
        the schedule doesn't open that often before the year 2300.
        """
        reach = start
        while True:
            self._know(start, reach)
            wanted = self._open_before(start) + target
            if wanted < self._total:
                place = bisect_right(self._before, wanted) - 1
                return self._starts[place] + wanted - self._before[place]
            if self._to >= HORIZON:
                return NEVER
            reach = min(self._to + 366 * DAY, HORIZON)

    def spans(self, start: int, end: int) -> list[tuple[int, int]]:
        """The open spans within `[start, end)`, clipped to it."""
        self._know(start, end)
        clipped = (
            (max(a, start), min(b, end)) for a, b in zip(self._starts, self._ends, strict=True)
        )
        return [(a, b) for a, b in clipped if a < b]

    def _open_before(self, at: int) -> int:
        place = bisect_right(self._starts, at) - 1
        if place < 0:
            return 0
        return self._before[place] + min(at, self._ends[place]) - self._starts[place]

    def _know(self, start: int, end: int) -> None:
        """Work out all days around these instants, a year at a time."""
        if self._from < start and end < self._to:
            return
        first = to_datetime(start).date() - timedelta(days=2)
        last = to_datetime(min(end, HORIZON)).date() + timedelta(days=2)
        if self._first == self._last:
            self._first = self._last = first
        if first < self._first:
            self._add_days(min(first, self._first - timedelta(days=366)), self._first)
        if last >= self._last:
            self._add_days(self._last, max(last, self._last + timedelta(days=366)))
        self._from = _midnight(self._first + timedelta(days=1))
        self._to = _midnight(self._last - timedelta(days=1))

    def _add_days(self, first: date, last: date) -> None:
        spans = []
        for number in range(first.toordinal(), last.toordinal()):
            day = date.fromordinal(number)
            if day not in self._holidays:
                for start, end in sorted(self._week[day.weekday()]):
                    spans.append((_wall(day, start, self._zone), _wall(day, end, self._zone)))
        spans = [(start, end) for start, end in spans if start < end]  # a skipped one is empty
        starts, ends = [start for start, _ in spans], [end for _, end in spans]
        if last == self._first:
            self._starts, self._ends = starts + self._starts, ends + self._ends
            self._first, self._before, self._total = first, [], 0
        else:
            self._starts += starts
            self._ends += ends
            self._last = last
        known = len(self._before)
        for opens, closes in zip(self._starts[known:], self._ends[known:], strict=True):
            self._before.append(self._total)
            self._total += closes - opens


def _midnight(day: date) -> int:
    return to_instant(datetime.combine(day, time(), UTC))
