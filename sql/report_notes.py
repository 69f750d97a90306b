"""What the rows of a report leave unsaid: whose work is in none of them, and why there are none."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa

from replywatch.sql.report_list import REPORTS

_NOBODYS = """
    select count(*), count(*) filter (agent is null)
    from agent_work
    where work = 'clock' and outcome = 'missed' and is_within(worked_at, $since, $until)
"""
_COVERED = """
    select
        cast(day_of(min(opened_at), $tz) as varchar),
        cast(day_of(any_value(now), $tz) as varchar)
    from conversations
    cross join history_clock
"""


def with_note(
    con: duckdb.DuckDBPyConnection,
    rows: pa.Table,
    name: str,
    *,
    by: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    tz: str = "UTC",
) -> pa.Table:
    """The rows of report `name` with a line for people in the schema's metadata, if there is one.

    Under `agents` it counts the deadlines missed that were nobody's; where a period holds nothing,
    it says from when to when the history tells of anything, in days of `tz`.
    """
    if rows.num_rows == 0:
        note = None if since is None and until is None else _covered(con, tz)
    elif name == "agents" and (by is None or by not in REPORTS[name].listings):
        note = _nobodys(con, since, until)
    else:
        note = None
    metadata = rows.schema.metadata or {}
    return rows if note is None else rows.replace_schema_metadata({**metadata, "note": note})


def _nobodys(
    con: duckdb.DuckDBPyConnection, since: datetime | None, until: datetime | None
) -> str | None:
    missed, nobodys = con.execute(_NOBODYS, {"since": since, "until": until}).fetchall()[0]
    if not nobodys:
        return None
    return (
        f"{nobodys:,} of {missed:,} deadlines were missed while nobody had the conversation: they "
        "are in no row here, and in report teams"
    )


def _covered(con: duckdb.DuckDBPyConnection, tz: str) -> str:
    first, last = con.execute(_COVERED, {"tz": tz}).fetchall()[0]
    if first is None:
        return "the history holds no conversation"
    return f"the history tells of {first} to {last}"
