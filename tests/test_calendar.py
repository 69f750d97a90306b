"""Opening hours against a minute-by-minute walk of the clock on the wall."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replywatch.metrics.calendar import WEEKDAYS, Calendar, Schedule
from replywatch.metrics.times import DAY, HOUR, MINUTE, NEVER, SECOND, to_instant

# Zones with the days on which their clocks jump: by an hour, by half of one, at midnight, by a day.
JUMPS = [
    ("UTC", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/St_Johns", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Santiago", date(2026, 9, 6)),
    ("America/Santiago", date(2026, 4, 5)),
    ("Asia/Kathmandu", date(1986, 1, 1)),
    ("Pacific/Apia", date(2011, 12, 30)),
]
DAYS = 5  # looked at around a jump


def schedule(zone: str, holidays: tuple[date, ...] = (), **week: Any) -> Schedule:
    """A schedule as a policy gives it."""
    text = {"timezone": zone, "holidays": [day.isoformat() for day in holidays], **week}
    return msgspec.convert(text, Schedule)


def at(text: str) -> int:
    """An instant from `2026-03-29T10:00`, in UTC unless it has an offset."""
    moment = datetime.fromisoformat(text)
    return to_instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


@lru_cache(maxsize=64)
def walls(zone: str, middle: date) -> tuple[datetime, tuple[datetime, ...]]:
    """What the clock on the wall shows in each minute around a day, and the first of them."""
    start = datetime.combine(middle, time(), UTC) - timedelta(days=DAYS // 2 + 2)
    there, minutes = ZoneInfo(zone), (DAYS + 4) * 1440
    shown = (start + timedelta(minutes=n) for n in range(minutes))
    return start, tuple(moment.astimezone(there).replace(tzinfo=None) for moment in shown)


def open_minutes(of: Schedule, middle: date) -> tuple[int, list[bool]]:
    """Whether each minute around `middle` is open, told from the clock alone.

    Hours last from the first minute that shows their start or later to the first that shows their
    end or later: a start that is skipped begins at the jump, one that comes twice the first time.
    """
    start, shown = walls(of.timezone, middle)
    is_open = [False] * len(shown)

    def first(day: date, text: str) -> int:
        late = text == "24:00"
        clock = time() if late else time.fromisoformat(text)
        wanted = datetime.combine(day + timedelta(days=late), clock)
        return next((n for n, wall in enumerate(shown) if wall >= wanted), len(shown))

    days = sorted({wall.date() for wall in shown})
    for day in [*days, middle]:
        if day not in of.holidays:
            for opens, closes in of.week[day.weekday()]:
                for minute in range(first(day, opens), first(day, closes)):
                    is_open[minute] = True
    return to_instant(start), is_open


@st.composite
def hours(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Hours of a day that don't overlap, on a grid of a quarter of an hour."""
    ends = sorted(draw(st.sets(st.integers(0, 96), min_size=0, max_size=6)))
    texts = [f"{n // 4:02}:{n % 4 * 15:02}" for n in ends]
    return [*zip(texts[::2], texts[1::2], strict=False)]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Schedule, date, list[tuple[int, int]]]:
    """A schedule around a jump of the clocks, and spans of minutes to ask for."""
    zone, middle = draw(st.sampled_from(JUMPS))
    week = {day: draw(hours()) for day in draw(st.sets(st.sampled_from(WEEKDAYS)))}
    week |= {WEEKDAYS[(middle + timedelta(days=n)).weekday()]: draw(hours()) for n in (0, 1)}
    holidays = draw(st.sets(st.integers(-2, 2).map(lambda n: middle + timedelta(days=n))))
    span = st.tuples(st.integers(2880, (DAYS + 2) * 1440), st.integers(0, 3 * 1440))
    return (
        schedule(zone, tuple(holidays), **week),
        middle,
        draw(st.lists(span, min_size=1, max_size=8)),
    )


@settings(deadline=None, max_examples=80)
@given(cases())
def test_business_time_is_the_sum_of_open_minutes(
    case: tuple[Schedule, date, list[tuple[int, int]]],
) -> None:
    """In any zone, over holidays and over jumps of the clocks, whatever is asked first."""
    of, middle, asked = case
    start, is_open = open_minutes(of, middle)
    calendar = Calendar(of)
    for low, length in asked:
        high = min(low + length, len(is_open))
        expected = sum(is_open[low:high]) * MINUTE
        assert expected == calendar.between(start + low * MINUTE, start + high * MINUTE)


@settings(deadline=None, max_examples=80)
@given(cases())
def test_a_deadline_is_the_last_instant_with_the_target_used_up(
    case: tuple[Schedule, date, list[tuple[int, int]]],
) -> None:
    """So that landing on a closing time means the next opening; beyond the walk it says later."""
    of, middle, asked = case
    start, is_open = open_minutes(of, middle)
    calendar = Calendar(of)
    if not any(of.week):
        return
    for low, target in asked:
        counted = 0
        expected = None
        for minute in range(low, len(is_open)):
            if is_open[minute] and counted == target:
                expected = start + minute * MINUTE
                break
            counted += is_open[minute]
        found = calendar.deadline(start + low * MINUTE, target * MINUTE)
        if expected is None:
            assert found >= start + len(is_open) * MINUTE
        else:
            assert expected == found


