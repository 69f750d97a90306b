"""Intervals of a day by scope, from the history: the one set of figures that all formats show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

IMMEDIATE_SECONDS = 900.0
"""The longest first-response target of immediate work: it is answered in the interval it comes in.

What may wait longer is deferred: its intervals say when it came, and the backlog when it is done.
"""

MINUTES = {"15m": 15, "30m": 30}
DAILY = "daily"
"""The interval that is a day of the zone, of 23, 24 or 25 hours: the sum of its quarter-hours."""

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


def told_until(con: duckdb.DuckDBPyConnection) -> datetime | None:
    """The instant before which all intervals are over; `None` where there is none yet."""
    row = con.execute(
        """select epoch_us(max(told_at)) from (
            select max(window_start) + interval 5 minutes as told_at from windows
            union all select max(ended_at) from sla
        )"""
    ).fetchall()[0]
    return None if row[0] is None else datetime.fromtimestamp(row[0] / 1_000_000, UTC)


def read_intervals(
    con: duckdb.DuckDBPyConnection,
    since: datetime,
    until: datetime,
    minutes: int,
    short_seconds: float = 10.0,
) -> pa.Table:
    """The columns of `intervals.sql` for every interval of `[since, until)` and every scope."""
    values = {
        "since": since, "until": until, "minutes": minutes, "short_seconds": short_seconds,
        "now": told_until(con),
    }  # fmt: skip
    return con.sql(read_sql("intervals"), params=values).to_arrow_table()


def read_days(con: duckdb.DuckDBPyConnection, days: list[Day]) -> pa.Table:
    """A row for each of `days`, which are in order, and each scope: its quarter-hours added up.

    Of the columns of `intervals.sql` it has those that daily files show. `is_complete` says whether
    all of the day is over.
    """
    rows = read_intervals(con, days[0].since, days[-1].until, 15)
    return pa.concat_tables([_sum_day(rows_of_day(rows, day), day) for day in days])


def _sum_day(rows: pa.Table, day: Day) -> pa.Table:
    """`rows` of a day added up by scope."""
    sums = rows.group_by(["brand", "channel", "queue"], use_threads=False).aggregate(
        [("is_complete", "all"), *((name, "sum") for name in _ADDED_UP)]
    )
    sums = sums.rename_columns(
        {"is_complete_all": "is_complete", **{f"{name}_sum": name for name in _ADDED_UP}}
    )
    begin = pa.scalar(day.since, rows.column("interval_start_utc").type)
    return sums.append_column("interval_start_utc", pa.repeat(begin, sums.num_rows))


_ADDED_UP = ("offered", "handled", "handle_active_seconds")


def rows_of_day(rows: pa.Table, day: Day, name: str = "interval_start_utc") -> pa.Table:
    """Those of `rows` whose instant in the column `name` lies in `day`."""
    column = rows.column(name)
    since, until = (pa.scalar(at, column.type) for at in (day.since, day.until))
    return rows.filter(pc.and_(pc.greater_equal(column, since), pc.less(column, until)))


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
