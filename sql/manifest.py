"""The manifest: which Parquet files are the history, as one SQLite file.

A file counts from the transaction that names it, so that readers see a set of files that belong
together whatever is being written, moved or compacted beside them. A file that was replaced is
`retired`: it no longer counts, but stays for readers that opened the history before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

PUBLISHED = "published"
"""The fact that names the latest seal published; a seal counts once, whatever became of it."""

POLICY = "policy"
"""The fact that holds the policy a history was last written under."""

ERASED = "erased"
"""The fact that is there once rows of a customer were removed: when they first were."""

BUSY_SECONDS = 60.0
"""How long one process waits for another's transaction."""


class ManifestError(RuntimeError):
    """The files are no longer what a change took them for; nothing was changed."""


@dataclass(frozen=True)
class DataFile:
    """One published file: its table, its UTC date, its path below the history's folder.

    Restatements of seals up to `applied` void nothing in it any more. In a file that
    `is_compacted` each key stands once. `checksum` is the CRC-32 of its bytes.
    """

    path: str
    table: str
    date: str
    sequence: int  # of the latest seal whose rows it holds
    rows: int
    applied: int
    is_compacted: bool = False
    reaches_back_to: str | None = None  # of restatements: the earliest date of what they void
    checksum: int | None = None

    @classmethod
    def sealed(
        cls,
        path: str,
        table: str,
        date: str,
        sequence: int,
        rows: int,
        reaches_back_to: str | None = None,
        checksum: int | None = None,
    ) -> DataFile:
        """A file as a seal wrote it: what came before it can't void it, only its own seal can."""
        applied = sequence - 1
        return cls(path, table, date, sequence, rows, applied, False, reaches_back_to, checksum)


_COLUMNS = 'path, "table", date, sequence, rows, applied, is_compacted, reaches_back_to, checksum'

_CREATE = (
    """create table if not exists files (
        path text primary key, "table" text not null, date text not null,
        sequence integer not null, rows integer not null, applied integer not null,
        is_compacted integer not null, reaches_back_to text, checksum integer
    ) strict""",
    "create table if not exists retired (path text primary key, at real not null) strict",
    "create table if not exists facts (name text primary key, value text not null) strict",
    """create table if not exists notes (
        kind text not null, name text not null, value text not null, primary key (kind, name)
    ) strict""",
)


class Manifest:
    """The files, facts and notes of one history folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "manifest.sqlite"

    def exists(self) -> bool:
        """Whether a history was begun here; a crash may leave an empty file behind."""
        if not self.path.exists():
            return False
        with self._read() as db:
            known = db.execute("select name from sqlite_master where name = 'facts'").fetchone()
        return known is not None

    def create(self, facts: dict[str, str]) -> None:
        """Begin a history; `facts` say what it is made from."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._change() as db:
            for statement in _CREATE:
                db.execute(statement)
            db.executemany("insert or replace into facts values (?, ?)", facts.items())

    def fact(self, name: str) -> str | None:
        """What `create` or `set_fact` said of `name`."""
        with self._read() as db:
            row = db.execute("select value from facts where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_fact(self, name: str, value: str) -> None:
        """Note one more fact."""
        with self._change() as db:
            db.execute("insert or replace into facts values (?, ?)", (name, value))

    def published(self) -> int:
        """The latest seal that counts; 0 before the first."""
        return int(self.fact(PUBLISHED) or 0)

    def publish(self, sequence: int, files: Iterable[DataFile]) -> None:
        """Let the `files` of a seal count, all at once; a seal published before changes nothing."""
        with self._change() as db:
            row = db.execute("select value from facts where name = ?", (PUBLISHED,)).fetchone()
            if row is None or int(row[0]) < sequence:
                _insert(db, files)
                db.execute("insert or replace into facts values (?, ?)", (PUBLISHED, str(sequence)))

    def files(self) -> list[DataFile]:
        """All files that count, in the order of their seals."""
        return self.picture()[1]

    def picture(self) -> tuple[int, list[DataFile]]:
        """The latest seal and the files that count, as of one moment."""
        with self._read() as db:
            db.execute("begin")
            rows = db.execute(f"select {_COLUMNS} from files order by sequence, path").fetchall()
            row = db.execute("select value from facts where name = ?", (PUBLISHED,)).fetchone()
        files = [
            DataFile(path, table, date, seal, count, applied, bool(is_compacted), back_to, found)
            for path, table, date, seal, count, applied, is_compacted, back_to, found in rows
        ]
        return 0 if row is None else int(row[0]), files

    def replace(self, old: Iterable[DataFile], new: Iterable[DataFile], at: float) -> None:
        """Let `new` count in the place of `old`, all at once; `old` are retired `at` (Unix time).

        Raises `ManifestError` where one of `old` doesn't count any more.
        """
        gone = [(file.path,) for file in old]
        with self._change() as db:
            removed = db.executemany("delete from files where path = ?", gone).rowcount
            if removed != len(gone):
                raise ManifestError(f"{len(gone) - removed} files were replaced by somebody else")
            db.executemany("insert into retired values (?, ?)", ((path, at) for (path,) in gone))
            _insert(db, new)

    def retired(self, until: float) -> list[str]:
        """Paths retired at or before `until` (Unix time)."""
        with self._read() as db:
            rows = db.execute("select path from retired where at <= ? order by at, path", (until,))
            return [str(row[0]) for row in rows]

    def forget_retired(self, paths: Iterable[str]) -> None:
        """The files at `paths` are gone."""
        with self._change() as db:
            db.executemany("delete from retired where path = ?", ((path,) for path in paths))

    def notes(self, kind: str) -> dict[str, str]:
        """Everything noted of a kind, by name."""
        with self._read() as db:
            rows = db.execute("select name, value from notes where kind = ? order by name", (kind,))
            return {str(name): str(value) for name, value in rows}

    def set_note(self, kind: str, name: str, value: str | None) -> None:
        """Note `value` (what it is, is its kind's business), or forget it where it is `None`."""
        with self._change() as db:
            if value is None:
                db.execute("delete from notes where kind = ? and name = ?", (kind, name))
            else:
                db.execute("insert or replace into notes values (?, ?, ?)", (kind, name, value))

    def replace_note(
        self, kind: str, name: str, value: str | None, retired: Iterable[str], at: float
    ) -> None:
        """Note `value`, or forget it where it is `None`, and retire the files that it named."""
        with self._change() as db:
            db.execute("delete from notes where kind = ? and name = ?", (kind, name))
            if value is not None:
                db.execute("insert into notes values (?, ?, ?)", (kind, name, value))
            db.executemany("insert into retired values (?, ?)", ((path, at) for path in retired))

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with closing(self._open("ro")) as db:
            try:
                db.execute("select count(*) from sqlite_master").fetchone()
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_READONLY"):
                    raise
                self._roll_back()
            yield db

    def _open(self, mode: str) -> sqlite3.Connection:
        uri = f"{self.path.resolve().as_uri()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)

    def _roll_back(self) -> None:
        """Undo what a writer was killed in the middle of; who only reads is not allowed to."""
        with closing(self._open("rw")) as db:
            db.execute("select count(*) from sqlite_master").fetchone()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone from its start on."""
        with closing(sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_SECONDS)) as db:
            db.execute("begin immediate")
            yield db
            db.execute("commit")


def _insert(db: sqlite3.Connection, files: Iterable[DataFile]) -> None:
    rows = [
        (
            *(f.path, f.table, f.date, f.sequence, f.rows, f.applied, f.is_compacted),
            *(f.reaches_back_to, f.checksum),
        )
        for f in files
    ]
    db.executemany("insert into files values (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