@settings(deadline=None, max_examples=40)
@given(st.randoms(use_true_random=False), st.sampled_from(JUMPS))
def test_the_order_of_the_first_questions_does_not_matter(
    chance: random.Random, jump: tuple[str, date]
) -> None:
    """A calendar works its days out as it is asked; each answer is that of a fresh one."""
    of = schedule(jump[0], (jump[1],), mon=[["09:00", "17:00"]], sun=[["00:00", "24:00"]])
    known = Calendar(of)
    for _ in range(8):
        low = at("2020-01-01T00:00") + chance.randrange(4000 * DAY)
        high, target = low + chance.randrange(900 * DAY), chance.randrange(2000 * HOUR)
        assert Calendar(of).between(low, high) == known.between(low, high)
        assert Calendar(of).deadline(low, target) == known.deadline(low, target)
        assert Calendar(of).spans(low, low + 9 * DAY) == known.spans(low, low + 9 * DAY)


@pytest.mark.parametrize(
    ("day", "seconds"), [("2025-10-26", 25_200), ("2025-03-30", 18_000), ("2025-06-01", 21_600)]
)
def test_a_night_is_as_long_as_the_clock_makes_it(day: str, seconds: int) -> None:
    """London, from midnight to six: longer and shorter by an hour when the clocks change."""
    night = Calendar(schedule("Europe/London", sun=[["00:00", "06:00"]]))
    low = at(f"{day}T00:00") - DAY
    assert seconds * SECOND == night.between(low, low + 3 * DAY)


def test_a_deadline_at_closing_time_belongs_to_the_next_opening() -> None:
    """A microsecond less stays in the old day; over a holiday the next opening is a day later."""
    support = Calendar(
        schedule(
            "Europe/Berlin",
            (date(2026, 3, 4),),
            **{day: [["09:00", "18:00"]] for day in WEEKDAYS[:5]},
        )
    )
    start, closing = at("2026-03-03T17:00+01:00"), at("2026-03-03T18:00+01:00")
    assert closing - 1 == support.deadline(start, HOUR - 1)
    assert at("2026-03-05T09:00+01:00") == support.deadline(start, HOUR)
    assert at("2026-03-05T09:00+01:00") + 1 == support.deadline(start, HOUR + 1)


def test_what_starts_outside_the_hours_waits_for_them() -> None:
    """A target of nothing is due at the next opening, too."""
    calendar = Calendar(schedule("UTC", tue=[["09:00", "18:00"]]))
    night = at("2026-03-03T03:00")
    assert at("2026-03-03T09:00") == calendar.deadline(night, 0)
    assert at("2026-03-03T09:01") == calendar.deadline(night, MINUTE)
    assert 0 == calendar.between(night, at("2026-03-03T09:00"))
    assert 0 == calendar.between(at("2026-03-03T12:00"), at("2026-03-03T10:00"))


def test_hours_that_touch_are_one_span_of_time() -> None:
    """Midnight included: a deadline there doesn't wait for anything."""
    calendar = Calendar(schedule("UTC", mon=[["12:00", "24:00"]], tue=[["00:00", "08:00"]]))
    assert at("2026-03-03T00:00") == calendar.deadline(at("2026-03-02T23:00"), HOUR)


def test_a_target_beyond_the_horizon_is_never_due() -> None:
    """The schedule doesn't open that often before the year 2300."""
    calendar = Calendar(schedule("UTC", mon=[["09:00", "09:01"]]))
    assert NEVER == calendar.deadline(at("2026-03-03T00:00"), 300 * 366 * MINUTE)


def test_spans_are_clipped_to_what_is_asked() -> None:
    """Half-open, in order, without the empty ones."""
    calendar = Calendar(schedule("UTC", tue=[["09:00", "12:00"], ["13:00", "18:00"]]))
    low, high = at("2026-03-03T10:00"), at("2026-03-03T13:00")
    assert [(low, at("2026-03-03T12:00"))] == calendar.spans(low, high)


def test_what_lies_at_the_edge_of_the_known_days_is_worked_out() -> None:
    """Deadlines on each closing time of two years, and days far east of UTC."""
    weekly = schedule("UTC", mon=[["09:00", "10:00"]])
    monday = at("2026-03-02T09:00")
    for weeks in range(45, 110):
        assert monday + weeks * 7 * DAY == Calendar(weekly).deadline(monday, weeks * HOUR)
    always = Calendar(
        schedule("Pacific/Apia", (), **{day: [["00:00", "24:00"]] for day in WEEKDAYS})
    )
    start = at("2026-03-03T00:00")
    always.between(start, start + 1)
    for hour in range(360 * 24, 380 * 24, 5):
        assert hour * HOUR == always.between(start, start + hour * HOUR)
