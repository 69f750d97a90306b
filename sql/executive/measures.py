"""What the executive page tells: its measures, in this week and the one before, and day by day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from typing import Any

import duckdb
import pyarrow as pa

from replywatch.sql.reports import ReportError, find_zone

DAYS = 7


@dataclass(frozen=True)
class Measure:
    """One figure: its column, its name for people, and which way is better (0: neither).

    `count` names the column with the number of samples it rests on.
    """

    column: str
    name: str
    better: int = 0
    count: str = ""


MEASURES = (
    Measure("attainment", "SLA met", +1, "met"),
    Measure("first_median_seconds", "First response, median", -1),
    Measure("opened", "Conversations opened"),
    Measure("csat_ratio", "CSAT", +1, "csat_answered"),
    Measure("missed", "Deadlines missed", -1),
    Measure("first_p90_seconds", "First response, 90th percentile", -1),
    Measure("next_median_seconds", "Next response, median", -1),
    Measure("resolution_median_seconds", "Full resolution, median", -1),
    Measure("fcr_ratio", "Resolved at first contact", +1, "fcr_final"),
    Measure("reopened_ratio", "Reopened", -1, "closed"),
    Measure("nps_ratio", "NPS", +1, "nps_answered"),
    Measure("abandoned", "Abandoned", -1),
    Measure("bot_contained_ratio", "Contained by bots", +1),
    Measure("closed", "Closed"),
    Measure("posts", "Customers' posts"),
    Measure("replies", "Replies"),
    Measure("active_seconds", "Active handle time"),
)
"""In the order of the page: the first four are its head."""


@dataclass
class Week:
    """A week's figures by column, those of the week before, and those of each day of both."""

    before: datetime
    since: datetime
    until: datetime
    tz: str
    now: dict[str, Any] = field(default_factory=dict)
    then: dict[str, Any] = field(default_factory=dict)
    days: dict[date, dict[str, Any]] = field(default_factory=dict)

    def value(self, column: str) -> Any:
        """The week's figure; `None` is no data."""
        return self.now.get(column)

    def earlier(self, column: str) -> Any:
        """The week before's figure; `None` is no data."""
        return self.then.get(column)

    def daily(self, column: str, *, is_now: bool = True) -> list[Any]:
        """The figure of each day, oldest first, of this week or the one before."""
        zone = find_zone(self.tz)
        start, end = (self.since, self.until) if is_now else (self.before, self.since)
        first, last = start.astimezone(zone).date(), end.astimezone(zone).date()
        dates = [first + timedelta(days=n) for n in range((last - first).days)]
        return [self.days.get(day, {}).get(column) for day in dates]

    def to_table(self) -> pa.Table:
        """One row a measure: its name, this week, the week before, and the change."""
        rows = [
            {
                "measure": measure.column,
                "value": _number(self.value(measure.column)),
                "week_before": _number(self.earlier(measure.column)),
                "change": _change(self.value(measure.column), self.earlier(measure.column)),
            }
            for measure in MEASURES
        ]
        kinds = [
            ("measure", pa.string()),
            *((name, pa.float64()) for name in ("value", "week_before", "change")),
        ]
        zone = find_zone(self.tz)
        period = f"{self.since.astimezone(zone):%Y-%m-%d} to {self.until.astimezone(zone):%Y-%m-%d}"
        title = f"executive: this week against the week before · {period}, {self.tz}"
        return pa.Table.from_pylist(rows, pa.schema(kinds)).replace_schema_metadata(
            {"title": title}
        )


def read_week(
    con: duckdb.DuckDBPyConnection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    tz: str = "UTC",
) -> Week:
    """The week from `since` to `until` in whole days of `tz`, and as long a time before it.

    Without bounds it is the seven days up to the end of the last day that the history tells whole.
    Raises `ReportError`.
    """
    zone = find_zone(tz)
    if until is None:
        until = _last_midnight(con, tz) if since is None else since + timedelta(days=DAYS)
    if since is None:
        since = (until.astimezone(zone) - timedelta(days=DAYS)).astimezone(UTC)
    if since >= until:
        raise ReportError(
            f"the period from {since.isoformat()} to {until.isoformat()} is empty: "
            "--from is inclusive and must lie before --to, which is exclusive"
        )
    length = until.astimezone(zone).replace(tzinfo=None) - since.astimezone(zone).replace(
        tzinfo=None
    )
    before = (since.astimezone(zone) - length).astimezone(UTC)
    week = Week(before, since, until, tz)
    this = since.astimezone(zone).date()
    for row in _ask(con, week, is_daily=False):
        if row.pop("starts_on") == this:
            week.now = row
        else:
            week.then = row
    week.days = {row.pop("starts_on"): row for row in _ask(con, week, is_daily=True)}
    return week


def _ask(con: duckdb.DuckDBPyConnection, week: Week, *, is_daily: bool) -> list[dict[str, Any]]:
    query = (resources.files(__package__) / "measures.sql").read_text(encoding="utf-8")
    values = {"before": week.before, "since": week.since, "until": week.until, "tz": week.tz}
    try:
        rows = con.sql(query, params={**values, "is_daily": is_daily}).to_arrow_table()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise ReportError(f"report executive cannot be read from this history: {reason}") from error
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def _last_midnight(con: duckdb.DuckDBPyConnection, tz: str) -> datetime:
    """The end of the last day of `tz` that the history tells whole, else of its first day."""
    query = "select now, (select min(window_start) from windows) as first_at from history_clock"
    found = con.sql(query).to_arrow_table().to_pylist()[0]
    now: datetime = found["now"] or datetime.now(UTC)
    midnight = now.astimezone(find_zone(tz)).replace(hour=0, minute=0, second=0, microsecond=0)
    if found["first_at"] is not None and found["first_at"] >= midnight:
        midnight += timedelta(days=1)
    return midnight.astimezone(UTC)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _change(now: Any, then: Any) -> float | None:
    """The relative change; of nothing, or from nothing, there is none."""
    return None if now is None or not then else float(now) / float(then) - 1
