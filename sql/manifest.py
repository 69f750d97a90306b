"""The manifest: which Parquet files are the history, as one SQLite file.

A file counts from the transaction that names it, so that readers see a set of files that belong
together whatever is being written, moved or compacted beside them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFile:
    """One published file: its table, its UTC date, its path below the history's folder."""

    path: str
    table: str
    date: str
    sequence: int  # of the seal that wrote it
    rows: int


_CREATE = (
    """create table if not exists files (
        path text primary key, "table" text not null, date text not null,
        sequence integer not null, rows integer not null
    ) strict""",
    "create table if not exists facts (name text primary key, value text not null) strict",
)


class Manifest:
    """The files and facts of one history folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "manifest.sqlite"

    def exists(self) -> bool:
        """Whether a history was begun here; a crash may leave an empty file behind."""
        if not self.path.exists():
            return False
        with closing(self._read()) as db:
            known = db.execute("select name from sqlite_master where name = 'facts'").fetchone()
        return known is not None

    def create(self, facts: dict[str, str]) -> None:
        """Begin a history; `facts` say what it is made from."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin immediate")
            for statement in _CREATE:
                db.execute(statement)
            db.executemany("insert or replace into facts values (?, ?)", facts.items())
            db.execute("commit")

    def fact(self, name: str) -> str | None:
        """What `create` or `set_fact` said of `name`."""
        with closing(self._read()) as db:
            row = db.execute("select value from facts where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_fact(self, name: str, value: str) -> None:
        """Note one more fact."""
        with closing(sqlite3.connect(self.path)) as db, db:
            db.execute("insert or replace into facts values (?, ?)", (name, value))

    def add(self, files: Iterable[DataFile]) -> None:
        """Let `files` count, all at once; those known already stay as they are."""
        rows = [(f.path, f.table, f.date, f.sequence, f.rows) for f in files]
        with closing(sqlite3.connect(self.path)) as db, db:
            db.executemany("insert or ignore into files values (?, ?, ?, ?, ?)", rows)

    def files(self) -> list[DataFile]:
        """All files that count, in the order of their seals."""
        with closing(self._read()) as db:
            rows = db.execute(
                'select path, "table", date, sequence, rows from files order by sequence, path'
            ).fetchall()
        return [DataFile(*row) for row in rows]

    def _read(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True)
