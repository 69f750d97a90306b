"""A history small enough to work out by hand: rows in an in-memory DuckDB, typed as the tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from replywatch.sql.models import create_models
from replywatch.sql.schemas import TABLES

Row = dict[str, Any]

ACME_CHAT = {"brand": "acme", "channel": "chat", "queue": "default", "priority": "normal"}
ACME_EMAIL = {**ACME_CHAT, "channel": "email"}
GLOBEX_CHAT = {**ACME_CHAT, "brand": "globex"}


def at(clock: str, day: str = "2026-01-05") -> datetime:
    """The instant of a UTC wall clock `HH:MM` or `HH:MM:SS`."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)


def history(**tables: list[Row]) -> duckdb.DuckDBPyConnection:
    """A connection with every table of the history; columns that a row leaves out are null."""
    con = duckdb.connect()
    con.execute("create schema raw")
    for name, table in TABLES.items():
        fields = {column.name for column in table.schema}
        rows = [
            {key: value for key, value in row.items() if key in fields}
            for row in tables.get(name, [])
        ]
        con.register("given", pa.Table.from_pylist(rows, schema=table.schema))
        shown = ", ".join(
            f'"{column}"' for column in table.schema.names if not column.startswith("_")
        )
        con.execute(f"create table raw.{name} as select {shown} from given")
        con.unregister("given")
    create_models(con)
    return con


def conversation(name: str, scope: Row, **columns: Any) -> Row:
    """The columns that name a conversation, its scope, and any others."""
    return {"conversation_id": name, "opened_at": at("10:00"), **scope, **columns}


def sample() -> duckdb.DuckDBPyConnection:
    """Four conversations of 2026-01-05 (UTC).

    c1, acme chat: ana answers at once and once late, follows up, closes. c2, acme email: bo answers
    before midnight; nobody's name stands on the close after it. c3, globex chat: a bot, then ana
    an hour late; the bot closes it. c4, globex chat: closed before its deadline, unanswered.
    """
    return history(
        conversations=[
            conversation(
                "c1",
                ACME_CHAT,
                closed_at=at("10:30"),
                closed_by="agent",
                closing_agent="ana",
                assigned_agent="bo",
                handle_elapsed_seconds=1500.0,
            ),
            conversation(
                "c2", ACME_EMAIL, closed_at=at("00:30", "2026-01-06"), assigned_agent="bo"
            ),
            conversation(
                "c3",
                GLOBEX_CHAT,
                closed_at=at("12:30"),
                closed_by="bot",
                assigned_agent="ana",
                handle_elapsed_seconds=1800.0,
            ),
        ],
        messages=[
            conversation("c1", ACME_CHAT, at=at("10:00"), direction="inbound"),
            conversation("c1", ACME_CHAT, at=at("10:04"), direction="outbound", agent="ana"),
            conversation("c1", ACME_CHAT, at=at("10:20"), direction="outbound", agent="ana"),
            conversation("c1", ACME_CHAT, at=at("10:25"), direction="outbound", agent="ana"),
            conversation("c2", ACME_EMAIL, at=at("23:45"), direction="outbound", agent="bo"),
            conversation("c3", GLOBEX_CHAT, at=at("11:01"), direction="outbound", bot="greeter"),
            conversation("c3", GLOBEX_CHAT, at=at("12:00"), direction="outbound", agent="ana"),
        ],
        responses=[
            answer("c1", ACME_CHAT, "first", "10:00", "10:04", "ana", assigned=120.0),
            answer("c1", ACME_CHAT, "next", "10:10", "10:20", "ana"),
            answer("c2", ACME_EMAIL, "first", "23:30", "23:45", "bo", assigned=900.0),
            answer("c3", GLOBEX_CHAT, "first", "11:00", "12:00", "ana"),
        ],
        sla=[
            clock("c1", ACME_CHAT, "first_response", "10:00", "10:05", "10:04", "met", "ana"),
            clock("c1", ACME_CHAT, "next_response", "10:10", "10:15", "10:15", "missed", "ana"),
            clock("c2", ACME_EMAIL, "first_response", "23:30", "23:50", "23:45", "met", "bo"),
            clock("c3", GLOBEX_CHAT, "first_response", "11:00", "11:05", "11:05", "missed"),
            clock("c4", GLOBEX_CHAT, "first_response", "13:00", "13:05", "13:02", "void"),
        ],
        windows=[
            window("10:00", ACME_CHAT, posts=3, replies=1, opened=1, answered=1, met=1, missed=0),
            window("10:00", ACME_EMAIL, posts=2, met=1, missed=5, is_breached=True, waiting=4),
            window("23:30", ACME_EMAIL, posts=4, opened=1, is_breached=False),
        ],
        rejected=[
            refused("2", "bad_json", "10:00", b"=cmd|\x1b[31m\xc3\xbc"),
            refused("3", "bad_json", "11:00", b"\xff{"),
            refused("9", "too_far_ahead", "23:30", "{“\u202e”}".encode()),
        ],
    )


def answer(
    name: str,
    scope: Row,
    kind: str,
    start: str,
    end: str,
    agent: str,
    assigned: float | None = None,
) -> Row:
    """A row of `responses`."""
    return conversation(
        name,
        scope,
        kind=kind,
        wait_started_at=at(start),
        replied_at=at(end),
        agent=agent,
        response_seconds=(at(end) - at(start)).total_seconds(),
        response_assigned_seconds=assigned,
        posts_answered=1,
    )


def clock(
    name: str,
    scope: Row,
    sla: str,
    start: str,
    due: str,
    end: str,
    outcome: str,
    agent: str | None = None,
) -> Row:
    """A row of `sla`, its target the time from start to deadline."""
    return conversation(
        name,
        scope,
        sla=sla,
        started_at=at(start),
        due_at=at(due),
        ended_at=at(end),
        outcome=outcome,
        agent=agent,
        target_seconds=(at(due) - at(start)).total_seconds(),
    )


def window(start: str, scope: Row, day: str = "2026-01-05", **columns: Any) -> Row:
    """A row of `windows`; counts left out are 0."""
    counts = dict.fromkeys(("posts", "replies", "opened", "closed", "answered", "met", "missed"), 0)
    return {"window_start": at(start, day), **scope, **counts, **columns}


def refused(position: str, reason: str, received: str, raw: bytes) -> Row:
    """A row of `rejected`."""
    return {
        "source": "events.jsonl",
        "position": position,
        "reason": reason,
        "received_at": at(received),
        "raw": raw,
    }
