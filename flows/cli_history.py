"""The commands that read a history: `sql` and `report`."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

import duckdb

from replywatch.flows.cli_args import (
    Commands,
    add_command,
    add_history,
    add_output,
    find_history,
)
from replywatch.flows.cli_errors import OK, UsageError
from replywatch.sql.history import open_history
from replywatch.sql.render import render
from replywatch.sql.reports import (
    REPORTS,
    ReportError,
    find_zone,
    parse_bound,
    run_report,
)
from replywatch.sql.shell import run_query, run_shell

_SQL_EXAMPLES = """
replywatch sql --history out
replywatch sql -c "select brand, count(*) from conversations group by all" --history out
replywatch sql -c 'select "at", agent from messages' --format csv --output messages.csv
"""

_REPORT_EXAMPLES = """
replywatch report agents --history out
replywatch report sla --by channel,day --tz Europe/Berlin
replywatch report breaches --by window --from 2026-03-03 --to 2026-03-05
replywatch report volume --by hour --format csv --output volume.csv
"""


def add_commands(commands: Commands) -> None:
    """Add `sql` and `report`."""
    _add_sql(commands)
    _add_report(commands)


def _add_sql(commands: Commands) -> None:
    parser = add_command(
        commands,
        "sql",
        _sql,
        help="query the history in DuckDB, read-only",
        description="Query the history with DuckDB, read-only: one query with -c, else a shell "
        "(.help lists its commands). Times are UTC, durations seconds. The columns at and "
        'opened_at are instants; at is a word of SQL, so write it as "at".',
        examples=_SQL_EXAMPLES,
    )
    parser.add_argument("-c", "--command", metavar="QUERY", help="run this query and leave")
    add_output(parser)
    add_history(parser)


def _add_report(commands: Commands) -> None:
    listed = "\n".join(f"  {name:10} {report.title}" for name, report in REPORTS.items())
    groups = "\n".join(f"  {name:10} {', '.join(report.by)}" for name, report in REPORTS.items())
    parser = add_command(
        commands,
        "report",
        _report,
        help="a ready-made report from the history",
        description=f"Print a report from the history:\n\n{listed}\n\n--by takes, for each:\n\n"
        f"{groups}",
        examples=_REPORT_EXAMPLES,
    )
    parser.add_argument(
        "name", choices=tuple(REPORTS), metavar="NAME", help=f"one of {', '.join(REPORTS)}"
    )
    parser.add_argument(
        "--from", dest="since", metavar="TIME", help="from here on: a date in --tz, or an instant"
    )
    parser.add_argument("--to", dest="until", metavar="TIME", help="up to here, exclusive")
    parser.add_argument("--by", metavar="GROUPS", help="one row for each of these: see above")
    parser.add_argument(
        "--tz", default="UTC", metavar="ZONE", help="whose days and hours (default: UTC)"
    )
    add_output(parser)
    add_history(parser)


def _sql(given: argparse.Namespace) -> int:
    query: str | None = given.command
    if query is None and (given.output is not None or given.format == "parquet"):
        asked = "--output" if given.output is not None else "--format parquet"
        raise UsageError(f"{asked} needs a query: give one with -c")
    with closing(open_history(find_history(given))) as con:
        if query is None:
            return run_shell(con, fmt=given.format)
        run_query(con, query, given.format, given.output)
    return OK


def _report(given: argparse.Namespace) -> int:
    try:
        find_zone(given.tz)
        bounds = {
            name: None if text is None else parse_bound(text, given.tz)
            for name, text in (("since", given.since), ("until", given.until))
        }
    except ReportError as error:
        raise UsageError(str(error)) from None
    folder: Path = find_history(given)
    with closing(open_history(folder)) as con:
        try:
            rows = run_report(con, given.name, by=given.by, tz=given.tz, **bounds)
        except ReportError as error:
            if isinstance(error.__cause__, duckdb.Error):
                raise
            raise UsageError(str(error)) from None
    render(rows, given.format, given.output)
    return OK
