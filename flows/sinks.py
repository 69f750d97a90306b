"""Sinks of the dataflow: the history in Parquet, and the metrics of this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from bytewax.outputs import (
    DynamicSink,
    FixedPartitionedSink,
    StatefulSinkPartition,
    StatelessSinkPartition,
)

from replywatch.flows.damage import checked, with_checksum
from replywatch.metrics.shard import Rows
from replywatch.sql.unsealed import Unsealed
from replywatch.sql.writer import HistoryWriter

if TYPE_CHECKING:
    from replywatch.flows.live import LiveMetrics, Sign

HISTORY = "history"
"""Key of all rows: one writer a history."""

SEAL_ROWS = 500_000
"""Rows after which a seal is due whatever its age."""


class _SinkState(msgspec.Struct):
    sequence: int
    unsealed: bytes


class _HistoryPartition(StatefulSinkPartition[Rows, bytes]):
    """Stages a seal at a snapshot and publishes it at the next, when its epoch is durable.

    The engine lets the source leave an epoch only after that epoch is written down, so by the
    next snapshot the previous one's seal can't come undone. Rows between seals ride in the
    snapshot itself.
    """

    def __init__(self, sink: HistorySink, state: bytes | None) -> None:
        self._writer = sink.writer
        self._seal_every = sink.seal_every
        self._now = sink.now
        self._published = sink.on_published
        self._epoch_closed = sink.on_epoch
        self._rows = Unsealed()
        self._is_ending = False
        self._sealed_at = self._now()
        self._sequence = 0
        self._staged: int | None = None
        if state is not None:
            resumed = msgspec.msgpack.decode(checked(state, HISTORY), type=_SinkState)
            self._sequence = resumed.sequence
            self._rows = Unsealed.unpack(resumed.unsealed)
        self._writer.resume(self._sequence)

    def write_batch(self, values: list[Rows]) -> None:
        for value in values:
            self._rows.add(value.table, value.rows)
            self._is_ending = self._is_ending or value.is_last

    def snapshot(self) -> bytes:
        self._epoch_closed()
        if self._staged is not None:
            self._writer.publish(self._staged)
            self._published()
            self._staged = None
        age = self._now() - self._sealed_at
        count = self._rows.count
        is_due = self._is_ending or age >= self._seal_every or count >= SEAL_ROWS
        if count and is_due:
            self._sequence += 1
            self._writer.stage(self._sequence, self._rows.tables())
            self._staged = self._sequence
            self._rows, self._sealed_at = Unsealed(), self._now()
        elif not count:
            self._published()  # all there is can be read
        state = _SinkState(self._sequence, self._rows.pack())
        return with_checksum(msgspec.msgpack.encode(state))


class HistorySink(FixedPartitionedSink[Rows, bytes]):
    """The history folder; delivery: each row exactly once, at any crash.

    A seal is due after `seal_every` seconds of `now`, after `SEAL_ROWS`, or when the source ends.
    `on_epoch` hears of each epoch that closes, with rows or without.
    """

    def __init__(
        self,
        writer: HistoryWriter,
        seal_every: float,
        on_published: Callable[[], None],
        now: Callable[[], float] = time.monotonic,
        is_here: bool = True,
        on_epoch: Callable[[], None] = lambda: None,
    ) -> None:
        self.writer = writer
        self.seal_every = seal_every
        self.on_published = on_published
        self.now = now
        self.is_here = is_here
        self.on_epoch = on_epoch

    def list_parts(self) -> list[str]:
        """One writer, in the one process whose sink `is_here`."""
        return [HISTORY] if self.is_here else []

    def build_part(
        self, step_id: str, for_part: str, resume_state: bytes | None
    ) -> StatefulSinkPartition[Rows, bytes]:
        """The writer, with what is durable published and the rest forgotten."""
        return _HistoryPartition(self, resume_state)


class _MetricsPartition(StatelessSinkPartition["Sign"]):
    def __init__(self, live: LiveMetrics) -> None:
        self._live = live

    def write_batch(self, items: list[Sign]) -> None:
        self._live.take(items)


class MetricsSink(DynamicSink["Sign"]):
    """The metrics of this process; delivery: since the process started, as Prometheus expects."""

    def __init__(self, live: LiveMetrics) -> None:
        self._live = live

    def build(
        self, step_id: str, worker_index: int, worker_count: int
    ) -> StatelessSinkPartition[Sign]:
        """A view of the process's one set of metrics."""
        return _MetricsPartition(self._live)
