"""What a report is asked: its name, period, time zone and grouping, right and wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest
from small_history import at, sample

from replywatch.sql.reports import ReportError, parse_bound, run_report


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    """The small history."""
    return sample()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("agent", {}, "unknown report 'agent': use one of agents, teams, sla"),
        ("sla", {"by": "agnt"}, "report sla cannot go by 'agnt': use one of sla, brand, channel"),
        ("sla", {"by": "brand,met"}, "report sla cannot go by 'met'"),
        ("sla", {"by": ""}, "report sla cannot go by ''"),
        ("agents", {"by": "1; drop table sla"}, "report agents cannot go by '1; drop table sla'"),
        ("breaches", {"by": "clock,window"}, "report breaches cannot go by 'clock,window'"),
        ("sla", {"tz": "Berlin"}, "unknown time zone 'Berlin': give an IANA name"),
        ("sla", {"tz": "../etc/passwd"}, "unknown time zone '../etc/passwd'"),
        ("sla", {"tz": "Europe"}, "unknown time zone 'Europe'"),
        ("sla", {"since": at("10:00"), "until": at("10:00")}, "the period from 2026-01-05T10:00"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(
    con: duckdb.DuckDBPyConnection, name: str, options: dict[str, Any], message: str
) -> None:
    """The message begins with the offending value and goes on with what to do."""
    with pytest.raises(ReportError) as error:
        run_report(con, name, **options)
    assert message == str(error.value)[: len(message)]
    assert "\n" not in str(error.value)


def test_a_history_without_the_table_is_told_in_one_line() -> None:
    """A foreign database gives an error that names the report."""
    with pytest.raises(ReportError, match="report sla cannot be read from this history: "):
        run_report(duckdb.connect(), "sla")


@pytest.mark.parametrize(
    ("text", "tz", "expected"),
    [
        ("2026-01-05", "UTC", datetime(2026, 1, 5, tzinfo=UTC)),
        ("2026-01-05", "Europe/Berlin", datetime(2026, 1, 4, 23, tzinfo=UTC)),
        ("2026-07-05", "Europe/Berlin", datetime(2026, 7, 4, 22, tzinfo=UTC)),
        # Cairo's clocks jump from 00:00 to 01:00 on this day.
        ("2026-04-24", "Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),
        ("2026-01-05T10:00:00Z", "Europe/Berlin", datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ("2026-01-05T10:00:00.5+02:00", "UTC", datetime(2026, 1, 5, 8, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_bounds_are_dates_of_the_zone_or_instants(text: str, tz: str, expected: datetime) -> None:
    """A date begins at its midnight in the zone, an instant brings its own offset."""
    assert expected == parse_bound(text, tz)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-02-30", "20260105", "2026-01-05T10:00:00", "2026-13-01T00:00:00Z"],
)
def test_other_bounds_are_refused(text: str) -> None:
    """No guess is made at a time without an offset or a date that is none."""
    with pytest.raises(ReportError, match=f"cannot read the time '{text}': give a date such as"):
        parse_bound(text)


def test_bounds_outside_the_calendar_are_refused() -> None:
    """The first day of the year 1 began before the year 1 in a zone ahead of UTC."""
    with pytest.raises(ReportError, match="cannot read the time '0001-01-01'"):
        parse_bound("0001-01-01", "Asia/Tokyo")
