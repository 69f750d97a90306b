"""What `history.py` measures, each in a process of its own: a folder in, a count out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from replywatch.sql.checks import check_history
from replywatch.sql.compaction import compact
from replywatch.sql.erasure import erase
from replywatch.sql.executive.measures import read_week
from replywatch.sql.executive.page import executive_page
from replywatch.sql.exports.files import Export, export_days, write_days
from replywatch.sql.exports.formats import Setting
from replywatch.sql.forecast import forecast
from replywatch.sql.forecast_past import Ask, Demand
from replywatch.sql.history import create_empty, open_history
from replywatch.sql.manifest import Manifest
from replywatch.sql.report_list import REPORTS
from replywatch.sql.reports import run_report
from replywatch.sql.schemas import TABLES
from replywatch.sql.views import plain_view

MONTH = (datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))
WHOLE = (datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
PERIODS = {
    "a day": (datetime(2025, 6, 11, tzinfo=UTC), datetime(2025, 6, 12, tzinfo=UTC)),
    "a month": MONTH,
    "two years": WHOLE,
}


def report(
    folder: Path,
    period: tuple[datetime, datetime],
    name: str = "agents",
    by: str | None = None,
) -> int:
    """A report of a period, from opening the history on; its rows."""
    with closing(open_history(folder)) as con:
        return int(run_report(con, name, since=period[0], until=period[1], by=by).num_rows)


def plain_report(folder: Path, period: tuple[datetime, datetime]) -> int:
    """The same SQL over plain `read_parquet` of the files that count."""
    root, files = folder.resolve(), Manifest(folder).files()
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        create_empty(con)
        for name, table in TABLES.items():
            con.execute(plain_view(table, [f for f in files if f.table == name], root))
        return int(run_report(con, "agents", since=period[0], until=period[1]).num_rows)


def export_year(folder: Path) -> int:
    """A year of half-hours in a file a day; its files."""
    export = Export(folder, "canonical", Setting(30, ZoneInfo("Europe/Berlin")))
    target = folder / "exports"
    shutil.rmtree(target, ignore_errors=True)
    with closing(open_history(folder)) as con:
        days = export_days(con, date(2025, 1, 1), date(2025, 12, 31), export.setting)
        return len(write_days(con, export, days, target).written)


def compaction(folder: Path) -> int:
    """The first compaction of it all; rows read."""
    return compact(folder, grace=0).rows_read


def checked(folder: Path) -> int:
    """Every check of every model; faults."""
    with closing(open_history(folder)) as con:
        return sum(1 for _ in check_history(con))


def forecasted(folder: Path) -> int:
    """Two weeks by quarters of an hour; rows."""
    ask = Ask(15, ZoneInfo("Europe/Berlin"), lambda _: Demand(300.0, 0.9))
    with closing(open_history(folder)) as con:
        return int(forecast(con, ask).num_rows)


def executive(folder: Path) -> int:
    """The page of a week; characters."""
    with closing(open_history(folder)) as con:
        week = read_week(con, since=MONTH[0], until=MONTH[0] + timedelta(days=7))
        return len(executive_page(con, week))


def erased(folder: Path) -> int:
    """One customer, with some 80 conversations; rows removed."""
    with closing(open_history(folder)) as con:
        found = con.sql("select min(customer_key) from conversations").fetchall()
    return sum(erase(folder, [str(found[0][0])], "nobody")["rows_removed"].values())


MEASURES: dict[str, Callable[[Path], int]] = {
    "month": lambda folder: report(folder, MONTH),
    "two_years": lambda folder: report(folder, WHOLE),
    "plain_month": lambda folder: plain_report(folder, MONTH),
    "plain_two_years": lambda folder: plain_report(folder, WHOLE),
    "export_year": export_year,
    "compaction": compaction,
    "forecast": forecasted,
    "executive": executive,
    "check": checked,
    "erase": erased,
    **{
        f"{name} by {by}, {words}": partial(report, period=period, name=name, by=by)
        for name, known in REPORTS.items()
        for by in dict.fromkeys((known.default, *known.listings))
        for words, period in PERIODS.items()
    },
}

OTHERS = (*(name for name in MEASURES if " by " in name), "forecast", "executive", "erase", "check")
"""What `--reports` measures besides, the longest last."""
