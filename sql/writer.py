"""Writes rows as sealed Parquet files in two phases, so that none is lost, doubled or withdrawn.

`stage` writes a seal where no reader looks; `publish` moves it into the history once the state
that made it is known to be durable. A crash between the two is put right by `resume`: seals up
to the durable one are published, later ones are made again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from replywatch.sql.checksums import STAGING, checksum
from replywatch.sql.history import DATA, HistoryError, write_database
from replywatch.sql.locks import sync_folder
from replywatch.sql.manifest import DataFile, Manifest
from replywatch.sql.schemas import RESTATEMENTS


def _write(data: pa.Table, folder: Path, name: str) -> None:
    """Write one file, durably; its name then tells its checksum, too."""
    path = folder / f"{name}.new"
    with path.open("wb") as file:
        pq.write_table(data, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    path.rename(folder / f"{name}.{checksum(path):08x}.parquet")


class HistoryWriter:
    """The one writer of a history folder; `sequence` numbers its seals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest(folder)
        self.staging = folder / STAGING

    def stage(self, sequence: int, tables: Iterable[tuple[str, str, pa.Table]]) -> None:
        """Write tables (name, UTC date, rows) as a seal, durably, where no reader looks yet."""
        fresh = self.staging / f"{sequence:010d}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        with ThreadPoolExecutor(2) as pool:  # encoding and writing run beside the next table
            writes = [
                pool.submit(_write, data, fresh, f"{name}.{date}.{len(data)}")
                for name, date, data in tables
            ]
            for write in writes:
                write.result()
        sync_folder(fresh)
        fresh.rename(self.staging / f"{sequence:010d}")
        sync_folder(self.staging)

    def publish(self, sequence: int) -> None:
        """Let seal `sequence` count; doing it twice, or its rest after a crash, is the same."""
        staged = self.staging / f"{sequence:010d}"
        if not staged.is_dir():
            return
        if sequence <= self.manifest.published():  # and its files may be compacted away by now
            shutil.rmtree(staged)
            return
        files = []
        for path in sorted(staged.iterdir()):
            table, date, rows, found, _ = path.name.split(".")
            target = Path(DATA) / table / f"date={date}" / f"{sequence:010d}-{rows}.parquet"
            (self.folder / target).parent.mkdir(parents=True, exist_ok=True)
            back_to = _reaches_back_to(path) if table == RESTATEMENTS.name else None
            file = DataFile.sealed(
                str(target), table, date, sequence, int(rows), back_to, int(found, 16)
            )
            files.append((path, file))
        # Linked first, counted next, removed last: cut anywhere, it can be done again.
        for path, file in files:
            place = self.folder / file.path
            if not place.exists():
                os.link(path, place)
        for parent in {(self.folder / file.path).parent for _, file in files}:
            sync_folder(parent)
        self.manifest.publish(sequence, [file for _, file in files])
        write_database(self.folder)
        shutil.rmtree(staged)

    def publish_all(self) -> None:
        """Publish every seal, after the flow that staged them came to a clean end."""
        staging = self.staging.iterdir() if self.staging.is_dir() else ()
        for staged in sorted(staging):
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
        if (published := self.manifest.published()) > sequence:
            raise HistoryError(
                f"the history in {self.folder} goes to seal {published}, the recovery state only "
                f"to {sequence}: they do not belong together; nothing was changed"
            )
        write_database(self.folder)


def _reaches_back_to(path: Path) -> str:
    """The UTC date of the earliest conversation that the restatements in a file speak of."""
    opened: pa.ChunkedArray = pq.read_table(path, columns=["from_opened_at"]).column(0)
    return pc.min(opened).as_py().date().isoformat()  # type: ignore[no-any-return]
