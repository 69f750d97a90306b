"""Writes rows as sealed Parquet files in two phases, so that none is lost, doubled or withdrawn.

`stage` writes a seal where no reader looks; `publish` moves it into the history once the state
that made it is known to be durable. A crash between the two is put right by `resume`: seals up
to the durable one are published, later ones are made again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from replywatch.metrics.rows import ROWS, Row
from replywatch.metrics.times import DAY
from replywatch.sql.history import DATA, HistoryError, write_database
from replywatch.sql.manifest import DataFile, Manifest
from replywatch.sql.schemas import TABLES, Table

STAGING = "staging"
Batch = dict[str, list[Row]]
"""Rows by table."""


def to_arrow(table: Table, rows: Sequence[Row]) -> pa.Table:
    """`rows` as an Arrow table in the schema of `table`."""
    fields = ROWS[table.name].__struct_fields__
    columns = [
        pa.array(list(map(attrgetter(field), rows)), type=kind)
        for field, (_, kind) in zip(fields, table.columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


class HistoryWriter:
    """The one writer of a history folder; `sequence` numbers its seals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest(folder)
        self.staging = folder / STAGING

    def stage(self, sequence: int, batch: Batch) -> None:
        """Write `batch` as seal `sequence`, durably, where no reader looks yet."""
        fresh = self.staging / f"{sequence:010d}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for name in sorted(batch):
            if batch[name]:
                self._stage_table(fresh, TABLES[name], batch[name])
        _sync(fresh)
        fresh.rename(self.staging / f"{sequence:010d}")
        _sync(self.staging)

    @staticmethod
    def _stage_table(folder: Path, table: Table, rows: list[Row]) -> None:
        """One file a day of the table; its name says what it holds: table, date, row count."""
        dated_by = ROWS[table.name].__struct_fields__[
            [name for name, _ in table.columns].index(table.dated_by)
        ]
        days = [at // DAY for at in map(attrgetter(dated_by), rows)]
        data, each_day = to_arrow(table, rows), sorted(set(days))
        for day in each_day:
            part = data if len(each_day) == 1 else data.filter(pc.equal(pa.array(days), day))
            date = datetime.fromtimestamp(day * 86400, UTC).date().isoformat()
            path = folder / f"{table.name}.{date}.{part.num_rows}.parquet"
            with path.open("wb") as file:
                pq.write_table(part, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())

    def publish(self, sequence: int) -> None:
        """Let seal `sequence` count. Doing it twice, or the rest of it after a crash, is the same."""
        staged = self.staging / f"{sequence:010d}"
        if not staged.is_dir():
            return
        files = []
        for path in sorted(staged.iterdir()):
            table, date, rows, _ = path.name.split(".")
            target = Path(DATA) / table / f"date={date}" / f"{sequence:010d}-{rows}.parquet"
            (self.folder / target).parent.mkdir(parents=True, exist_ok=True)
            files.append((path, DataFile(str(target), table, date, sequence, int(rows))))
        # Linked first, counted next, removed last: cut anywhere, it can be done again.
        for path, file in files:
            place = self.folder / file.path
            if not place.exists():
                os.link(path, place)
        for parent in {(self.folder / file.path).parent for _, file in files}:
            _sync(parent)
        self.manifest.add(file for _, file in files)
        write_database(self.folder)
        shutil.rmtree(staged)

    def publish_all(self) -> None:
        """Publish every seal, after the flow that staged them came to a clean end."""
        for staged in sorted(self.staging.iterdir()):
            if staged.name.isdigit():
                self.publish(int(staged.name))

    def resume(self, sequence: int) -> None:
        """Continue after seal `sequence`: publish what is durable, forget what isn't."""
        self.staging.mkdir(parents=True, exist_ok=True)
        for staged in sorted(self.staging.iterdir()):
            if staged.name.isdigit() and int(staged.name) <= sequence:
                self.publish(int(staged.name))
            else:
                shutil.rmtree(staged)
        published = max((file.sequence for file in self.manifest.files()), default=0)
        if published > sequence:
            raise HistoryError(
                f"the history in {self.folder} goes to seal {published}, the recovery state only "
                f"to {sequence}: they do not belong together; nothing was changed"
            )
        write_database(self.folder)


def _sync(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_ENCODER = msgspec.msgpack.Encoder()
_BATCH_TYPE: Any = dict[str, list[Any]]


def pack(batch: Batch) -> bytes:
    """Unsealed rows as bytes for the recovery store."""
    return _ENCODER.encode(batch)


def unpack(data: bytes) -> Batch:
    """The rows of `pack`."""
    raw = msgspec.msgpack.decode(data, type=_BATCH_TYPE)
    return {name: msgspec.convert(rows, list[ROWS[name]]) for name, rows in raw.items()}  # type: ignore[name-defined]
