"""How two sets of tables are compared: which columns they share, and in what they differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import duckdb

REPORTED_LINES = 20

_CONVERSATION = "conversation_id opened_at"
_SCOPE = "brand channel queue"

# The columns the oracle shares with the history, per table, and those that identify a row.
SHARED_COLUMNS: dict[str, tuple[str, ...]] = {
    table: tuple(columns.split())
    for table, columns in {
        "conversations": f"{_CONVERSATION} {_SCOPE} priority language region opened_by is_complete"
        " first_post_at first_reply_at first_agent first_response_seconds"
        " first_response_human_seconds first_response_assigned_seconds"
        " first_response_business_seconds first_response_human_business_seconds"
        " first_response_assigned_business_seconds first_response_active_seconds"
        " first_response_due_at first_response_margin_seconds worst_wait_seconds"
        " worst_wait_margin_seconds assigned_agent first_assigned_at closed_at closed_by"
        " closing_agent resolution first_resolution_seconds first_resolution_business_seconds"
        " full_resolution_seconds full_resolution_business_seconds resolution_active_seconds"
        " resolution_due_at resolution_margin_seconds handle_elapsed_seconds"
        " handle_elapsed_business_seconds handle_assigned_seconds"
        " handle_assigned_business_seconds post_count reply_count bot_reply_count note_count"
        " reopen_count reopen_gap_seconds reopen_gap_business_seconds transfer_count"
        " is_transferred in_channel is_closed_in_public messages_to_resolution is_one_touch"
        " bot_outcome bot_contained handoff_count handoff_seconds sentiment_start sentiment_end"
        " sentiment_count csat_score csat_is_positive csat_sent_count csat_answer_count"
        " csat_first_score csat_flip_count csat_agent nps_score nps_group nps_agent is_actionable"
        " tags topic is_abandoned is_closed_with_customer_last paused_seconds waiting_since"
        " last_event_at is_final final_at",
        "responses": f"{_CONVERSATION} wait_started_at replied_at kind agent {_SCOPE} priority"
        " response_seconds response_business_seconds response_assigned_seconds"
        " response_assigned_business_seconds handling_started_at posts_answered",
        "messages": f"{_CONVERSATION} id source at seq direction agent bot visibility sentiment"
        f" {_SCOPE} priority",
        "actions": f"{_CONVERSATION} id source at seq kind agent bot handling_agent"
        f" wait_started_at is_answered from_brand from_channel from_queue {_SCOPE} priority"
        " reason resolution survey score scale_max is_positive credited_agent tags topic"
        " actionable",
        "sla": f"{_CONVERSATION} sla started_at due_at ended_at outcome policy_version rule"
        f" target_seconds elapsed_seconds agent {_SCOPE} priority",
        "handling": f"{_CONVERSATION} wait_started_at replied_at agent {_SCOPE}"
        " handle_active_seconds handle_active_method",
        "agent_states": "agent state started_at ended_at seconds source id",
        "windows": f"window_start {_SCOPE} posts replies opened closed answered met missed"
        " attainment is_breached first_response_p50 first_response_p90 first_response_mean"
        " waiting oldest_wait_seconds final_at",
    }.items()
}
KEYS: dict[str, tuple[str, ...]] = {
    "conversations": ("conversation_id", "opened_at"),
    "responses": ("conversation_id", "opened_at", "wait_started_at", "replied_at"),
    "messages": ("source", "id"),
    "actions": ("source", "id"),
    "sla": ("conversation_id", "opened_at", "sla", "started_at", "ended_at"),
    "handling": ("conversation_id", "opened_at", "wait_started_at", "replied_at"),
    "agent_states": ("source", "id"),
    "windows": ("window_start", "brand", "channel", "queue"),
}


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
