"""What the engine itself prints when it fails: kept off the terminal, never lost.

The engine is native code and writes its panics straight to file descriptor 2. The exception that
it raises says the same in fewer words, so its text is attached to that as a note: whoever prints a
traceback prints it too, and whoever tells a user one sentence does not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENGINE_LOG = "engine.log"


@contextmanager
def engine_log(folder: Path, index: int = 0) -> Iterator[None]:
    """While it lasts, what native code prints as an error goes to `engine.log` in `folder`.

    For another process of a cluster than the first, `index` is added to the file's name.

    `sys.stderr` still reaches where it did. Afterwards the text is a note on the exception, or
    without one goes to standard error. A process that is killed leaves the file behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (f"{ENGINE_LOG}.{index}" if index else ENGINE_LOG)
    python_stderr = sys.stderr
    python_stderr.flush()
    with path.open("a+b") as log, os.fdopen(os.dup(2), "w", errors="backslashreplace") as outside:
        start = log.seek(0, os.SEEK_END)
        os.dup2(log.fileno(), 2)
        if _writes_to(2):
            sys.stderr = outside
        failure: BaseException | None = None
        try:
            yield
        except BaseException as error:
            failure = error
            raise
        finally:
            sys.stderr = python_stderr
            outside.flush()
            os.dup2(outside.fileno(), 2)
            log.seek(start)
            text = log.read().decode("utf-8", "replace").strip()
            path.unlink(missing_ok=True)
            if text and failure is not None:
                failure.add_note(text)
            elif text:
                sys.stderr.write(f"{text}\n")


def _writes_to(descriptor: int) -> bool:
    """Whether `sys.stderr` is the one that writes to `descriptor`; a test's capture is not."""
    try:
        return sys.stderr.fileno() == descriptor
    except (OSError, ValueError, AttributeError):
        return False
