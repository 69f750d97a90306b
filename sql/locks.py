"""Locks between processes, and names made durable."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hold(path: Path, *, is_patient: bool = True) -> Iterator[None]:
    """Hold the lock file `path`; a process that dies lets it go.

    Waits for who holds it, or raises `BlockingIOError` where `is_patient` is false.
    """
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if is_patient else fcntl.LOCK_NB))
        yield


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
