"""The live wallboard: redrawn in place on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from replywatch.dashboards.board_svg import board_svg
from replywatch.dashboards.board_view import render_board
from replywatch.dashboards.board_words import board_line, safe_words
from replywatch.metrics.board import Board

__all__ = ["TerminalWallboard", "board_svg", "render_board"]

_JOIN_SECONDS = 2.0  # a reader that hangs longer is left behind: it is a daemon thread


class TerminalWallboard:
    """Shows what `read` returns for as long as the `with` block runs, and once more at its end.

    On a terminal the board redraws `refresh_per_second` times a second in the normal screen, and
    the last one stays. In a pipe (or on a terminal that cannot move its cursor or show UTF-8) it
    prints plain lines: one each `line_progress` of a replay, and one each `line_seconds` when
    live; the last state is always printed.

    `read` is called from a thread of its own, and once from the caller's at the end: it must be
    safe for that. Nothing that goes wrong here reaches the block: the last board stays, with a
    note, and the latest error is kept in `error`.
    """

    def __init__(
        self,
        read: Callable[[], Board],
        console: Console,
        *,
        mode: str,
        metrics_url: str | None,
        targets: Mapping[str, float],
        objective_ratio: float | None = None,
        refresh_per_second: float = 4.0,
        line_progress: float = 0.05,
        line_seconds: float = 10.0,
    ) -> None:
        """See the class; `refresh_per_second` is how often `read` is called, too."""
        self.error: BaseException | None = None
        self._read = read
        self._console = console
        self._mode = mode
        self._metrics_url = metrics_url
        self._targets = dict(targets)
        self._objective_ratio = objective_ratio
        self._pause = 1.0 / refresh_per_second
        self._line_progress = line_progress
        self._line_every = max(1, round(line_seconds * refresh_per_second))  # in refreshes
        self._board = Board()
        self._last_line: str | None = None
        self._last_step = 0
        self._since_line = 0
        self._live: Live | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wallboard", daemon=True)

    def __enter__(self) -> TerminalWallboard:
        """Start showing the board."""
        console = self._console
        if console.is_terminal and not console.is_dumb_terminal and not console.options.ascii_only:
            self._live = Live(
                console=console,
                auto_refresh=False,
                screen=False,
                # Else what another stream prints into a file would land on this terminal.
                redirect_stdout=sys.stdout.isatty(),
                redirect_stderr=sys.stderr.isatty(),
            )
            self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Show the last state, give the terminal back; an error of the block passes through."""
        self._stop.set()
        try:
            self._thread.join(_JOIN_SECONDS)
            if not self._thread.is_alive():
                self._show(is_last=True)
        finally:
            self._restore_terminal()

    def _restore_terminal(self) -> None:
        """Leave the last board on the screen and give the cursor back."""
        if self._live is not None:
            try:
                self._live.stop()
            except (Exception, SystemExit) as problem:
                self.error = problem

    def _run(self) -> None:
        while not self._stop.is_set():
            self._show(is_last=False)
            self._stop.wait(self._pause)

    def _show(self, *, is_last: bool) -> None:
        """Read and draw once; errors are kept (rich turns a closed pipe into a SystemExit)."""
        note: Text | None = None
        try:
            self._board = self._read()
        except (Exception, SystemExit) as problem:
            self.error = problem
            words = safe_words(f"board not refreshed: {type(problem).__name__}: {problem}")
            note = Text(words, style="yellow", no_wrap=True, overflow="ellipsis")
        if self._stop.is_set() and not is_last:
            return
        try:
            if self._live is not None:
                self._draw(self._live, note)
            else:
                self._print_line(is_last=is_last)
        except (Exception, SystemExit) as problem:
            self.error = problem

    def _draw(self, live: Live, note: Text | None) -> None:
        view = render_board(
            self._board,
            mode=self._mode,
            metrics_url=self._metrics_url,
            targets=self._targets,
            objective_ratio=self._objective_ratio,
        )
        live.update(view if note is None else Group(view, note), refresh=True)

    def _print_line(self, *, is_last: bool) -> None:
        board = self._board
        self._since_line += 1
        if not board.as_of and not is_last:
            return
        if board.progress_ratio is None:
            is_due = self._last_line is None or self._since_line >= self._line_every
        else:
            step = int(board.progress_ratio / self._line_progress + 1e-9)
            is_due = step > self._last_step
            self._last_step = max(step, self._last_step)
        line = board_line(board)
        if line != self._last_line and (is_due or is_last):
            self._last_line, self._since_line = line, 0
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
