"""`replywatch sql`."""

from __future__ import annotations

import argparse
from contextlib import closing

from replywatch.flows.cli_args import (
    Commands,
    add_command,
    add_history,
    add_output,
    find_history,
    shown_as,
)
from replywatch.flows.cli_errors import OK, UsageError
from replywatch.sql.history import open_history
from replywatch.sql.shell import run_query, run_shell

_SQL_EXAMPLES = """
replywatch sql --history out
replywatch sql -c "select brand, count(*) from conversations group by all" --history out
replywatch sql -c 'select "at", agent from messages' --format csv --output messages.csv
"""


def add_commands(commands: Commands) -> None:
    """Add `sql`."""
    _add_sql(commands)


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


def _sql(given: argparse.Namespace) -> int:
    query: str | None = given.command
    shown = shown_as(given)
    if query is None and (given.output is not None or shown == "parquet"):
        asked = "--output" if given.output is not None else "--format parquet"
        raise UsageError(f"{asked} needs a query: give one with -c")
    with closing(open_history(find_history(given))) as con:
        if query is None:
            return run_shell(con, fmt=shown)
        run_query(con, query, shown, given.output)
    return OK
