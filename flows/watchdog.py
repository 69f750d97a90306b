"""Ends a service whose checkpoints have stopped, loudly, so that it is started again.

The engine closes its epochs by the wall clock. Where that is set back an hour no epoch closes for
an hour, and nothing that comes in becomes durable; a new start goes on at once, by the new clock.
A disk that hangs looks the same from here.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from replywatch.flows.cli_errors import STALLED, complain


def _end() -> None:
    os._exit(STALLED)  # the engine doesn't listen, and what is durable stays so


class Watchdog:
    """Ends the process where nothing calls `epoch_closed` for `limit` seconds.

    Seconds are those of a clock that nobody sets. Epochs close while a source waits, too.
    """

    def __init__(
        self,
        limit: float,
        now: Callable[[], float] = time.monotonic,
        end: Callable[[], None] = _end,
    ) -> None:
        self.limit = limit
        self._now = now
        self._end = end
        self._closed_at = now()

    def epoch_closed(self) -> None:
        """An epoch has closed: everything is well for now."""
        self._closed_at = self._now()

    def look(self) -> bool:
        """Look once; whether it barked."""
        silent = self._now() - self._closed_at
        if silent <= self.limit:
            return False
        complain(
            f"no checkpoint for {silent:.0f} s: this machine's clock was set back, or its disk "
            f"hangs; ending with exit code {STALLED}, a new start goes on from the last checkpoint"
        )
        self._end()
        return True

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look every second while it lasts."""
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(1):
                if self.look():
                    return

        self.epoch_closed()
        thread = threading.Thread(target=watch, daemon=True, name="watchdog")
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
