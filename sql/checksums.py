"""Files of a history that are no longer what was written: cut short, changed, or gone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zlib import crc32

from replywatch.sql.manifest import Manifest

_PORTION = 1 << 20

STAGING = "staging"

QUICKLY = 32 << 20
"""Bytes of a database beyond which its indexes are not compared with its tables."""


def checksum(path: Path) -> int:
    """The CRC-32 of a file's bytes."""
    found = 0
    with path.open("rb") as file:
        while portion := file.read(_PORTION):
            found = crc32(portion, found)
    return found


def look_into(path: Path) -> sqlite3.Connection:
    """A connection that only reads a database, also where nothing can be written.

    SQLite wants to make files beside one that keeps a log; in a folder that can't be written there
    is nobody to keep away, and a database without a log is all that is in its file.
    """
    can_write = os.access(path.parent, os.W_OK, effective_ids=True)
    log = path.with_name(f"{path.name}-wal")
    is_alone = not can_write and not (log.exists() and log.stat().st_size)
    options = "mode=ro&immutable=1" if is_alone else "mode=ro"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{options}", uri=True)


def database_fault(path: Path) -> str | None:
    """What SQLite finds wrong with one of its files, `None` where it finds nothing."""
    try:
        with closing(look_into(path)) as db:
            check = "quick_check" if path.stat().st_size > QUICKLY else "integrity_check"
            found = [str(row[0]) for row in db.execute(f"pragma {check}(1)").fetchall()]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith("SQLITE_READONLY"):
            return None  # a writer was killed in the middle; opening it undoes that
        found = [str(error)]
    except sqlite3.DatabaseError as error:
        found = [str(error)]
    if found == ["ok"]:
        return None
    return f"{path} is damaged: {' '.join(found[0].split())}"


def pending_faults(folder: Path) -> Iterator[str]:
    """Staged files that are not what was staged, a sentence each."""
    for path in sorted((folder / STAGING).glob("*[0-9]/*.parquet")):
        wanted = path.name.split(".")[3]
        if wanted != f"{checksum(path):08x}":
            yield f"{path} is damaged: it waits to be published and is not what was written"


def sealed_faults(folder: Path) -> Iterator[str]:
    """Files of the history that are gone or not what was written, a sentence each."""
    for file in Manifest(folder).files():
        path = folder / file.path
        if not path.exists():
            yield f"{path} is gone: the manifest counts its {file.rows} rows"
        elif file.checksum is not None and checksum(path) != file.checksum:
            yield f"{path} is damaged: it is not what was written"
