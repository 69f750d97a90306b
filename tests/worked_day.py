"""A day of work in two queues, by hand, and its exports as text."""

from __future__ import annotations

import csv
import io
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from written_history import Writer, at, row

from replywatch.sql.exports.files import Export, export_days, write_stream
from replywatch.sql.exports.formats import Setting
from replywatch.sql.exports.queues import Queues
from replywatch.sql.history import open_history

BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")
CHAT = {"brand": "acme", "channel": "chat", "queue": "tier1"}
MAIL = {"brand": "acme", "channel": "email", "queue": "=tier2"}

OWN_NAMES = Queues()

Lines = list[dict[str, str]]


def export(
    folder: Path,
    fmt: str,
    first: date,
    last: date,
    zone: ZoneInfo = UTC_ZONE,
    minutes: int = 15,
    queues: Queues = OWN_NAMES,
) -> str:
    """The text of an export from `first` to `last`, both in; of days where `minutes` is 0."""
    asked = Export(folder, fmt, Setting(minutes, zone, queues))
    text = io.StringIO(newline="")
    with closing(open_history(folder)) as con:
        write_stream(con, asked, export_days(con, first, last, asked.setting), text)
    return text.getvalue()


def lines(text: str) -> Lines:
    """The lines of a CSV with a header."""
    return list(csv.DictReader(io.StringIO(text)))


def opened(when: datetime, scope: dict[str, str], count: int = 1, **more: Any) -> dict[str, Any]:
    """A window in which conversations opened."""
    return row("windows", window_start=when, opened=count, posts=count, **scope, **more)


def worked_day(folder: Path) -> Path:
    """Two queues on a day: handled at once and two at a time, abandoned, reopened, expired.

    c1 and c2 are chats answered together by one agent, c1 closed, reopened and closed again; c3 is
    a mail that waits; c4 was abandoned by its customer after 8 s; c5 was never closed and expired.
    """
    writer = Writer(folder)
    day = "2026-06-01"

    def conversation(name: str, clock: str, scope: dict[str, str], **more: Any) -> dict[str, Any]:
        return row(
            "conversations", conversation_id=name, opened_at=at(day, clock), reopen_count=0,
            is_abandoned=False, is_final=False, **scope, **more,
        )  # fmt: skip

    def key(name: str, clock: str) -> dict[str, Any]:
        return {"conversation_id": name, "opened_at": at(day, clock)}

    def answer(name: str, clock: str, **more: Any) -> dict[str, Any]:
        return {**key(name, clock), "wait_started_at": at(day, clock), **CHAT, **more}

    def clock_of(name: str, outcome: str, ended: str, scope: dict[str, str], target: float) -> Any:
        return row(
            "sla", **key(name, "10:00"), sla="first_response", started_at=at(day),
            priority="normal", ended_at=at(day, ended), outcome=outcome, target_seconds=target,
            **scope,
        )  # fmt: skip

    replied = {"replied_at": at(day, "10:10")}
    writer.seal(
        day,
        windows=[
            opened(at(day, "10:00"), CHAT, 2), opened(at(day, "10:05"), MAIL),
            opened(at(day, "10:20"), CHAT), opened(at(day, "11:00"), CHAT),
            opened(at(day, "12:55"), CHAT, 0, replies=1),
        ],
        conversations=[
            conversation(
                "c1", "10:00", CHAT, closed_at=at(day, "11:20"), first_response_seconds=600.0,
                first_response_margin_seconds=-480.0,
            ) | {"reopen_count": 1},
            conversation(
                "c2", "10:00", CHAT, closed_at=at(day, "10:15"), first_response_seconds=600.0,
                first_response_margin_seconds=0.0,
            ),
            conversation("c3", "10:05", MAIL),
            conversation("c4", "10:20", CHAT, closed_at=at(day, "10:20:08"))
            | {"is_abandoned": True},
            conversation("c5", "11:00", CHAT, final_at=at(day, "12:10"))
            | {"is_abandoned": True, "is_final": True},
        ],
        responses=[
            row("responses", **answer("c1", "10:00"), **replied, handling_started_at=at(day)),
            row("responses", **answer("c2", "10:00"), **replied, handling_started_at=at(day)),
        ],
        handling=[
            row("handling", **answer(name, "10:00"), **replied, handle_active_seconds=300.0,
                handle_active_method="estimated")
            for name in ("c1", "c2")
        ],
        actions=[
            row("actions", **key("c1", "10:00"), id=f"a{number}", kind=kind, at=at(day, when))
            for number, (kind, when) in enumerate((("closed", "10:30"), ("closed", "11:20")))
        ],
        messages=[
            row("messages", **key("c1", "10:00"), id=when, at=at(day, when), direction="inbound")
            for when in ("10:00", "11:01", "11:02")
        ],
        sla=[
            clock_of("c1", "missed", "10:02", CHAT, 120.0),
            clock_of("c2", "met", "10:10", CHAT, 120.0),
            clock_of("c3", "void", "10:40", MAIL, 3600.0),
        ],
    )  # fmt: skip
    return writer.folder
