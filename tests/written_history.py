"""A history written a seal at a time, as the pipeline's writer does, from rows made by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from replywatch.sql.schemas import TABLES
from replywatch.sql.writer import HistoryWriter


def at(day: str, clock: str = "10:00") -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)


def row(table: str, **columns: Any) -> dict[str, Any]:
    """A row of a table: what is not said is null, generation 0, revision 1."""
    filled = {"_generation": 0, "revision": 1, "posts": 1, "replies": 0, "opened": 0, "closed": 0}
    filled |= {"answered": 0, "met": 0, "missed": 0, **columns}
    return {name: filled.get(name) for name, _ in TABLES[table].columns}


class Writer:
    """The pipeline's writer, a seal at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer = HistoryWriter(folder)
        self.writer.manifest.create({})
        self.sequence = 0

    @classmethod
    def again(cls, folder: Path) -> Writer:
        """The writer of a history that was begun before."""
        writer = cls(folder)
        writer.sequence = writer.writer.manifest.published()
        return writer

    def seal(self, day: str, **tables: list[dict[str, Any]]) -> None:
        """Publish a seal of rows, all of one UTC date (restatements of the last of `DAYS`)."""
        self.sequence += 1
        self.writer.stage(
            self.sequence,
            [
                (name, day, pa.Table.from_pylist(rows, schema=TABLES[name].schema))
                for name, rows in tables.items()
            ],
        )
        self.writer.publish(self.sequence)
