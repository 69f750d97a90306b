"""Hand-written timelines for the oracle's tests: short to write, run over real files.

Every clock time is on 2026-03-03 UTC unless it is a full instant.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from .oracle import run_oracle
from .policies import Policies

Event = dict[str, Any]
Events = Sequence[Mapping[str, Any]]
Oracle = Callable[..., duckdb.DuckDBPyConnection]

DAY = 86_400
POLICY: dict[str, Any] = {
    "version": "v1",
    "rules": [
        {
            "name": "all",
            "targets": {"first_response": 300, "next_response": 600},
            "objective": {"ratio": 0.9, "window": "5m", "min_outcomes": 2},
        }
    ],
}


def instant(clock: str) -> str:
    """`10:05`, `10:05:30` or a full instant, as a full instant in UTC."""
    return clock if "T" in clock else f"2026-03-03T{clock}{':00' * (clock.count(':') == 1)}Z"


def microseconds(clock: str) -> int:
    """The same, in microseconds since the epoch."""
    return round(datetime.fromisoformat(instant(clock)).timestamp() * 1_000_000)


def timeline(*lines: str, conversation: str | None = "c1", **common: Any) -> list[Event]:
    """Events from lines like `10:05 reply agent=ann seq=1`; ids are their positions from e1 on."""
    events = []
    for number, line in enumerate(lines, start=1):
        clock, kind, *fields = line.split()
        event: Event = {"id": f"e{number}", "at": instant(clock), "kind": kind, **common}
        if conversation is not None:
            event = {**event, "id": f"{conversation}-e{number}", "conversation": conversation}
        for name, value in (field.split("=") for field in fields):
            event[name] = int(value) if name == "seq" else value
        events.append(event)
    return events


def write_lines(path: Path, events: Events) -> Path:
    """Write events as JSONL to `path` and return it."""
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events), encoding="utf-8")
    return path


def run(
    folder: Path,
    events: Events,
    *,
    policy: Policies | None = None,
    until: str | None = None,
    expire_after: int | None = 30 * DAY,
) -> duckdb.DuckDBPyConnection:
    """Run the oracle over `events`, under `POLICY` unless told otherwise."""
    path = write_lines(folder / "events.jsonl", events)
    until_us = None if until is None else microseconds(until)
    return run_oracle([path], POLICY if policy is None else policy, until_us, expire_after)


def rows(con: duckdb.DuckDBPyConnection, table: str, columns: str) -> list[tuple[Any, ...]]:
    """The space-separated `columns` of all rows in order; instants as `03 10:05:00` (day, time)."""
    types = {name: kind for name, kind, *_ in con.execute(f"describe {table}").fetchall()}
    selected = ", ".join(
        f"strftime(\"{name}\", '%d %H:%M:%S')" if types[name].startswith("TIMESTAMP") else name
        for name in columns.split()
    )
    return list(con.execute(f"select {selected} from {table} order by all").fetchall())
