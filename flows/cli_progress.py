"""How far a replay is: one line, redrawn on a terminal; nothing in a pipe."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING

from replywatch.metrics.times import to_datetime

if TYPE_CHECKING:
    from replywatch.flows.live import LiveMetrics
    from replywatch.flows.sources import Progress

_EVERY_SECONDS = 0.25
_CLEAR = "\r\x1b[2K"


class ProgressLine:
    """Shows on standard error how far a replay is while the `with` block runs, then clears it."""

    def __init__(self, live: LiveMetrics, progress: Progress) -> None:
        self._live = live
        self._progress = progress
        self._began = time.monotonic()
        self._is_shown = sys.stderr.isatty()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> ProgressLine:
        """Start showing."""
        if self._is_shown:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the line back."""
        self._stop.set()
        if self._is_shown:
            self._thread.join(1.0)
            self._write(_CLEAR)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            self._write(f"{_CLEAR}{self._words()}")

    def _words(self) -> str:
        board = self._live.board(self._progress.ratio)
        events, ratio = board.events_total, board.progress_ratio
        rate = events / max(time.monotonic() - self._began, 0.001)
        share = "" if ratio is None else f"  {int(100 * ratio)} %"
        clock = f"  at {to_datetime(board.as_of):%Y-%m-%d %H:%M}" if board.as_of > 0 else ""
        return f"replaying{share}  {events:,} events  {rate:,.0f} a second{clock}"

    @staticmethod
    def _write(text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):  # the terminal is gone; the replay goes on
            pass
