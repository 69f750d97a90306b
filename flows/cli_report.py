"""`replywatch report`."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from replywatch.flows.cli_args import (
    FORMATS,
    HTML,
    Commands,
    add_command,
    add_history,
    find_history,
    shown_as,
)
from replywatch.flows.cli_errors import OK, UsageError
from replywatch.metrics.policy import ServiceLevel, parse_duration
from replywatch.metrics.service_level import VARIANTS
from replywatch.metrics.times import SECOND
from replywatch.sql.history import kept_policy, open_history
from replywatch.sql.render import RenderError, render, whole_file
from replywatch.sql.report_list import REPORTS
from replywatch.sql.report_notes import with_note
from replywatch.sql.reports import ReportError, find_zone, parse_bound, run_report

EXECUTIVE = "executive"
_ABOUT_EXECUTIVE = "a page for people in a hurry: the week against the week before (HTML)"

_EXAMPLES = """
replywatch report agents --history out
replywatch report agents --by behaviour --from 2026-03-01 --to 2026-04-01
replywatch report sla --by channel,day --tz Europe/Berlin
replywatch report breaches --by window --from 2026-03-03 --to 2026-03-05
replywatch report volume --by hour --format csv --output volume.csv
replywatch report responses --plot responses.png
replywatch report executive --output week.html
"""


def add_commands(commands: Commands) -> None:
    """Add `report`."""
    about = {name: report.title for name, report in REPORTS.items()}
    about[EXECUTIVE] = _ABOUT_EXECUTIVE
    listed = "\n".join(f"  {name:12} {title}" for name, title in about.items())
    groups = "\n".join(f"  {name:12} {', '.join(report.by)}" for name, report in REPORTS.items())
    parser = add_command(
        commands,
        "report",
        _report,
        help="a ready-made report from the history",
        description=f"Print a report from the history:\n\n{listed}\n\n--by takes, for each:\n\n"
        f"{groups}",
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "name", choices=tuple(about), metavar="NAME", help=f"one of {', '.join(about)}"
    )
    parser.add_argument(
        "--from", dest="since", metavar="TIME", help="from here on: a date in --tz, or an instant"
    )
    parser.add_argument("--to", dest="until", metavar="TIME", help="up to here, exclusive")
    parser.add_argument("--by", metavar="GROUPS", help="one row for each of these: see above")
    parser.add_argument(
        "--tz", default="UTC", metavar="ZONE", help="whose days and hours (default: UTC)"
    )
    parser.add_argument(
        "--service-level",
        choices=VARIANTS,
        metavar="VARIANT",
        help=f"of sla, which customers count: {', '.join(VARIANTS)} (default: the policy's)",
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw it there instead, as PNG or SVG"
    )
    parser.add_argument(
        "--format",
        choices=(*FORMATS, HTML),
        help="how to show it (default: as FILE is named, else table; of executive: html)",
    )
    parser.add_argument(
        "--wide", action="store_true", help="every column in a table, too (others always have all)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write it there (default: standard output)"
    )
    add_history(parser)


def _report(given: argparse.Namespace) -> int:
    is_executive = given.name == EXECUTIVE
    shown = shown_as(given, HTML if is_executive else "table")
    if shown == HTML and not is_executive:
        raise UsageError(f"report {given.name} is no page: use one of {', '.join(FORMATS)}")
    if given.plot is not None and (given.format is not None or given.output is not None):
        raise UsageError("--plot draws instead of --format and --output: give one or the other")
    if is_executive and (given.plot is not None or given.by is not None):
        asked = "--plot" if given.by is None else "--by"
        raise UsageError(f"report executive takes no {asked}: it is a page")
    if given.service_level is not None and given.name != "sla":
        raise UsageError(f"report {given.name} takes no --service-level: it is of report sla")
    since, until = _bounds(given)
    with closing(open_history(find_history(given))) as con:
        try:
            if is_executive:
                _executive(con, shown, given, since, until)
            else:
                _rows(con, shown, given, since, until)
        except ReportError as error:
            if isinstance(error.__cause__, duckdb.Error):
                raise
            raise UsageError(str(error)) from None
    return OK


def _bounds(given: argparse.Namespace) -> tuple[datetime | None, datetime | None]:
    """`--from` and `--to` as instants; what can't be read is wrong use."""
    try:
        find_zone(given.tz)
        since = None if given.since is None else parse_bound(given.since, given.tz)
        until = None if given.until is None else parse_bound(given.until, given.tz)
        return since, until
    except ReportError as error:
        raise UsageError(str(error)) from None


def _rows(
    con: duckdb.DuckDBPyConnection,
    shown: str,
    given: argparse.Namespace,
    since: datetime | None,
    until: datetime | None,
) -> None:
    variant, short_abandon = _service_level(given)
    rows: pa.Table = run_report(
        con,
        given.name,
        since=since,
        until=until,
        by=given.by,
        tz=given.tz,
        service_level=variant,
        short_abandon_seconds=short_abandon,
    )
    if given.plot is None:
        if shown == "table":
            rows = rows if given.wide else _brief(rows, given)
            rows = with_note(
                con, rows, given.name, by=given.by, since=since, until=until, tz=given.tz
            )
        render(rows, shown, given.output)
        return
    from replywatch.sql.plots import plot_report

    plot_report(
        con, given.name, rows, given.plot, since=since, until=until, by=given.by, tz=given.tz
    )


def _brief(rows: pa.Table, given: argparse.Namespace) -> pa.Table:
    """The columns that a table for people shows: what names a row, and the main figures."""
    report = REPORTS[given.name]
    if not report.brief or given.by in report.listings:
        return rows
    return rows.select([n for n in rows.column_names if n in (*report.groups, *report.brief)])


def _service_level(given: argparse.Namespace) -> tuple[str, float]:
    """The variant of `--service-level`, else the history's policy's; what is a short abandon."""
    kept = kept_policy(find_history(given))
    setting = ServiceLevel() if kept is None else kept.policies[-1].service_level
    short_abandon = parse_duration(setting.short_abandon) / SECOND
    return given.service_level or setting.variant, short_abandon


def _executive(
    con: duckdb.DuckDBPyConnection,
    shown: str,
    given: argparse.Namespace,
    since: datetime | None,
    until: datetime | None,
) -> None:
    from replywatch.sql.executive import executive_page, read_week

    week = read_week(con, since=since, until=until, tz=given.tz)
    if shown != HTML:
        render(week.to_table(), shown, given.output)
        return
    page = executive_page(con, week)
    if given.output is not None:
        with whole_file(given.output) as sink:
            sink.write(page.encode("utf-8"))
    elif sys.stdout.isatty():
        raise RenderError("a page is not for a terminal: give --output FILE or a pipe")
    else:
        sys.stdout.write(page)
