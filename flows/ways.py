"""Which way an item goes: the small functions between the steps of the dataflow."""

from __future__ import annotations

from typing import TypeVar

from replywatch.flows.routing import REFUSED, ROSTER, THREADS, Item
from replywatch.flows.sinks import HISTORY
from replywatch.flows.steps import Shown, Staffed, Told
from replywatch.metrics.cells import Partial
from replywatch.metrics.roster import AgentNews
from replywatch.metrics.shard import Rows
from replywatch.metrics.watermark import EventBatch

X = TypeVar("X")


def to_shards(item: Item) -> tuple[str, EventBatch] | None:
    """Batches whose conversations are named."""
    key, value = item
    return (key, value) if isinstance(value, EventBatch) and key != THREADS else None


def to_threads(item: Item) -> tuple[str, EventBatch] | None:
    """Messages whose conversation has to be found by threading."""
    key, value = item
    return (key, value) if isinstance(value, EventBatch) and key == THREADS else None


def to_refused(item: Item) -> tuple[str, Rows] | None:
    """Rows that were no events."""
    key, value = item
    return (key, value) if isinstance(value, Rows) and key == REFUSED else None


def without_key(item: tuple[str, X]) -> X:
    """The value of a keyed item."""
    return item[1]


def partials_of(item: tuple[str, Told]) -> list[tuple[str, Partial]]:
    """What a shard says to each desk, keyed by desk."""
    return item[1].partials


def news_of(item: tuple[str, Told]) -> tuple[str, AgentNews]:
    """What a shard says of agents."""
    return ROSTER, item[1].news


def rows_of(item: tuple[str, Told | Shown | Staffed | Rows]) -> list[tuple[str, Rows]]:
    """Rows for the history, keyed for its one writer."""
    said = item[1]
    if isinstance(said, Rows):
        return [(HISTORY, said)]
    return [(HISTORY, rows) for rows in said.rows]
