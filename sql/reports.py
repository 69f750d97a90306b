"""Reports: the named questions that the history answers, each one SQL file in `reports/`.

A file says in its header what a row is and what each column means; it takes its period, its time
zone and its grouping as DuckDB parameters, so nothing a user types ever becomes SQL.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from replywatch.metrics.service_level import VARIANTS, Offered
from replywatch.metrics.service_level import service_level as service_level_of
from replywatch.sql.history import MEMORY
from replywatch.sql.report_list import REPORTS, Report

_OFFERED = ["met", "answered_late", "abandoned", "short_abandoned", "flow_outs"]
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})")


class ReportError(ValueError):
    """A report that cannot be given; the message is one line for the user."""


def run_report(
    con: duckdb.DuckDBPyConnection,
    name: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    by: str | None = None,
    tz: str = "UTC",
    service_level: str = "default",
    short_abandon_seconds: float = 10.0,
) -> pa.Table:
    """The rows of report `name` over what happened at or after `since` and before `until`.

    Bounds are aware instants, `None` leaves a side open. `by` is one of the report's `by`, or
    several of its `groups` joined by commas; `None` takes its default. Days and hours begin as
    the clocks in `tz` (an IANA name) have it, and instants come back in that zone. Durations are
    seconds as doubles; `null` is "no data". The schema's metadata holds a `title` for people.
    `service_level` is the variant that `sla` shows, which takes for short what was abandoned
    within `short_abandon_seconds`. Raises `ReportError`.
    """
    report = REPORTS.get(name)
    if report is None:
        raise ReportError(f"unknown report '{name}': use one of {', '.join(REPORTS)}")
    zone = find_zone(tz)
    if since is not None and until is not None and since >= until:
        raise ReportError(
            f"the period from {since.isoformat()} to {until.isoformat()} is empty: "
            "--from is inclusive and must lie before --to, which is exclusive"
        )
    by = report.default if by is None else by
    stem, columns = _resolve(name, report, by)
    query = read_sql(stem)
    values = {
        "since": since,
        "until": until,
        "tz": tz,
        "by": columns,
        "short_abandon": short_abandon_seconds,
        **report.values,
    }
    try:
        rows = _in_order([_run(con, query, {**values, **turn}) for turn in report.turns], columns)
    except duckdb.OutOfMemoryException:
        raise ReportError(
            f"report {name} takes more memory than {MEMORY} over {_period(since, until, zone)}: "
            "ask for a shorter period by --from and --to"
        ) from None
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise ReportError(f"report {name} cannot be read from this history: {reason}") from error
    if name == "sla":
        rows = _with_service_level(rows, service_level)
    words = report.titles.get(by, report.title)
    title = f"{name}: {words} · {_period(since, until, zone)}"
    return _typed(rows, tz).replace_schema_metadata({"title": title})


def _run(con: duckdb.DuckDBPyConnection, query: str, values: dict[str, Any]) -> pa.Table:
    """The rows of a query, given those of `values` that it asks for."""
    wanted = con.extract_statements(query)[0].named_parameters
    params = {key: value for key, value in values.items() if key in wanted}
    return con.sql(query, params=params).to_arrow_table()


def _in_order(turns: list[pa.Table], columns: list[str]) -> pa.Table:
    """The rows of all turns, by scope and then by turn."""
    if len(turns) == 1:
        return turns[0]
    rows = pa.concat_tables(turns)
    scope = [(name, "ascending") for name in rows.column_names if name in {*columns} - {"kind"}]
    return rows.sort_by(scope) if scope else rows


def read_sql(stem: str) -> str:
    """The text of `reports/<stem>.sql`."""
    return (resources.files(__package__) / "reports" / f"{stem}.sql").read_text(encoding="utf-8")


def parse_bound(text: str, tz: str = "UTC") -> datetime:
    """The instant, in UTC, that a bound of a period names.

    A date is its first midnight in `tz` (on a day whose clocks skip midnight: the moment they
    jump). An instant is RFC 3339 with its offset, to the microsecond. Raises `ReportError`.
    """
    zone = find_zone(tz)
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ReportError(
        f"cannot read the time '{text}': give a date such as 2026-01-31, or an instant with its "
        "offset such as 2026-01-31T09:00:00Z"
    )


def find_zone(tz: str) -> ZoneInfo:
    """The time zone of an IANA name; raises `ReportError` for any other text."""
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, OSError):
        raise ReportError(
            f"unknown time zone '{tz}': give an IANA name such as Europe/Berlin or UTC"
        ) from None


def _resolve(name: str, report: Report, by: str) -> tuple[str, list[str]]:
    """The SQL file and the columns to group by that `by` asks of a report."""
    if by in report.listings:
        return report.listings[by], []
    columns = [part.strip() for part in by.split(",")] if report.groups else [by]
    for column in columns:
        if column not in report.groups:
            several = " (several groups are joined by commas)" if len(report.groups) > 1 else ""
            raise ReportError(
                f"report {name} cannot go by '{column}': use one of {', '.join(report.by)}{several}"
            )
    return report.grouped or name, [*columns, *report.always]


def _with_service_level(rows: pa.Table, variant: str) -> pa.Table:
    """The SLA report with the service level of the first response, by `variant`."""
    if variant not in VARIANTS:
        raise ReportError(f"unknown service level '{variant}': use one of {', '.join(VARIANTS)}")
    levels = [
        None
        if row["abandoned"] is None
        else service_level_of(
            Offered(
                row["met"],
                row["answered_late"],
                row["abandoned"],
                row["short_abandoned"],
                row["flow_outs"],
            ),
            variant,
        )
        for row in rows.select(_OFFERED).to_pylist()
    ]
    return rows.append_column("service_level_ratio", pa.array(levels, pa.float64()))


def _period(since: datetime | None, until: datetime | None, zone: ZoneInfo) -> str:
    """The period in words, in `zone`."""

    def shown(bound: datetime) -> str:
        local = bound.astimezone(zone)
        is_midnight = local.time() == time()
        return local.date().isoformat() if is_midnight else f"{local:%Y-%m-%d %H:%M:%S}"

    start = "the beginning" if since is None else shown(since)
    end = "the end" if until is None else shown(until)
    return f"{start} to {end}, {zone.key}"


def _typed(rows: pa.Table, tz: str) -> pa.Table:
    """The rows with instants in `tz` and enums as text."""

    def target(kind: Any) -> Any:
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            return pa.timestamp(kind.unit, tz=tz)
        return kind.value_type if pa.types.is_dictionary(kind) else kind

    return rows.cast(pa.schema([(column.name, target(column.type)) for column in rows.schema]))
