"""Expected volume of a scope, and how far above it a window is.

A first, short-memory baseline: the mean of the last hour of ordinary windows. It knows no hour of
the week yet; `expected` and `score` are the places where a seasonal one will answer.
"""

from __future__ import annotations

from math import sqrt

import msgspec

from replywatch.metrics.times import HOUR, WINDOW

MEMORY = HOUR // WINDOW
"""Windows the mean reaches back, and windows that must be known before anything is expected."""

MIN_POSTS = 20
ENTER_SCORE, ENTER_RATIO = 8.0, 4.0
LEAVE_RATIO = 2.0


class Baseline(msgspec.Struct, array_like=True):
    """Posts expected in a 5-minute window, from the windows before it.

    Windows in a spike stay out of the mean, so that the spike isn't learned as normal; one that
    lasts longer than two hours is taken for the new normal.
    """

    mean: float = 0.0
    known: int = 0
    last_window: int | None = None
    spiking: int = 0  # windows the running spike has lasted

    def expected(self, window: int) -> float | None:
        """Posts expected in the window starting at `window`; `None` until an hour is known."""
        known, mean = self._faded(window)
        return mean if known >= MEMORY else None

    def score(self, window: int, posts: int) -> float | None:
        """Standard deviations (Poisson) above what is expected; `None` while that is unknown."""
        expected = self.expected(window)
        return None if expected is None else (posts - expected) / sqrt(max(expected, 1.0))

    def is_spike(self, window: int, posts: int) -> bool:
        """Whether `posts` are far above what is expected; easier to stay so than to become."""
        expected, score = self.expected(window), self.score(window, posts)
        if expected is None or score is None or posts < MIN_POSTS:
            return False
        ratio = posts / max(expected, 1.0)
        if self.spiking:
            return ratio >= LEAVE_RATIO
        return score >= ENTER_SCORE and ratio >= ENTER_RATIO

    def update(self, window: int, posts: int) -> None:
        """Learn a closed window; the empty ones since the last are learned as empty."""
        spike = self.is_spike(window, posts)
        self.known, self.mean = self._faded(window)
        self.last_window = window
        if spike and self.spiking < 2 * MEMORY:
            self.spiking += 1
            return
        self.spiking = 0
        self.known += 1
        self.mean += (posts - self.mean) / min(self.known, MEMORY)

    def _faded(self, window: int) -> tuple[int, float]:
        """What is known, and the mean, once the silent windows before `window` count as zeros."""
        if self.last_window is None:
            return 0, 0.0
        silent = max((window - self.last_window) // WINDOW - 1, 0)
        known, mean = self.known, self.mean
        for _ in range(min(silent, MEMORY - min(known, MEMORY))):
            known += 1
            mean -= mean / known
            silent -= 1
        if silent:
            known += silent
            mean *= (1 - 1 / MEMORY) ** silent
        return known, mean
