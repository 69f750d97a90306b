"""Rows of the rules against the columns of their tables: as many values, each of its type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from oracle.cases import microseconds, timeline
from replays import Line, policy_text

from replywatch.metrics.events import KINDS
from replywatch.metrics.rows import Row
from replywatch.sample_data import sample_events
from replywatch.sql.schemas import TABLES
from replywatch.sql.unsealed import Unsealed

RICH = timeline(
    "09:58 assigned agent=ann",
    "10:00 post customer=jo queue=tier1 channel=x sentiment=-0.5",
    "10:00 reply bot=rob", "10:01 post seq=1", "10:01 handed_off seq=2 bot=rob",
    "10:02 focused agent=ann", "10:03 note agent=ann", "10:04 tagged topic=parcel priority=high",
    "10:05 reply agent=ann visibility=private", "10:06 unfocused agent=ann",
    "10:07 paused reason=hold", "10:08 resumed", "10:09 unassigned",
    "10:10 transferred queue=tier2 agent=bob", "10:11 post", "10:12 reply agent=bob",
    "10:13 closed agent=bob resolution=solved", "10:14 reopened", "10:15 reply agent=bob",
    "10:16 closed agent=bob", "10:17 survey_sent survey=csat",
    "10:18 survey_answered survey=csat score=5", "10:19 survey_answered survey=nps score=9",
)  # fmt: skip
for event in RICH:
    event |= {name: float(event[name]) for name in ("score", "sentiment") if name in event}
STATES = timeline(
    "10:00 agent_state agent=ann state=busy",
    "10:20 agent_state agent=ann state=away",
    conversation=None,
)


@pytest.fixture(scope="module")
def written() -> dict[str, list[Row]]:
    """What the flow's steps write of a rich timeline with a bad line and a late event, and of the
    sample, which has a spike."""
    line, sample = Line(policy_text(), lateness=60), Line(policy_text(), lateness=60)
    line.feed(*STATES, *RICH, b"no event\n").tick(microseconds("12:00"))
    line.feed({**timeline("10:02 post")[0], "id": "late"}).end()
    for events in batched(sample_events(1), 500):
        sample.feed(*events)
    sample.end()
    return {table: [*line.rows.get(table, []), *sample.rows.get(table, [])] for table in TABLES}


def batched(events: Sequence[dict[str, Any]], size: int) -> list[Sequence[dict[str, Any]]]:
    """The events in portions."""
    return [events[start : start + size] for start in range(0, len(events), size)]


def test_every_kind_of_event_is_in_it() -> None:
    """So that no row function is left out."""
    assert set(KINDS) == {event["kind"] for event in [*RICH, *STATES]}


@pytest.mark.parametrize("table", TABLES)
def test_each_row_has_the_columns_of_its_table(table: str, written: dict[str, list[Row]]) -> None:
    """As many values as columns, whatever function made the row."""
    columns = [name for name, _ in TABLES[table].columns]
    found = written.get(table, [])
    assert found
    assert {len(columns)} == {len(row) for row in found}


def test_each_value_is_of_the_type_of_its_column(written: dict[str, list[Row]]) -> None:
    """Arrow takes them all, without a cast that loses anything, and keys are never null."""
    unsealed = Unsealed()
    for table, found in written.items():
        unsealed.add(table, found)
        names = [name for name, _ in TABLES[table].columns]
        for key in TABLES[table].key:
            if (table, key) not in (("actions", "opened_at"), ("sla", "ended_at")):
                assert None not in {row[names.index(key)] for row in found}
    assert set(TABLES) == {table for table, *_ in unsealed.tables()}


def test_a_history_can_be_made_of_them(tmp_path: Path) -> None:
    """Every view opens and shows each of its columns."""
    line = Line(policy_text())
    con = line.feed(*RICH, *STATES).end().history(tmp_path)
    for table in TABLES:
        shown = {name for name, *_ in con.execute(f"describe {table}").fetchall()}
        hidden = {name for name, _ in TABLES[table].columns if name.startswith("_")}
        assert {name for name, _ in TABLES[table].columns} - hidden <= shown
