"""Recovery state that is no longer what was written: noticed before anything is made of it.

Whoever starts on a folder looks at its databases and at what waits to be published; each state that
the engine keeps for this package carries its checksum.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

from replywatch.flows.state_store import RECOVERY, SUFFIX, rows_fault
from replywatch.flows.storage import StorageError
from replywatch.sql.checksums import database_fault, pending_faults, sealed_faults
from replywatch.sql.manifest import Manifest

_LENGTH = 4


def with_checksum(state: bytes) -> bytes:
    """A state for the engine to keep."""
    return crc32(state).to_bytes(_LENGTH, "big") + state


def checked(kept: bytes, what: str) -> bytes:
    """The state that `with_checksum` was given; `what` says whose it is, for the error."""
    found, state = int.from_bytes(kept[:_LENGTH], "big"), kept[_LENGTH:]
    if crc32(state) != found:
        raise StorageError(
            f"the recovery state is damaged: that of {what} is not what was written; {ADVICE}"
        )
    return state


ADVICE = "put a copy of the whole folder in its place, or make the history anew"


def faults_at_start(folder: Path) -> Iterator[str]:
    """What is wrong with what a start goes on from, a sentence each."""
    manifest = Manifest(folder).path
    databases = [manifest] if manifest.exists() else []
    databases += sorted((folder / RECOVERY).rglob("*.sqlite*"))
    for path in databases:
        if not path.name.endswith(("-journal", "-wal", "-shm")):
            fault = database_fault(path)
            if fault is not None:
                yield fault
    yield from pending_faults(folder)


def _state_faults(folder: Path) -> Iterator[str]:
    for path in sorted((folder / RECOVERY).glob(f"*{SUFFIX}")):
        fault = database_fault(path) or rows_fault(path)
        if fault is not None:
            yield fault


def faults_of(folder: Path) -> Iterator[str]:
    """What is wrong with the files of a history and its recovery state, a sentence each."""
    has_manifest = True
    for fault in faults_at_start(folder):
        has_manifest = has_manifest and not fault.startswith(str(Manifest(folder).path))
        yield fault
    yield from _state_faults(folder)
    if has_manifest:
        yield from sealed_faults(folder)


def refuse_damaged(folder: Path) -> None:
    """Raise `StorageError` where a start would go on from something damaged."""
    for fault in faults_at_start(folder):
        raise StorageError(f"{fault}; {ADVICE}")
