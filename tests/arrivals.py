"""Ways in which the events of a timeline reach the steps of the dataflow."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from replays import Line

from replywatch.metrics.times import SECOND


def arrive(line: Line, timeline: Sequence[Mapping[str, Any]], chance: random.Random) -> None:
    """Feed it in batches, delayed within the lateness, some events twice, with cuts between."""
    most = line.lateness / SECOND - 1
    twice = [event for event in timeline if chance.random() < 0.2]
    feed_in_batches(
        line,
        sorted([*timeline, *twice], key=lambda e: _seconds(e) + chance.uniform(0, most)),
        chance,
    )


def feed_in_batches(line: Line, events: Sequence[Mapping[str, Any]], chance: random.Random) -> None:
    """Feed events as they stand, some at a time, with cuts between."""
    left = list(events)
    while left:
        size = chance.randint(1, len(left))
        line.feed(*left[:size])
        del left[:size]
        if chance.random() < 0.3:
            line.cut()


def _seconds(event: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(str(event["at"])).timestamp()
