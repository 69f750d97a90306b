"""Files of the history rewritten and removed, while readers read and the pipeline writes.

Whatever is cut short is put right by the next run: a new file counts from one transaction of the
manifest on, and the files it replaces are retired in the same one. Retired files stay for a while,
for readers that opened the history before.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from replywatch.sql.checksums import checksum
from replywatch.sql.history import DATA, HistoryError, require_history, write_database
from replywatch.sql.locks import hold, sync_folder
from replywatch.sql.manifest import DataFile, Manifest
from replywatch.sql.schemas import Table
from replywatch.sql.work import known_work

LOCK, SCRATCH = "upkeep.lock", "upkeep"
MEMORY = "1GB"
PACKING = "compression zstd"
"""Small, and readable by whatever reads Parquet."""
SYNCED_TOGETHER = 16
"""Files made durable side by side; the disk does many in little more than the time of one."""

_NEW, _UNFINISHED = "c-", ".new"


@dataclass(frozen=True)
class Rewritten:
    """A file that was written and doesn't count yet; `new` is `None` where no row was left."""

    old: list[DataFile]
    fresh: Path
    new: DataFile | None


class Upkeep:
    """One run of upkeep over a history; `now` is Unix time."""

    def __init__(self, folder: Path, con: duckdb.DuckDBPyConnection, now: float) -> None:
        self.folder, self.root = folder, folder.resolve()
        self.manifest = Manifest(folder)
        self.con = con
        self.now = now

    def rewrite(
        self, table: Table, old: Sequence[DataFile], query: str, *, applied: int, is_compacted: bool
    ) -> Rewritten:
        """Write one file of the rows of `query` that may take the place of `old`, files of a date.

        Rows are in the order of the instant that dates them, then of the key. Nothing counts before
        `commit`.
        """
        date = old[0].date
        place = Path(DATA) / table.name / f"date={date}"
        order = tuple(dict.fromkeys((table.dated_by, *table.key)))
        fresh, count = self.write(table, place, query, order)
        if not count:
            fresh.unlink()
            return Rewritten(list(old), fresh, None)
        path = self._settled(fresh, count)
        sequence = max(file.sequence for file in old)
        back_to = min((f.reaches_back_to for f in old if f.reaches_back_to), default=None)
        new = DataFile(
            *(str(path), table.name, date, sequence, count, applied, is_compacted, back_to),
            checksum(fresh),
        )
        return Rewritten(list(old), fresh, new)

    def write(
        self, table: Table, place: Path, query: str, order: Sequence[str], packing: str = PACKING
    ) -> tuple[Path, int]:
        """Write the rows of `query` below the folder `place` in a file nobody looks for yet.

        That file, and its number of rows. `packing` are DuckDB's options of Parquet.
        """
        fresh = self.root / place / f"{_NEW}{uuid.uuid4().hex[:12]}{_UNFINISHED}"
        fresh.parent.mkdir(parents=True, exist_ok=True)
        ordered = ", ".join(f'"{name}"' for name in order)
        columns = ", ".join(f'"{name}"' for name, _ in table.columns)
        target = str(fresh).replace("'", "''")
        row = self.con.execute(
            f"copy (select {columns} from ({query}) order by {ordered}) to '{target}' "
            f"(format parquet, {packing})"
        ).fetchall()
        return fresh, int(row[0][0])

    def settle(self, fresh: Path, count: int) -> Path:
        """Make a file of `write` durable in its place; its path below the history's folder."""
        path = self._settled(fresh, count)
        _sync(fresh)
        os.replace(fresh, self.root / path)
        sync_folder(fresh.parent)
        return path

    def _settled(self, fresh: Path, count: int) -> Path:
        name = f"{fresh.name.removesuffix(_UNFINISHED)}-{count}.parquet"
        return fresh.relative_to(self.root).with_name(name)

    def commit(self, rewritten: Sequence[Rewritten]) -> None:
        """Let the files written count in the place of the old ones, all at once and durably."""
        made = [(one.fresh, one.new) for one in rewritten if one.new is not None]
        with ThreadPoolExecutor(SYNCED_TOGETHER) as pool:
            list(pool.map(_sync, (fresh for fresh, _ in made)))
            for fresh, new in made:
                os.replace(fresh, self.root / new.path)
            list(pool.map(sync_folder, {fresh.parent for fresh, _ in made}))
        old = [file for one in rewritten for file in one.old]
        self.manifest.replace(old, [new for _, new in made], self.now)

    def retire(self, old: Sequence[DataFile]) -> None:
        """Let `old` count no more."""
        self.manifest.replace(old, [], self.now)

    def show(self) -> None:
        """Let `replywatch.duckdb` show the files that count now."""
        write_database(self.folder)

    def sweep(self, grace: float) -> list[str]:
        """Remove files retired `grace` seconds ago or earlier; their paths. `show` comes first."""
        gone = self.manifest.retired(self.now - grace)
        for path in gone:
            (self.root / path).unlink(missing_ok=True)
        self.manifest.forget_retired(gone)
        return gone

    def remove_orphans(self) -> None:
        """Remove what a run that was cut short wrote and no manifest names."""
        known = {file.path for file in self.manifest.files()}
        known.update(self.manifest.retired(float("inf")))
        for drawn in known_work(self.manifest).values():
            known.update(drawn.paths.values())
        for path in (self.root / DATA).glob(f"*/date=*/{_NEW}*"):
            if str(path.relative_to(self.root)) not in known:
                path.unlink()


def _sync(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())


@contextmanager
def begin_upkeep(folder: Path, now: float) -> Iterator[Upkeep]:
    """A run of upkeep, the only one in `folder`, with what an earlier one left behind put right.

    Raises `HistoryError` where there is no history, or another run has it.
    """
    require_history(folder)
    scratch = folder / SCRATCH
    try:
        with hold(folder / LOCK, is_patient=False):
            scratch.mkdir(exist_ok=True)
            with duckdb.connect(config={"python_enable_replacements": False}) as con:
                con.execute(f"set memory_limit = '{MEMORY}'")
                con.execute("set TimeZone = 'UTC'")
                con.execute("set enable_progress_bar = false")
                con.execute("set temp_directory = ?", [str(scratch.resolve())])
                upkeep = Upkeep(folder, con, now)
                upkeep.remove_orphans()
                yield upkeep
    except BlockingIOError:
        raise HistoryError(
            f"{folder} is being compacted or erased from by another process; try again later"
        ) from None
