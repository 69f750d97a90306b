"""Where steps keep their state: one SQLite file a step, with every piece as it was at a checkpoint.

The engine's own store holds, of each step, only which checkpoint of its file counts. A checkpoint
adds a version of each piece that changed, in one transaction that is durable before the engine
hears of it. Those it supersedes stay for `SPARE` more checkpoints: a source leaves an epoch only
after the one before is durable, so that no resume goes back further than that (the sink of the
history rests on the same). What was added after the checkpoint of a resume is taken out again.

SQLite doesn't notice a changed byte, so each row carries a checksum, and each checkpoint the sum of
the ids of its pieces.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from zlib import crc32

from replywatch.metrics.kept import Changes, Kept, ResumeError
from replywatch.sql.checksums import look_into

LAYOUT = 5
"""Of the files and of what lies in them; another one is refused."""

SPARE = 2
"""Checkpoints before the last one from which a resume is possible."""

RECOVERY = "recovery"
"""The folder in a history that holds them, beside the engine's own files."""

SUFFIX = ".state"
_GONE = -1  # the mark of a piece that is no longer there

_OPEN = f"""
pragma journal_mode = wal;
pragma synchronous = full;
pragma journal_size_limit = {16 * 1024 * 1024};
"""
_CREATE = """
create table heads (
    id integer primary key, part integer not null, key text not null, at integer not null,
    mark integer not null, crc integer not null
) strict;
create table data (id integer primary key, crc integer not null, data blob not null) strict;
create table checkpoints (
    number integer primary key, last_id integer not null, sum_of_ids integer not null
) strict;
"""


class StateStore(Kept):
    """The pieces of one step; without a path they lie in memory, which no crash survives."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.number = 0  # of the last checkpoint
        self._ids: dict[int, dict[str, int]] = {}  # by part and key
        self._last_id = self._sum = 0
        self._superseded: deque[list[int]] = deque([[]], SPARE)
        with self._named():
            is_new = path is None or not path.exists()
            # The engine may build a step in one thread and let it go in another.
            self._db = sqlite3.connect(
                path or ":memory:", isolation_level=None, check_same_thread=False
            )
            self._db.executescript(_OPEN)
            if is_new or not self._one("select count(*) from sqlite_master"):
                self._db.executescript(f"begin; {_CREATE} pragma user_version = {LAYOUT}; commit")
            elif (layout := self._one("pragma user_version")) != LAYOUT:
                raise ResumeError(f"{path} has layout {layout}, not {LAYOUT}; name a new folder")

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Let an error of SQLite say which file it is about."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StateError(f"{self.path}: {error}; {_TRY_AGAIN}") from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, how: str) -> ResumeError:
        return ResumeError(
            f"{self.path} is damaged ({how}): the recovery state can't be continued from; put "
            "back a copy of the whole folder, or begin a new one"
        )

    def _one(self, query: str) -> int:
        return int(self._db.execute(query).fetchone()[0])

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    # -- checkpoints --------------------------------------------------------------------------

    def go_back(self, number: int) -> None:
        """Go back to a checkpoint; 0 is before the first."""
        with self._named():
            found = self._db.execute(
                "select last_id, sum_of_ids from checkpoints where number = ?", [number]
            ).fetchone()
            if number == 0 and self._one("select count(*) from checkpoints") <= SPARE:
                found = 0, 0  # there is none of which the engine must have heard
            if found is None:
                raise ResumeError(
                    f"{self.path} has no checkpoint {number}, which the engine's recovery state "
                    "names: they do not belong together; put back a copy of the whole folder, or "
                    "begin a new one"
                )
            self._last_id, sum_of_ids = found
            self.number = number
            self._db.execute("begin immediate")
            self._db.execute("delete from heads where id > ?", [self._last_id])
            self._db.execute("delete from data where id > ?", [self._last_id])
            self._db.execute("delete from checkpoints where number > ?", [number])
            self._db.execute("commit")
            self._ids, self._sum = {}, 0
            superseded: list[int] = []
            rows = self._db.execute("select id, part, key, at, mark, crc from heads order by id")
            for row in rows:
                if _crc(*row[:5]) != row[5]:
                    raise self._damaged(f"row {row[0]}")
                self._note(row[0], row[1], row[2], row[4], superseded)
            self._superseded = deque([superseded], SPARE)
        if self._sum != sum_of_ids:
            raise self._damaged("rows are missing")

    def _note(self, id: int, part: int, key: str, mark: int, superseded: list[int]) -> None:
        """A row is the latest version of its piece."""
        ids = self._ids.setdefault(part, {})
        before = ids.pop(key, None)
        if before is not None:
            superseded.append(before)
            self._sum -= before
        if mark == _GONE:
            superseded.append(id)
        else:
            ids[key] = id
            self._sum += id

    def save(self, changes: Changes) -> int:
        """Make changes durable as a checkpoint; its number. Without changes it is the last one."""
        if not changes.pieces and not changes.gone:
            return self.number
        heads: list[tuple[int, int, str, int, int, int]] = []
        data: list[tuple[int, int, bytes]] = []
        superseded: list[int] = []
        id = self._last_id
        for part, key in changes.gone:
            if key in self._ids.get(part, ()):
                id += 1
                head = (id, part, key, 0, _GONE)
                heads.append((*head, _crc(*head)))
                self._note(id, part, key, _GONE, superseded)
        for piece in changes.pieces:
            id += 1
            head = (id, piece.part, piece.key, piece.at, piece.mark)
            heads.append((*head, _crc(*head)))
            data.append((id, crc32(piece.data, id), piece.data))
            self._note(id, piece.part, piece.key, piece.mark, superseded)
        self._last_id, self.number = id, self.number + 1
        is_full = len(self._superseded) == SPARE
        old = [(one,) for one in self._superseded[0]] if is_full else []
        self._superseded.append(superseded)
        with self._named():
            execute, many = self._db.execute, self._db.executemany
            execute("begin immediate")
            many("delete from heads where id = ?", old)
            many("delete from data where id = ?", old)
            many("insert into heads values (?, ?, ?, ?, ?, ?)", heads)
            many("insert into data values (?, ?, ?)", data)
            execute("insert into checkpoints values (?, ?, ?)", (self.number, id, self._sum))
            execute("delete from checkpoints where number < ?", [self.number - SPARE])
            execute("commit")
        return self.number

    # -- what is kept -------------------------------------------------------------------------

    def heads(self, part: int) -> Iterator[tuple[str, int, int]]:
        """Key, `at` and `mark` of a part's pieces."""
        ids = self._ids.get(part, {})
        query = "select id, key, at, mark from heads where part = ? order by id"
        with self._named():
            for id, key, at, mark in self._db.execute(query, [part]):
                if ids.get(key) == id:
                    yield key, at, mark

    def fetch(self, part: int, key: str) -> bytes:
        """The data of one piece."""
        id = self._ids[part][key]
        with self._named():
            row = self._db.execute("select crc, data from data where id = ?", [id]).fetchone()
        if row is None or crc32(row[1], id) != row[0]:
            raise self._damaged(f"piece {key!r}")
        return bytes(row[1])

    def contents(self, part: int) -> Iterator[tuple[str, int, bytes]]:
        """Key, `at` and data of a part's pieces."""
        for key, at, _ in self.heads(part):
            yield key, at, self.fetch(part, key)


