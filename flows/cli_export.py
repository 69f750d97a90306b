"""The command that writes files for other systems: `export`."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from replywatch.flows.cli_args import (
    Commands,
    Parser,
    add_command,
    add_history,
    find_history,
    read_settings,
)
from replywatch.flows.cli_errors import OK, UsageError, complain, counted
from replywatch.sql.exports.formats import FORMATS, minutes_of
from replywatch.sql.exports.intervals import DAILY, MINUTES

_EXAMPLES = """
replywatch export wfm --tz Europe/Berlin --history out
replywatch export wfm --format genesys --interval 30m --from 2026-03-01 --to 2026-04-01
replywatch export wfm --format teleopti --output files/
replywatch export wfm --format amazon-connect --interval daily --tz Europe/Berlin --output days.csv
"""


def add_commands(commands: Commands) -> None:
    """Add `export`."""
    parser = add_command(
        commands,
        "export",
        _export,
        help="interval files for workforce management",
        description="Write volume, handle time, service level and backlog by queue and interval "
        "for planning systems: every interval of each day, those in which nothing happened too. "
        "Days are those of --tz, so that one has 92 or 100 quarter-hours when the clocks change; "
        "instants are in UTC. Into a folder (--output files/) a file a day is written, and days "
        "of which nothing new is known are left as they are.",
        examples=_EXAMPLES,
    )
    parser.add_argument("what", choices=("wfm",), metavar="wfm", help="what to export")
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        default="canonical",
        metavar="NAME",
        help=f"one of {', '.join(FORMATS)} (default: canonical)",
    )
    add_grid(parser, DAILY)
    parser.add_argument(
        "--from", dest="since", type=_day, metavar="DATE", help="first day (default: history's)"
    )
    parser.add_argument(
        "--to", dest="until", type=_day, metavar="DATE", help="the day after the last one"
    )
    parser.add_argument(
        "--output",
        metavar="PATH",
        help="a file, or a folder (one that exists, or PATH/) for a file a day (default: stdout)",
    )
    add_history(parser)


def add_grid(parser: Parser, *more: str) -> None:
    """`--interval`, of minutes or one of `more`, and `--tz`."""
    parser.add_argument(
        "--interval",
        choices=(*MINUTES, *more),
        default="15m",
        metavar="LENGTH",
        help=f"one of {', '.join((*MINUTES, *more))} (default: 15m)",
    )
    parser.add_argument(
        "--tz",
        type=_zone,
        default=ZoneInfo("UTC"),
        metavar="ZONE",
        help="whose days (default: UTC)",
    )


def _zone(text: str) -> ZoneInfo:
    from replywatch.sql.reports import ReportError, find_zone

    try:
        return find_zone(text)
    except ReportError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no date such as 2026-01-31") from None


def _export(given: argparse.Namespace) -> int:
    from replywatch.sql.exports.files import (
        Export,
        export_days,
        write_days,
        write_file,
        write_stream,
    )
    from replywatch.sql.exports.formats import Setting
    from replywatch.sql.exports.queues import Queues
    from replywatch.sql.history import open_history

    if given.since is not None and given.until is not None and given.since >= given.until:
        raise UsageError(f"no day lies from {given.since} on and before {given.until}")
    try:
        minutes = minutes_of(given.interval, given.format)
    except ValueError as error:
        raise UsageError(str(error)) from None
    settings = read_settings(given)
    folder = find_history(given)
    setting = Setting(minutes, given.tz, Queues(settings.queue_names, settings.queue_ids))
    export = Export(folder, given.format, setting)
    output: Path | None = None if given.output is None else Path(given.output)
    with closing(open_history(folder)) as con:
        last = None if given.until is None else given.until - timedelta(days=1)
        days = export_days(con, given.since, last, setting)
        if not days:
            complain("the history has no day in this period: there is nothing to export")
        if output is None:
            write_stream(con, export, days, sys.stdout)
        elif output.is_dir() or given.output.endswith("/"):
            done = write_days(con, export, days, output)
            written, kept = len(done.written), len(done.kept)
            print(f"{counted(written, 'file')} written, {kept:,} left as they were")
        else:
            write_file(con, export, days, output)
    return OK
