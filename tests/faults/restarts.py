"""When to kill what was restarted, and how long after a restart a reader sees something new."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from pathlib import Path
from statistics import median

from replywatch.sql.manifest import Manifest


def moment_to_die(chance: random.Random, fresh: list[float]) -> float:
    """Seconds after a start: a third of them while it resumes, the others up to a while after.

    `fresh` are the waits for news so far, since a busy machine takes longer over everything.
    """
    reach = 1.5 * median(fresh) if fresh else 4.0
    return chance.uniform(0, chance.choice((0.1, 1.0, 1.0)) * reach)


class Fresh:
    """Waits beside a process for the first seal that counts after it was started."""

    def __init__(self, folder: Path) -> None:
        self._manifest = Manifest(folder)
        self._before = self._published()
        self._began = time.monotonic()
        self._found: float | None = None
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _published(self) -> int:
        try:
            return self._manifest.published() if self._manifest.exists() else 0
        except sqlite3.OperationalError:  # it is about to be made
            return 0

    def _wait(self) -> None:
        while not self._is_done.wait(0.05):
            if self._published() > self._before:
                self._found = time.monotonic() - self._began
                return

    def wait(self, seconds: float) -> None:
        """Wait for that seal."""
        self._thread.join(seconds)

    def seconds(self) -> list[float]:
        """The seconds it took, nothing where the process ended before; call it at that end."""
        self._is_done.set()
        self._thread.join()
        return [] if self._found is None else [self._found]