def rows_fault(path: Path) -> str | None:
    """What is wrong with the rows of a file, which may be in use; `None` where nothing is."""
    try:
        with closing(look_into(path)) as db:
            db.execute("begin")  # both tables as they are at one moment
            for *head, crc in db.execute("select id, part, key, at, mark, crc from heads"):
                if _crc(*head) != crc:
                    return f"{path} is damaged: row {head[0]}"
            for id, crc, data in db.execute("select id, crc, data from data"):
                if crc32(data, id) != crc:
                    return f"{path} is damaged: the data of row {id}"
            lost = db.execute(
                "select id from heads where mark <> ? and id not in (select id from data)", [_GONE]
            ).fetchone()
    except sqlite3.DatabaseError as error:
        return f"{path} is damaged: {error}"
    return None if lost is None else f"{path} is damaged: the data of row {lost[0]} is missing"


def _crc(id: int, part: int, key: str, at: int, mark: int) -> int:
    return crc32(f"{id} {part} {at} {mark} {key}".encode())


_TRY_AGAIN = "make sure that the disk has space and the folder can be written, then try again"


class StateError(RuntimeError):
    """The state can't be written or read; the message names the file and what to do."""


class StateStores:
    """The files of all steps in one folder; without a folder, in memory."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._open: dict[str, StateStore] = {}

    def open(self, name: str) -> StateStore:
        """The file of the step `name`, made if there is none."""
        store = self._open.get(name)
        if store is None:
            path = None if self.folder is None else self.folder / f"{name}{SUFFIX}"
            store = self._open[name] = StateStore(path)
        return store

    def close(self) -> None:
        """Let all files go."""
        for store in self._open.values():
            store.close()
        self._open.clear()
