"""The measures recomputed in batch: raw event files in, tables named like the history's out.

Written from the metric dictionary as plain SQL, one file a measure, in DuckDB. It imports nothing
of the project, so that an agreement with the stream means something.

Units: instants in microseconds inside, UTC timestamps in the result; durations in seconds.
Rejected lines are left out; duplicates (same source and id) count once; order of arrival never
matters.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from .comparing import KEYS, SHARED_COLUMNS, compare
from .policies import Policies, load_policies

__all__ = ["KEYS", "SHARED_COLUMNS", "compare", "run_oracle"]

HERE = Path(__file__).parent
STEPS = (
    "stg_events",
    "stg_lifecycle",
    "stg_schedules",
    "stg_states",
    "stg_times",
    "stg_waits",
    "stg_no_misses",
    "stg_clock_steps",
    "stg_misses",
    "stg_clock_steps",
    "stg_clocks",
    "stg_surveys",
    "messages",
    "actions",
    "responses",
    "handling",
    "sla",
    "stg_first_waits",
    "stg_totals",
    "conversations",
    "agent_states",
    "windows",
    "standing",
)
MICROSECONDS = 1_000_000


def run_oracle(
    event_files: list[Path],
    policy: Policies,
    until_us: int | None,
    expire_after_seconds: int | None,
    reopen_window_seconds: int = 604_800,
    max_ahead_seconds: int = 600,
    active_cap_seconds: int = 900,
    restate_within_seconds: int = 86_400,
) -> duckdb.DuckDBPyConnection:
    """Compute every table over `event_files` (JSONL, also `.gz`) into an in-memory database.

    The replay's clock ends at the later of the last event and `until_us`. `expire_after_seconds`
    None means that silence never ends a conversation. `policy` is the parsed policy file, or
    several: each holds from its `effective_from` until the next one's. An event further than
    `max_ahead_seconds` ahead of its own `arrived_at` is left out.
    """
    con = duckdb.connect(":memory:")
    con.execute("set TimeZone = 'UTC'")
    con.execute("set threads = 2")
    con.execute("set enable_progress_bar = false")
    con.execute("create table raw_lines (line json)")
    for path in event_files:
        con.execute(
            "insert into raw_lines select json from read_ndjson_objects(?, ignore_errors = true)",
            [str(path)],
        )
    con.execute(
        "create table settings (until_us bigint, expire_after_us bigint, reopen_window_us bigint,"
        " max_ahead_us bigint, active_cap_us bigint, restate_within_us bigint)"
    )
    con.execute(
        "insert into settings values (?, ?, ?, ?, ?, ?)",
        [
            until_us,
            None if expire_after_seconds is None else expire_after_seconds * MICROSECONDS,
            reopen_window_seconds * MICROSECONDS,
            max_ahead_seconds * MICROSECONDS,
            active_cap_seconds * MICROSECONDS,
            restate_within_seconds * MICROSECONDS,
        ],
    )
    # seconds between the two nearest of sorted microseconds, linearly; null of an empty list
    con.execute(
        # whole numbers until the one division: the nearest double to the exact value
        "create macro interpolated(sorted, percent) as"
        " (sorted[1 + percent * (len(sorted) - 1) // 100]"
        "     * (100 - percent * (len(sorted) - 1) % 100)"
        "  + sorted[least(2 + percent * (len(sorted) - 1) // 100, len(sorted))]"
        "     * (percent * (len(sorted) - 1) % 100)) / 1e8"
    )
    load_policies(con, policy)
    for step in STEPS:
        con.execute((HERE / f"{step}.sql").read_text(encoding="utf-8"))
    return con
