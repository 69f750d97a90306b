"""Whoever goes on from checkpoints says what it would have said anyway, at every single step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from replays import Line
from test_clocks import HEAD

from replywatch.metrics.times import MINUTE

BEGAN = datetime(2026, 3, 2, 8, tzinfo=UTC)
POLICY = (
    HEAD.replace("[schedules", 'reopen_window = "2h"\nexpire_after = "6h"\n[schedules')
    + """
    [[rules]]
    name = "vip"
    match = { queue = ["vip"] }
    schedule = "day"
    pause_on = ["hold"]
    targets = { first_response = 300, next_response = 300, resolution = 7200 }
    objective = { ratio = 0.9, window = "5m", min_outcomes = 1 }
    [[rules]]
    name = "all"
    pause_on = { resolution = ["closed", "hold"] }
    targets = { first_response = 900, next_response = 900, resolution = 10800 }
"""
)
KINDS: list[tuple[str, dict[str, Any]]] = [
    *[("post", {"sentiment": -0.5, "customer": "jo"})] * 8,
    *[("reply", {"agent": "ann"})] * 5,
    ("reply", {"bot": "rob"}),
    ("note", {"agent": "bob"}),
    ("assigned", {"agent": "bob"}),
    ("unassigned", {}),
    ("transferred", {"queue": "vip"}),
    ("transferred", {"queue": "all"}),
    ("paused", {"reason": "hold"}),
    ("resumed", {}),
    ("focused", {"agent": "ann"}),
    ("unfocused", {"agent": "ann"}),
    ("tagged", {"tags": ["late"], "priority": "high"}),
    *[("closed", {"agent": "ann"})] * 2,
    ("reopened", {}),
    ("survey_sent", {"survey": "csat"}),
    ("survey_answered", {"survey": "csat", "score": 4}),
    ("agent_state", {"agent": "ann", "state": "available"}),
]


def some_days(rng: Random, count: int) -> list[dict[str, Any]]:
    """Events of nine conversations in their order of arrival; every tenth comes late or twice."""
    found: list[dict[str, Any]] = []
    at = BEGAN
    for number in range(count):
        at += timedelta(seconds=rng.choice([1, 20, 90, 400, 400, 3000]))
        kind, fields = rng.choice(KINDS)
        late = timedelta(seconds=rng.choice([300, 4000, 40_000]) * (rng.random() < 0.1))
        event = {"id": f"e{number}", "at": (at - late).isoformat(), "kind": kind, **fields}
        found.append({**event, "conversation": f"c{rng.randrange(9)}", "channel": "chat"})
        if rng.random() < 0.1:
            found.append(rng.choice(found[-20:]))
    return found


def said(line: Line) -> dict[str, list[str]]:
    """The rows since this was last asked for."""
    rows, line.rows = line.rows, {}
    return {table: sorted(map(repr, some)) for table, some in rows.items()}


@pytest.mark.parametrize("seed", range(3))
def test_a_checkpoint_after_every_batch_changes_nothing(seed: int) -> None:
    """Neither rows nor live state, though all but one conversation rest in the meantime."""
    rng = Random(seed)
    whole, cut = (
        Line(POLICY, lateness=60, shards=2, rows_every=10 * MINUTE, most_awake=most)
        for most in (10_000, 1)
    )
    events = some_days(rng, 200)
    while events:
        size = rng.randint(1, 4)
        batch, events = events[:size], events[size:]
        for line in (whole, cut):
            line.feed(*batch)
        assert said(whole) == said(cut.cut())
        assert whole.boards() == cut.boards()
    assert said(whole.end()) == said(cut.end())
