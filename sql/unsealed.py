"""Rows that wait for their seal, by table and UTC date, and soon turned into Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import msgspec
import pyarrow as pa

from replywatch.metrics.rows import Row
from replywatch.metrics.times import DAY
from replywatch.sql.schemas import TABLES, Table

CHUNK = 2048
"""Rows that are turned into Arrow together, while the processor still has them at hand."""

Place = tuple[str, int]
"""A table, and days since the epoch."""


def to_arrow(table: Table, rows: Sequence[Row]) -> pa.RecordBatch:
    """`rows` in the schema of `table`."""
    arrays = [
        pa.array(list(map(itemgetter(place), rows)), type=kind)
        for place, (_, kind) in enumerate(table.columns)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=table.schema)


class _Packed(msgspec.Struct, array_like=True):
    rows: list[tuple[Place, list[tuple[Any, ...]]]]
    chunks: list[tuple[Place, bytes]]


def _dating(table: Table) -> Callable[[Row], int]:
    """What dates a row of `table`, in microseconds."""
    names = [name for name, _ in table.columns]
    place = names.index(table.dated_by)
    if not table.or_dated_by:
        return itemgetter(place)
    other = names.index(table.or_dated_by)
    return lambda row: row[other] if row[place] is None else row[place]


_DATED_BY = {table.name: _dating(table) for table in TABLES.values()}


class Unsealed:
    """Rows by table and date, in memory and within a snapshot (`pack`, `unpack`)."""

    def __init__(self) -> None:
        self.count = 0
        self._rows: dict[Place, list[Row]] = {}
        self._chunks: dict[Place, list[pa.RecordBatch]] = {}

    def add(self, table: str, rows: Sequence[Row]) -> None:
        """Add rows of a table."""
        if not rows:
            return
        self.count += len(rows)
        instants = list(map(_DATED_BY[table], rows))
        day = min(instants) // DAY
        if day == max(instants) // DAY:
            self._add((table, day), rows)
            return
        by_day: dict[int, list[Row]] = {}
        for at, row in zip(instants, rows, strict=True):
            by_day.setdefault(at // DAY, []).append(row)
        for day, some in by_day.items():
            self._add((table, day), some)

    def _add(self, place: Place, rows: Sequence[Row]) -> None:
        waiting = self._rows.setdefault(place, [])
        waiting.extend(rows)
        if len(waiting) >= CHUNK:
            self._turn(place)

    def _turn(self, place: Place) -> None:
        rows = self._rows.pop(place)
        self._chunks.setdefault(place, []).append(to_arrow(TABLES[place[0]], rows))

    def tables(self) -> Iterator[tuple[str, str, pa.Table]]:
        """Table, date (YYYY-MM-DD) and rows, as Arrow."""
        for place in list(self._rows):
            self._turn(place)
        for (table, day), chunks in sorted(self._chunks.items(), key=itemgetter(0)):
            date = datetime.fromtimestamp(day * 86400, UTC).date().isoformat()
            yield table, date, pa.Table.from_batches(chunks, TABLES[table].schema)

    def pack(self) -> bytes:
        """The rows as bytes for the recovery store."""
        packed = _Packed([(place, list(rows)) for place, rows in self._rows.items()], [])
        for place, chunks in self._chunks.items():
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, TABLES[place[0]].schema) as stream:
                for chunk in chunks:
                    stream.write_batch(chunk)
            packed.chunks.append((place, sink.getvalue().to_pybytes()))
        return msgspec.msgpack.encode(packed)

    @classmethod
    def unpack(cls, data: bytes) -> Unsealed:
        """The rows of `pack`."""
        packed = msgspec.msgpack.decode(data, type=_Packed)
        unsealed = cls()
        for place, rows in packed.rows:
            unsealed._rows[place] = list(rows)
            unsealed.count += len(rows)
        for place, stream in packed.chunks:
            with pa.ipc.open_stream(stream) as reader:
                unsealed._chunks[place] = list(reader)
            unsealed.count += sum(map(len, unsealed._chunks[place]))
        return unsealed
