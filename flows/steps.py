"""Steps of the dataflow: thin adapters between the engine and the rules of `replywatch.metrics`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from zlib import crc32

import msgspec
from bytewax.operators import StatefulBatchLogic

from replywatch.flows.routing import ROSTER, THREADS, route_threaded, shard_key
from replywatch.flows.state_store import LAYOUT, StateStore, StateStores
from replywatch.metrics.board import ScopeBoard
from replywatch.metrics.cells import Partial
from replywatch.metrics.desk import Desk, Fresh
from replywatch.metrics.kept import Keeps, ResumeError
from replywatch.metrics.policy import Scope
from replywatch.metrics.roster import AgentNews, Roster
from replywatch.metrics.rows import Row
from replywatch.metrics.shard import Rows, Shard
from replywatch.metrics.threads import Threads
from replywatch.metrics.watermark import EventBatch

BOARDS_EVERY = 0.5
"""Seconds between two pictures of the live state; they touch no table."""


def desk_key(index: int) -> str:
    """Engine key of a desk."""
    return f"desk-{index:04d}"


class Told(msgspec.Struct, gc=False):
    """What a shard says after a batch: partial aggregates by desk, news of agents, and rows.

    `undone` are rows of SLA clocks as they stood before a restatement.
    """

    partials: list[tuple[str, Partial]]
    news: AgentNews
    rows: list[Rows]
    undone: list[Row]


class Shown(msgspec.Struct, gc=False):
    """What a desk says after a batch: rows of windows, and now and then the live state."""

    desk: int
    as_of: int
    rows: list[Rows]
    boards: list[ScopeBoard] | None
    fresh: Fresh | None


class Staffed(msgspec.Struct, gc=False):
    """What the roster says after a batch: rows, new active times, and agents in each state."""

    rows: list[Rows]
    samples: list[tuple[Scope, float]]
    states: dict[str, int]


class _Checkpoint(msgspec.Struct, array_like=True):
    """What the engine keeps of a step: which checkpoint of its store counts, and its core."""

    layout: int
    name: str
    number: int
    core: bytes


class Keeper:
    """Keeps a step's state in a store of its own, and in the engine's what says where it stands."""

    def __init__(self, of: Keeps, stores: StateStores, state: bytes | None) -> None:
        self._of = of
        self._stores = stores
        self._store: StateStore | None = None
        self._name = ""
        if state is not None:
            found = _decoded(state)
            self._name, self._store = found.name, stores.open(found.name)
            self._store.go_back(found.number)
            of.load(found.core, self._store)

    def snapshot(self, name: str) -> bytes:
        """Save what changed. `name` is the step's own; it may not know it before its first item,
        and after a resume the one that it had counts."""
        if self._store is None:
            self._name, self._store = name, self._stores.open(name)
            self._store.go_back(0)
        changes = self._of.changes(self._store)
        number = self._store.save(changes)
        return msgspec.msgpack.encode(_Checkpoint(LAYOUT, self._name, number, changes.core))


def _decoded(state: bytes) -> _Checkpoint:
    try:
        found = msgspec.msgpack.decode(state, type=_Checkpoint)
    except msgspec.DecodeError:
        found = None
    if found is None or found.layout != LAYOUT:
        raise ResumeError(
            "the recovery state was written by another version of replywatch (not layout "
            f"{LAYOUT}): let that version finish it, or name a new folder"
        )
    return found


class ThreadsLogic(StatefulBatchLogic[EventBatch, tuple[str, EventBatch], bytes]):
    """Names the conversations of events that don't, and sends them on to their shards."""

    def __init__(
        self, threads: Threads, shards: int, stores: StateStores, state: bytes | None
    ) -> None:
        self._threads = threads
        self._shards = shards
        self._keeper = Keeper(threads, stores, state)

    def on_batch(self, values: list[EventBatch]) -> tuple[Iterable[tuple[str, EventBatch]], bool]:
        for batch in values:
            self._threads.receive(batch)
        as_of, is_end, events = self._threads.advance()
        return route_threaded(events, as_of, is_end, self._shards), self.RETAIN

    def snapshot(self) -> bytes:
        return self._keeper.snapshot(THREADS)


