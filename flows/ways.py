"""Which way an item goes: the predicates and small maps between the steps of the dataflow."""

from __future__ import annotations

from typing import TypeVar

from replywatch.flows.routing import REFUSED, THREADS, Item
from replywatch.flows.sinks import HISTORY
from replywatch.flows.steps import Shown, Told
from replywatch.metrics.cells import Partial
from replywatch.metrics.shard import Rows

X = TypeVar("X")


def is_refused(item: Item) -> bool:
    """Rows that were no events."""
    return item[0] == REFUSED


def is_unnamed(item: Item) -> bool:
    """Messages whose conversation has to be found by threading."""
    return item[0] == THREADS


def is_named(item: Item) -> bool:
    """Batches for the shards."""
    return item[0] not in (REFUSED, THREADS)


def without_key(item: tuple[str, X]) -> X:
    """The value of a keyed item."""
    return item[1]


def partials_of(item: tuple[str, Told]) -> list[tuple[str, Partial]]:
    """What a shard says to each desk, keyed by desk."""
    return item[1].partials


def rows_of(item: tuple[str, Told | Shown | Rows]) -> list[tuple[str, Rows]]:
    """Rows for the history, keyed for its one writer."""
    said = item[1]
    if isinstance(said, Rows):
        return [(HISTORY, said)]
    return [(HISTORY, rows) for rows in said.rows]
