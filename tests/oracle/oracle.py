"""The measures recomputed in batch: raw event files in, tables named like the history's out.

Written from the metric dictionary as plain SQL, one file a measure, in DuckDB. It imports nothing
of the project, so that an agreement with the stream means something.

Units: instants in microseconds inside, UTC timestamps in the result; durations in seconds.
Rejected lines are left out; duplicates (same source and id) count once; order of arrival never
matters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

HERE = Path(__file__).parent
STEPS = (
    "stg_events",
    "stg_lifecycle",
    "stg_states",
    "stg_waits",
    "messages",
    "responses",
    "sla",
    "conversations",
    "windows",
)
MICROSECONDS = 1_000_000
REPORTED_LINES = 20

_CONVERSATION = "conversation_id opened_at"
_SCOPE = "brand channel queue"

# The columns the oracle shares with the history, per table, and those that identify a row.
SHARED_COLUMNS: dict[str, tuple[str, ...]] = {
    table: tuple(columns.split())
    for table, columns in {
        "conversations": f"{_CONVERSATION} {_SCOPE} priority language region opened_by is_complete"
        " first_post_at first_reply_at first_agent first_response_seconds"
        " first_response_assigned_seconds assigned_agent first_assigned_at closed_at closed_by"
        " resolution first_resolution_seconds full_resolution_seconds handle_elapsed_seconds"
        " post_count reply_count bot_reply_count reopen_count transfer_count"
        " messages_to_resolution waiting_since last_event_at is_final",
        "responses": f"{_CONVERSATION} wait_started_at replied_at kind agent {_SCOPE} priority"
        " response_seconds response_assigned_seconds posts_answered",
        "messages": f"{_CONVERSATION} id source at direction agent bot visibility sentiment"
        f" {_SCOPE}",
        "sla": f"{_CONVERSATION} sla started_at due_at ended_at outcome policy_version rule"
        f" target_seconds agent {_SCOPE} priority",
        "windows": f"window_start {_SCOPE} posts replies opened closed answered met missed"
        " attainment is_breached first_response_p50 first_response_p90 first_response_mean"
        " waiting oldest_wait_seconds",
    }.items()
}
KEYS: dict[str, tuple[str, ...]] = {
    "conversations": ("conversation_id", "opened_at"),
    "responses": ("conversation_id", "opened_at", "wait_started_at", "replied_at"),
    "messages": ("source", "id"),
    "sla": ("conversation_id", "opened_at", "sla", "started_at"),
    "windows": ("window_start", "brand", "channel", "queue"),
}


def run_oracle(
    event_files: list[Path],
    policy: Mapping[str, Any],
    until_us: int | None,
    expire_after_seconds: int | None,
    reopen_window_seconds: int = 604_800,
    max_ahead_seconds: int = 600,
) -> duckdb.DuckDBPyConnection:
    """Compute every table over `event_files` (JSONL, also `.gz`) into an in-memory database.

    The replay's clock ends at the later of the last event and `until_us`. `expire_after_seconds`
    None means that silence never ends a conversation. `policy` is the parsed policy file; its rules
    hold from `effective_from` on. An event further than `max_ahead_seconds` ahead of its own
    `arrived_at` is left out.
    """
    con = duckdb.connect(":memory:")
    con.execute("set TimeZone = 'UTC'")
    con.execute("set threads = 2")
    con.execute("create table raw_lines (line json)")
    for path in event_files:
        con.execute(
            "insert into raw_lines select json from read_ndjson_objects(?, ignore_errors = true)",
            [str(path)],
        )
    con.execute(
        "create table settings (until_us bigint, expire_after_us bigint, reopen_window_us bigint,"
        " max_ahead_us bigint)"
    )
    con.execute(
        "insert into settings values (?, ?, ?, ?)",
        [
            until_us,
            None if expire_after_seconds is None else expire_after_seconds * MICROSECONDS,
            reopen_window_seconds * MICROSECONDS,
            max_ahead_seconds * MICROSECONDS,
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
    _load_policy(con, policy)
    for step in STEPS:
        con.execute((HERE / f"{step}.sql").read_text(encoding="utf-8"))
    return con


def _load_policy(con: duckdb.DuckDBPyConnection, policy: Mapping[str, Any]) -> None:
    """Put the rules in table `policy_rules`, in order; a null list matches every value."""
    con.execute(
        "create table policy_rules (rule_no int, name varchar, version varchar,"
        " effective_us bigint, brands varchar[], channels varchar[], queues varchar[],"
        " priorities varchar[], first_response_us bigint, next_response_us bigint,"
        " ratio double, min_outcomes int)"
    )
    effective = policy.get("effective_from")
    effective_us = (
        round(effective.timestamp() * MICROSECONDS) if isinstance(effective, datetime) else None
    )
    for number, rule in enumerate(policy.get("rules", [])):
        match, targets = rule.get("match", {}), rule.get("targets", {})
        objective = rule.get("objective", {})
        con.execute(
            f"insert into policy_rules values ({', '.join('?' * 12)})",
            [
                number,
                rule.get("name"),
                policy.get("version"),
                effective_us,
                *(match.get(field) for field in ("brand", "channel", "queue", "priority")),
                *(
                    round(targets[name] * MICROSECONDS) if name in targets else None
                    for name in ("first_response", "next_response")
                ),
                objective.get("ratio"),
                objective.get("min_outcomes", 5),
            ],
        )


def compare(
    con_oracle: duckdb.DuckDBPyConnection, con_history: duckdb.DuckDBPyConnection, table: str
) -> list[str]:
    """Say how the two tables differ: no line if they hold the same rows, column by column.

    Values are equal or they differ, nulls included: no tolerance. Rows of one key are paired in
    order, so a doubled row shows. At most `REPORTED_LINES` differences and a last line that counts.
    """
    expected = _rows_by_key(con_oracle, table)
    actual = _rows_by_key(con_history, table)
    lines: list[str] = []
    for key in sorted(expected.keys() | actual.keys(), key=repr):
        lines += _differences(table, key, expected.get(key, []), actual.get(key, []))
    if not lines:
        return []
    counts = (
        f"{table}: {_count(expected.values())} rows expected, {_count(actual.values())} found,"
        f" {len(lines)} differences"
    )
    return [*lines[:REPORTED_LINES], counts]


Row = tuple[Any, ...]


def _count(groups: Iterable[list[Row]]) -> int:
    return sum(len(group) for group in groups)


def _rows_by_key(con: duckdb.DuckDBPyConnection, table: str) -> dict[Row, list[Row]]:
    """Fetch the shared columns, instants as UTC text whatever the connection's time zone."""
    columns = SHARED_COLUMNS[table]
    described = con.execute(f"describe {table}").fetchall()
    types = {str(name): str(kind) for name, kind, *_ in described}
    selected = ", ".join(
        f'make_timestamp(epoch_us("{name}"))::varchar'
        if types[name].startswith("TIMESTAMP")
        else f'"{name}"'
        for name in columns
    )
    positions = [columns.index(name) for name in KEYS[table]]
    rows: defaultdict[Row, list[Row]] = defaultdict(list)
    for row in con.execute(f"select {selected} from {table} order by all").fetchall():
        rows[tuple(row[position] for position in positions)].append(tuple(row))
    return rows


def _differences(table: str, key: Row, expected: list[Row], actual: list[Row]) -> list[str]:
    where = f"{table} {'/'.join(map(str, key))}"
    lines = [
        f"{where}: {name} expected {wanted!r}, found {found!r}"
        for one, other in zip(expected, actual, strict=False)
        for name, wanted, found in zip(SHARED_COLUMNS[table], one, other, strict=True)
        if not (type(wanted) is type(found) and wanted == found)
    ]
    lines += [f"{where}: row missing" for _ in expected[len(actual) :]]
    lines += [f"{where}: row not expected" for _ in actual[len(expected) :]]
    return lines
