"""Intervals of a day by scope, from the history: the one set of figures that all formats show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

IMMEDIATE_SECONDS = 900.0
"""The longest first-response target of immediate work: it is answered in the interval it comes in.

What may wait longer is deferred: its intervals say when it came, and the backlog when it is done.
"""

MINUTES = {"15m": 15, "30m": 30}
CHUNK_DAYS = 92
"""Days that one query reads."""


@dataclass(frozen=True)
class Day:
    """A day of a time zone, from its first instant (in) to that of the next (out), in UTC."""

    day: date
    since: datetime
    until: datetime


def days_between(first: date, last: date, zone: ZoneInfo) -> list[Day]:
    """The days from `first` to `last`, both in; 23 and 25 hours where the clocks change."""
    found = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        since, until = (
            datetime.combine(at, time(), zone).astimezone(UTC) for at in (day, day + _ONE_DAY)
        )
        found.append(Day(day, since, until))
    return found


_ONE_DAY = timedelta(days=1)


def covered(con: duckdb.DuckDBPyConnection) -> tuple[datetime, datetime] | None:
    """The first instant that the history speaks of and how far it goes; `None` for nothing."""
    row = con.execute(
        """select epoch_us(min(since)), epoch_us(max(until)) from (
            select min(window_start) as since, max(window_start) + interval 5 minutes as until
            from windows
            union all select min(opened_at), max(opened_at) from conversations
            union all select null, max(ended_at) from sla
        )"""
    ).fetchall()[0]
    if row[0] is None:
        return None
    first, last = (datetime.fromtimestamp(at / 1_000_000, UTC) for at in row)
    return first, last


def read_intervals(
    con: duckdb.DuckDBPyConnection,
    since: datetime,
    until: datetime,
    minutes: int,
    short_seconds: float = 10.0,
) -> pa.Table:
    """The columns of `intervals.sql` for every interval of `[since, until)` and every scope."""
    values = {"since": since, "until": until, "minutes": minutes, "short_seconds": short_seconds}
    return con.sql(read_sql("intervals"), params=values).to_arrow_table()


def read_conversations(
    con: duckdb.DuckDBPyConnection, since: datetime, until: datetime
) -> pa.Table:
    """The columns of `conversations.sql` for what was opened in `[since, until)`."""
    values = {"since": since, "until": until}
    return con.sql(read_sql("conversations"), params=values).to_arrow_table()


def read_sql(stem: str) -> str:
    """The text of `<stem>.sql` in this folder."""
    return (resources.files(__package__) / f"{stem}.sql").read_text(encoding="utf-8")


def chunks(days: list[Day]) -> Iterator[list[Day]]:
    """The days, so many together as one query reads."""
    for start in range(0, len(days), CHUNK_DAYS):
        yield days[start : start + CHUNK_DAYS]
