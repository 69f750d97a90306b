"""At any moment of a stream the live state is what a batch over the events so far would say."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from replays import Line
from test_dictionary import EXAMPLES, looked_at, recomputed
from timelines import Event, scenarios

SLAS = ("first_response", "next_response", "resolution")
Standing = dict[tuple[str, ...], tuple[Any, ...]]
NOTHING = (0, 0, 0, None, *[0] * 6)


def live_state(line: Line) -> Standing:
    """Who waits, who is late and who soon will be, by scope; scopes with nothing are left out."""
    found = {
        (board.brand, board.channel, board.queue): (
            board.waiting,
            board.unassigned,
            board.backlog,
            board.oldest_wait_at,
            *(board.overdue.get(sla, 0) for sla in SLAS),
            *(board.at_risk.get(sla, 0) for sla in SLAS),
        )
        for board in line.boards()
    }
    return {scope: state for scope, state in found.items() if state != NOTHING}


def recomputed_state(policies: list[str], timeline: list[Event], until: int) -> Standing:
    """The same of the events so far, at `until` (microseconds)."""
    columns = ", ".join(f"{what}_{sla}" for what in ("overdue", "at_risk") for sla in SLAS)
    with tempfile.TemporaryDirectory() as folder:
        oracle = recomputed(Path(folder), policies, timeline, until)
        rows = oracle.execute(
            f"select brand, channel, queue, waiting, unassigned, backlog, epoch_us(oldest_wait_at),"
            f" {columns} from standing"
        ).fetchall()
        oracle.close()
    return {row[:3]: row[3:] for row in rows if row[3:] != NOTHING}


@looked_at(EXAMPLES // 3)
@given(scenario=scenarios(), data=st.data())
def test_the_live_state_is_that_of_the_events_so_far(
    scenario: tuple[list[str], list[Event], int], data: st.DataObject
) -> None:
    """Waiting, unassigned, backlog, oldest wait, overdue and at risk, in the middle and later."""
    policies, timeline, _ = scenario
    line = Line(policies, shards=2)
    instants = [microseconds(event["at"]) for event in timeline]
    halts = data.draw(st.sets(st.integers(0, len(timeline) - 1), min_size=1, max_size=2))
    for number, event in enumerate(timeline):
        line.feed(event)
        following = instants[number + 1] if number + 1 < len(timeline) else None
        if number not in halts or following == instants[number]:
            continue
        # in the silence before the next event, or far beyond the last
        silence = 200_000_000_000 if following is None else following - instants[number]
        until = instants[number] + data.draw(st.integers(1, silence))
        line.tick(until)
        assert recomputed_state(policies, timeline[: number + 1], until) == live_state(line)


def microseconds(instant: str) -> int:
    """An instant as text, in microseconds since the epoch."""
    return round(datetime.fromisoformat(instant).timestamp() * 1_000_000)