class ShardLogic(StatefulBatchLogic[EventBatch, Told, bytes]):
    """Applies events to conversations and splits what follows between the desks."""

    def __init__(self, shard: Shard, desks: int, stores: StateStores, state: bytes | None) -> None:
        self._shard = shard
        self._keeper = Keeper(shard, stores, state)
        self._keys = [desk_key(index) for index in range(desks)]
        self._desk_of: dict[tuple[str, str, str], int] = {}

    def on_batch(self, values: list[EventBatch]) -> tuple[Iterable[Told], bool]:
        for batch in values:
            self._shard.receive(batch)
        partial, news, rows = self._shard.advance()
        undone, self._shard.undone = self._shard.undone, []
        return [Told(self._split(partial), news, rows, undone)], self.RETAIN

    def _split(self, whole: Partial) -> list[tuple[str, Partial]]:
        """One partial a desk, each with the watermark; the first carries the totals."""
        parts = [
            (key, Partial(index, whole.shard, whole.as_of, whole.is_end))
            for index, key in enumerate(self._keys)
        ]
        totals = parts[0][1]
        totals.events, totals.late = whole.events, whole.late
        totals.forgotten = whole.forgotten
        for change in whole.added:
            parts[self._desk(change[0])][1].added.append(change)
        for correction in whole.corrections:
            parts[self._desk(correction[0])][1].corrections.append(correction)
        for count in whole.counted:
            parts[self._desk(count[0])][1].counted.append(count)
        return parts

    def _desk(self, scope: tuple[str, str, str]) -> int:
        desk = self._desk_of.get(scope)
        if desk is None:
            desk = self._desk_of[scope] = crc32("\x00".join(scope).encode()) % len(self._keys)
        return desk

    def snapshot(self) -> bytes:
        return self._keeper.snapshot(shard_key(self._shard.index))


class DeskLogic(StatefulBatchLogic[Partial, Shown, bytes]):
    """Puts windows together and shows the live state of its scopes."""

    def __init__(
        self,
        desk: Desk,
        stores: StateStores,
        state: bytes | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._index = 0
        self._desk = desk
        self._now = now
        self._shown_at = -BOARDS_EVERY
        self._keeper = Keeper(desk, stores, state)

    def on_batch(self, values: list[Partial]) -> tuple[Iterable[Shown], bool]:
        desk = self._desk
        for partial in values:
            self._index = partial.desk
            desk.receive(partial)
        windows = desk.advance()
        boards, fresh, now = None, None, self._now()
        if now - self._shown_at >= BOARDS_EVERY or desk.marks.is_end:
            self._shown_at = now
            boards, fresh = desk.show()
        told = (("windows", windows), ("spikes", desk.take_spikes()))
        rows = [Rows(table, said) for table, said in told if said]
        if not rows and boards is None:
            return [], self.RETAIN
        return [Shown(self._index, desk.watermark, rows, boards, fresh)], self.RETAIN

    def show(self) -> list[ScopeBoard]:
        """The live state of its scopes, asked for now."""
        return self._desk.show()[0]

    def snapshot(self) -> bytes:
        return self._keeper.snapshot(desk_key(self._index))


class RosterLogic(StatefulBatchLogic[AgentNews, Staffed, bytes]):
    """Shares agents' time between their conversations, and keeps their states."""

    def __init__(self, roster: Roster, stores: StateStores, state: bytes | None) -> None:
        self._roster = roster
        self._states: dict[str, int] = {}
        self._keeper = Keeper(roster, stores, state)

    def on_batch(self, values: list[AgentNews]) -> tuple[Iterable[Staffed], bool]:
        roster = self._roster
        for news in values:
            roster.receive(news)
        handling, states = roster.advance()
        refused, roster.refused = roster.refused, []
        samples, roster.samples = roster.samples, []
        tables: tuple[tuple[str, list[Row]], ...] = (
            ("handling", handling),
            ("agent_states", states),
            ("rejected", list[Row](refused)),
        )
        rows = [Rows(table, some) for table, some in tables if some]
        counts = roster.counts()
        if not rows and counts == self._states:
            return [], self.RETAIN
        self._states = counts
        return [Staffed(rows, samples, counts)], self.RETAIN

    def snapshot(self) -> bytes:
        return self._keeper.snapshot(ROSTER)
