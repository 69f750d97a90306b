"""What the demo prints at its end: the agents, the breaches, the spike, and where it all lies."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import duckdb
import pyarrow as pa

from replywatch.flows.cli_args import program_name
from replywatch.flows.demo import SAMPLE
from replywatch.sql.history import DATABASE
from replywatch.sql.render import render
from replywatch.sql.report_notes import with_note
from replywatch.sql.reports import run_report

_TOP = 5

_AGENT_COLUMNS = (
    *("agent", "conversations", "replies", "published_median_seconds", "published_p90_seconds"),
    *("met", "missed", "closed", "handle_elapsed_median_seconds"),
)

_CLOCK_COLUMNS = (
    *("conversation_id", "sla", "channel", "answered_at", "late_by_seconds", "answered_by"),
)
_WINDOW_COLUMNS = (
    *("window_start", "channel", "queue", "met", "missed", "attainment", "waiting"),
    "oldest_wait_seconds",
)


def tell_results(con: duckdb.DuckDBPyConnection) -> None:
    """Print the agents, the breaches and the spike."""
    print()
    agents = with_note(con, run_report(con, "agents"), "agents")
    render(agents.select(_AGENT_COLUMNS))

    missed = run_report(con, "breaches")
    unanswered = missed["answered_at"].null_count
    print()
    _show(
        missed.sort_by([("late_by_seconds", "descending"), ("conversation_id", "ascending")]),
        _CLOCK_COLUMNS,
        f"breaches: {missed.num_rows:,} deadlines missed, {unanswered:,} of them never answered · "
        f"the {_TOP} latest answers",
    )
    breached = run_report(con, "breaches", by="window")
    print()
    _show(
        breached.sort_by([("missed", "descending"), ("window_start", "ascending")]),
        _WINDOW_COLUMNS,
        f"breached windows: {breached.num_rows:,} of 5 minutes under the objective · "
        f"the {_TOP} worst",
    )
    print()
    _tell_spikes(con)


def _show(rows: pa.Table, columns: tuple[str, ...], title: str) -> None:
    """Print the first few rows."""
    render(rows.slice(0, _TOP).select(columns).replace_schema_metadata({"title": title}))


def _tell_spikes(con: duckdb.DuckDBPyConnection) -> None:
    spikes = run_report(con, "spikes").sort_by([("peak_posts", "descending")]).to_pylist()
    if not spikes:
        print("spike: none")
    for spike in spikes[:_TOP]:
        ended_at = spike["ended_at"]
        until = "still going on" if ended_at is None else f"to {ended_at:%H:%M} UTC"
        print(
            f"{spike['kind']}: {spike['brand']}/{spike['channel']}/{spike['queue']}, "
            f"{spike['started_at']:%Y-%m-%d %H:%M} {until}\n"
            f"  known at {spike['detected_at']:%H:%M}; at its peak {spike['peak_posts']:,} posts "
            f"in the 5 minutes from {spike['peak_at']:%H:%M}, where {spike['expected']:.1f} were "
            "expected"
        )


def tell_where(folder: Path, url: str) -> None:
    """Print where everything lies, and what to try next."""
    program, history = program_name(), shlex.quote(str(folder))
    query = "select channel, count(*) from conversations group by all"
    lines = (
        "",
        f"metrics   were at {url}",
        f"events    {folder / SAMPLE}",
        f"history   {folder / 'history'}, as Parquet",
        f"database  {folder / DATABASE}, for any DuckDB client",
        "",
        "try:",
        f"  {program} report sla --by channel --history {history}",
        f"  {program} report breaches --by window --history {history}",
        f'  {program} sql --history {history} -c "{query}"',
    )
    print("\n".join(lines))
    sys.stdout.flush()
