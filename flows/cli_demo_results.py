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

_SPIKES = """
with

numbered as (
    select
        *,
        window_start - interval 5 minutes * row_number() over (
            partition by brand, channel, queue order by window_start
        ) as island
    from windows
    where is_spike
),

final as (
    select
        concat_ws('/', brand, channel, queue) as scope,
        min(window_start) as started_at,
        max(window_start) + interval 5 minutes as ended_at,
        max(posts) as peak_posts,
        arg_max(posts_expected, posts) as expected,
        arg_max(window_start, posts) as peak_at
    from numbered
    group by brand, channel, queue, island
)

select * from final
order by peak_posts desc, scope, started_at
"""


def tell_results(con: duckdb.DuckDBPyConnection) -> None:
    """Print the agents, the breaches and the spike."""
    print()
    agents = run_report(con, "agents")
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
    spikes = con.sql(_SPIKES).to_arrow_table().to_pylist()
    if not spikes:
        print("spike: none")
    for spike in spikes[:_TOP]:
        expected = spike["expected"]
        against = "" if expected is None else f", where {expected:.1f} were expected"
        print(
            f"spike: {spike['scope']}, {spike['started_at']:%Y-%m-%d %H:%M} to "
            f"{spike['ended_at']:%H:%M} UTC\n"
            f"  at its peak {spike['peak_posts']:,} posts in the 5 minutes from "
            f"{spike['peak_at']:%H:%M}{against}"
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
