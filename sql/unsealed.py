"""Rows that wait for their seal: kept as Arrow as soon as there are enough of a table."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import msgspec
import pyarrow as pa

from replywatch.metrics.rows import Row
from replywatch.sql.schemas import TABLES, Table

CHUNK = 8192
"""Rows of a table that are turned into Arrow together, while they are warm."""


def to_arrow(table: Table, rows: Sequence[Row]) -> pa.RecordBatch:
    """`rows` in the schema of `table`."""
    arrays = [
        pa.array(list(map(itemgetter(place), rows)), type=kind)
        for place, (_, kind) in enumerate(table.columns)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=table.schema)


class _Packed(msgspec.Struct, array_like=True):
    rows: dict[str, list[tuple[Any, ...]]]
    chunks: dict[str, bytes]


class Unsealed:
    """Rows by table, in memory and within a snapshot (`pack`, `unpack`)."""

    def __init__(self) -> None:
        self.count = 0
        self._rows: dict[str, list[Row]] = {}
        self._chunks: dict[str, list[pa.RecordBatch]] = {}

    def add(self, table: str, rows: Sequence[Row]) -> None:
        """Add rows of a table."""
        self.count += len(rows)
        waiting = self._rows.setdefault(table, [])
        waiting.extend(rows)
        if len(waiting) >= CHUNK:
            self._turn(table)

    def _turn(self, table: str) -> None:
        rows = self._rows.pop(table)
        self._chunks.setdefault(table, []).append(to_arrow(TABLES[table], rows))

    def tables(self) -> dict[str, pa.Table]:
        """All rows by table, as Arrow."""
        for table in [table for table, rows in self._rows.items() if rows]:
            self._turn(table)
        return {
            name: pa.Table.from_batches(chunks, TABLES[name].schema)
            for name, chunks in sorted(self._chunks.items())
        }

    def pack(self) -> bytes:
        """The rows as bytes for the recovery store."""
        packed = _Packed({name: list(rows) for name, rows in self._rows.items()}, {})
        for name, chunks in self._chunks.items():
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, TABLES[name].schema) as stream:
                for chunk in chunks:
                    stream.write_batch(chunk)
            packed.chunks[name] = sink.getvalue().to_pybytes()
        return msgspec.msgpack.encode(packed)

    @classmethod
    def unpack(cls, data: bytes) -> Unsealed:
        """The rows of `pack`."""
        packed = msgspec.msgpack.decode(data, type=_Packed)
        unsealed = cls()
        for name, rows in packed.rows.items():
            unsealed._rows[name] = list(rows)
            unsealed.count += len(rows)
        for name, stream in packed.chunks.items():
            with pa.ipc.open_stream(stream) as reader:
                unsealed._chunks[name] = list(reader)
            unsealed.count += sum(map(len, unsealed._chunks[name]))
        return unsealed
