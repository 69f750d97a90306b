"""Opening hours worked out by hand: where the clocks jump, and at the edges of what is asked."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from test_calendar import at, schedule

from replywatch.metrics.calendar import WEEKDAYS, Calendar
from replywatch.metrics.times import DAY, HOUR, MINUTE, NEVER, to_instant

EVERY_DAY: dict[str, Any] = {day: [["09:00", "17:00"]] for day in WEEKDAYS}
WEEK = 7 * DAY


@pytest.mark.parametrize(
    ("zone", "hours", "opens", "closes"),
    [
        # the night of the jump: its start is skipped, its end, both (nothing is open)
        ("Europe/Berlin", ["02:30", "03:30"], "2026-03-29T01:00", "2026-03-29T01:30"),
        ("Europe/Berlin", ["02:01", "03:30"], "2026-03-29T01:00", "2026-03-29T01:30"),
        ("Europe/Berlin", ["01:30", "02:30"], "2026-03-29T00:30", "2026-03-29T01:00"),
        ("Europe/Berlin", ["02:15", "02:45"], None, None),
        ("Europe/Berlin", ["03:00", "04:00"], "2026-03-29T01:00", "2026-03-29T02:00"),
        # what comes twice counts from the first time on, and until the first time
        ("Europe/Berlin", ["02:30", "03:00"], "2026-10-25T00:30", "2026-10-25T02:00"),
        ("Europe/Berlin", ["01:30", "02:30"], "2026-10-24T23:30", "2026-10-25T00:30"),
        # half an hour, and at midnight
        ("Australia/Lord_Howe", ["02:15", "03:00"], "2026-10-03T15:30", "2026-10-03T16:00"),
        ("America/Santiago", ["00:00", "08:00"], "2026-09-06T04:00", "2026-09-06T11:00"),
        ("America/Santiago", ["00:30", "24:00"], "2026-09-06T04:00", "2026-09-07T03:00"),
        ("UTC", ["09:00", "24:00"], "2026-03-01T09:00", "2026-03-02T00:00"),
        ("UTC", ["00:00", "09:00"], "2026-03-01T00:00", "2026-03-01T09:00"),
    ],
)
def test_sundays_hours_are_those_of_the_clock(
    zone: str, hours: list[str], opens: str | None, closes: str | None
) -> None:
    """The span of one Sunday, in UTC; the Sundays before and after it lie outside what is asked."""
    sundays = Calendar(schedule(zone, sun=[hours]))
    if opens is None or closes is None:
        low = at("2026-03-28T12:00")
        assert [] == sundays.spans(low, low + DAY)
        assert 0 == sundays.between(low, low + DAY)
        return
    start, end = at(opens), at(closes)
    assert [(start, end)] == sundays.spans(start - 2 * DAY, end + 2 * DAY)
    assert [(start + MINUTE, end - MINUTE)] == sundays.spans(start + MINUTE, end - MINUTE)
    assert [] == sundays.spans(end, end + DAY)
    assert [] == sundays.spans(start - DAY, start)
    assert end - start == sundays.between(start - 2 * DAY, end + 2 * DAY)
    assert MINUTE == sundays.between(start - DAY, start + MINUTE)
    assert MINUTE == sundays.between(end - MINUTE, end + DAY)
    assert start == sundays.deadline(start - DAY, 0)
    assert end - 1 == sundays.deadline(start - DAY, end - start - 1)


def test_a_day_that_a_zone_skips_has_no_hours() -> None:
    """Samoa had no 30 December 2011: its hours of Friday are nothing, Saturday's are whole."""
    daily: dict[str, Any] = {
        "thu": [["09:00", "17:00"]],
        "fri": [["09:00", "17:00"]],
        "sat": [["09:00", "17:00"]],
    }
    calendar = Calendar(schedule("Pacific/Apia", **daily))
    thursday, saturday = at("2011-12-29T09:00-10:00"), at("2011-12-31T09:00+14:00")
    spans = [(thursday, thursday + 8 * HOUR), (saturday, saturday + 8 * HOUR)]
    assert spans == calendar.spans(thursday - HOUR, saturday + DAY)


