"""Slows a replay down to a multiple of real time, for people to watch."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from replywatch.metrics.times import SECOND

_LOOK_AGAIN = timedelta(milliseconds=50)


class Pace:
    """Holds reading back while event time runs ahead of `speed` times the time gone by.

    Without a speed it never does. It touches when events are read, never what they say.
    """

    def __init__(self, speed: float | None) -> None:
        self.speed = speed
        self._started: tuple[int, float] | None = None  # first event time, and when it was read
        self._is_holding = False

    def is_ahead(self, highest: int) -> bool:
        """Whether to wait before reading past the event time `highest`."""
        if self.speed is None or not highest:
            return False
        if self._started is None:
            self._started = (highest, time.monotonic())
        first, began = self._started
        gone = (time.monotonic() - began) * self.speed * SECOND
        self._is_holding = highest - first > gone
        return self._is_holding

    def chunk_size(self, full: int) -> int:
        """How much to read at once: little enough to be smooth where there is a pace."""
        return full if self.speed is None else max(full // 100, 1)

    def next_awake(self) -> datetime | None:
        """When the engine should ask again; `None` for at once."""
        return datetime.now(UTC) + _LOOK_AGAIN if self._is_holding else None
