"""A long conversation isn't told anew for each late event, and says the same in the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from digest import told_columns
from replays import Line, policy_text

from replywatch.sql.schemas import TABLES

BEGAN = datetime(2026, 3, 3, 8, tzinfo=UTC)
BATCHES, EACH = 40, 100


def event(name: str, seconds: float, kind: str, **fields: Any) -> dict[str, Any]:
    """An event of the one conversation."""
    at = (BEGAN + timedelta(seconds=seconds)).isoformat()
    return {"id": name, "at": at, "kind": kind, "conversation": "hot", **fields}


def batch(number: int, is_late: bool) -> list[dict[str, Any]]:
    """Posts and replies of five seconds; and a reply and a note, of their time or of half a minute
    before."""
    start = number * 5.0
    talk = [
        event(f"p{number}-{n}", start + n / 25, "reply", agent="ann")
        if n % 5 == 4
        else event(f"p{number}-{n}", start + n / 25, "post")
        for n in range(EACH)
    ]
    late = [
        event(f"n{number}", start - 30, "note", agent="bob"),
        event(f"r{number}", start - 31, "reply", agent="bob"),
    ]
    return talk + late if is_late else talk


def tables(line: Line, folder: Path) -> dict[str, list[Any]]:
    """All shown rows but those that say how often something was told."""
    con = line.history(folder)
    shown = {
        name: sorted(
            map(repr, con.execute(f"select {', '.join(_quoted(table))} from {name}").fetchall())
        )
        for name, table in TABLES.items()
        if name != "restatements"
    }
    con.close()
    return shown


def _quoted(table: Any) -> list[str]:
    hidden = frozenset({"revision", "is_late"})
    return [f'"{column}"::varchar' for column in told_columns(table, hidden)]


def test_late_events_of_a_long_conversation_wait_for_each_other(tmp_path: Path) -> None:
    """Forty batches with late events are told a few times, and as if nothing had been late.

    A crash in between changes that no more than it must.
    """
    in_order, late, cut = (Line(policy_text(), lateness=1) for _ in range(3))
    for number in range(BATCHES):
        late.feed(*batch(number, is_late=number >= 10))
        cut.feed(*batch(number, is_late=number >= 10))
        if number == 25:
            cut.cut()
    everything = [one for number in range(BATCHES) for one in batch(number, number >= 10)]
    in_order.feed(*sorted(everything, key=lambda one: str(one["at"])))
    until = round(BEGAN.timestamp() + 3600) * 1_000_000
    wanted = tables(in_order.end(until), tmp_path / "in_order")
    assert BATCHES - 10 == len([name for name in wanted["actions"] if "note" in name])
    assert wanted == tables(late.end(until), tmp_path / "late")
    assert wanted == tables(cut.end(until), tmp_path / "cut")
    assert len(late.rows["restatements"]) < 12


def test_a_late_event_waits_no_longer_than_a_quarter_of_an_hour(tmp_path: Path) -> None:
    """Of event time, if no batch comes sooner."""
    line = Line(policy_text(), lateness=1)
    for number in range(BATCHES):
        line.feed(*batch(number, is_late=False))
    line.feed(*batch(BATCHES, is_late=True))
    line.feed(*batch(BATCHES + 1, is_late=True))
    assert 1 == len(line.rows["restatements"])
    line.feed(event("far", 5 * BATCHES + 800, "post"))
    assert 1 == len(line.rows["restatements"])
    line.feed(event("further", 5 * BATCHES + 905, "post"))
    assert 2 == len(line.rows["restatements"])
