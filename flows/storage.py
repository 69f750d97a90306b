"""What the disk says no to, told with the folder that it was about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from replywatch.flows.cli_errors import sentence, storage_reason, unwrapped


class StorageError(Exception):
    """A folder can't be written or read; the message names it and says what to do."""


@contextmanager
def naming(folder: Path) -> Iterator[None]:
    """Let an error of the disk, whoever met it below, say that it was in `folder`.

    The engine, SQLite and DuckDB name no folder, nor does writing to a file that is open.
    """
    try:
        yield
    except BaseException as error:  # the engine's panics are no `Exception`
        found = unwrapped(error)
        if isinstance(found, OSError) and found.filename is None and found.errno is not None:
            raise StorageError(f"{folder}: {sentence(found)}") from error
        if (reason := storage_reason(found)) is not None:
            raise StorageError(f"{folder}: {reason}") from error
        raise