@pytest.mark.parametrize(
    ("week", "message"),
    [
        ({"wed": [["09:00", "09:00"]]}, "wed: 09:00 to 09:00 runs backwards"),
        ({"sun": [["10:00", "09:00"]]}, "sun: 10:00 to 09:00 runs backwards"),
        ({"mon": [["13:00", "18:00"], ["09:00", "13:01"]]}, "mon: 13:00 to 18:00 overlaps"),
        ({"mon": [["09:00", "24:01"]]}, "matching regex"),
        ({"mon": [["9:00", "17:00"]]}, "matching regex"),
    ],
)
def test_hours_that_cant_be_are_refused(week: dict[str, Any], message: str) -> None:
    """The message names the day and the hours."""
    with pytest.raises(ValueError, match=message):
        schedule("UTC", **week)


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "", "../UTC", "Europe"])
def test_a_zone_that_is_none_is_refused_at_once(zone: str) -> None:
    """When the policy is read, not when somebody first asks."""
    with pytest.raises(ValueError, match="no IANA time zone, such as 'Europe/Berlin'"):
        schedule(zone)


def test_hours_of_a_day_may_touch_and_stand_in_any_order() -> None:
    """No time is lost or counted twice between them."""
    of = schedule("UTC", mon=[["13:00", "18:00"], ["09:00", "13:00"]])
    monday = at("2026-03-02T00:00")
    assert 9 * HOUR == Calendar(of).between(monday, monday + DAY)
    assert monday + 17 * HOUR == Calendar(of).deadline(monday, 8 * HOUR)


def test_what_is_known_grows_to_both_sides() -> None:
    """Years before and after what was asked first: every week has its five days, less a holiday."""
    monday = at("2026-03-02T00:00")
    of = schedule("UTC", (date(2024, 1, 3),), **{day: EVERY_DAY[day] for day in WEEKDAYS[:5]})
    calendar = Calendar(of)
    for weeks in (0, 1, -1, 51, 52, 53, -52, -53, -54, 110, -120, -111, 300, -600):
        low = monday + weeks * WEEK
        assert 5 * 8 * HOUR == calendar.between(low, low + WEEK)
        assert low + 9 * HOUR == calendar.deadline(low, 0)
        assert low + 4 * DAY + 17 * HOUR - 1 == calendar.deadline(low, 40 * HOUR - 1)
        assert low + 7 * DAY + 9 * HOUR == calendar.deadline(low, 40 * HOUR)
        assert 5 == len(calendar.spans(low, low + WEEK))
    holiday = at("2024-01-01T00:00")
    assert 4 * 8 * HOUR == calendar.between(holiday, holiday + WEEK)
    assert 53 * 40 * HOUR == calendar.between(monday, monday + 53 * WEEK)


def test_the_days_next_to_those_known_are_worked_out() -> None:
    """Just before the first question, and a year after it; also for a single opening."""
    of, monday = schedule("UTC", **EVERY_DAY), at("2026-03-02T00:00")
    for days in (*range(-6, 0), *range(360, 371)):
        calendar, low = Calendar(of), monday + days * DAY
        calendar.between(monday, monday + 1)
        assert 8 * HOUR == calendar.between(low + HOUR, low + 18 * HOUR)
        calendar = Calendar(of)
        calendar.between(monday, monday + 1)
        assert low + 9 * HOUR == calendar.deadline(low, 0)
    assert of is calendar.schedule


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_days_far_from_utc_are_known_in_time(zone: str) -> None:
    """The first question, whatever its hour: a day there is up to 14 hours off the day in UTC."""
    whole_days: dict[str, Any] = {day: [["00:00", "24:00"]] for day in WEEKDAYS}
    of = schedule(zone, **whole_days)
    for hour in range(0, 25, 4):
        low = at("2026-03-02T00:00") + hour * HOUR
        assert HOUR == Calendar(of).between(low, low + HOUR)
        assert low + MINUTE == Calendar(of).deadline(low, MINUTE)
        assert [(low, low + 1)] == Calendar(of).spans(low, low + 1)


def test_nothing_is_open_before_the_first_opening_or_over_no_time() -> None:
    """Also where the end comes first; a schedule without hours is never open or due."""
    tuesdays = schedule("UTC", tue=[["09:00", "18:00"]])
    calendar = Calendar(tuesdays)
    noon = at("2026-03-03T12:00")
    assert 0 == calendar.between(noon, noon)
    assert 1 == calendar.between(noon, noon + 1)
    assert 0 == calendar.between(noon + 1, noon)
    never = Calendar(schedule("UTC"))
    assert (0, []) == (never.between(noon, noon + WEEK), never.spans(noon, noon + WEEK))
    late = to_instant(datetime(2299, 6, 1, tzinfo=UTC))
    assert NEVER == never.deadline(late, 0)
    assert NEVER == Calendar(tuesdays).deadline(late, 1000 * HOUR)
