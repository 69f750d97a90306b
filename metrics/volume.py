"""Expected volume of a scope, and how far above it a window is.

A first, short-memory baseline: the mean of the last hour of ordinary windows. It knows no hour of
the week yet; `judge` is the place where a seasonal one will answer.
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

    def judge(self, window: int, posts: int) -> tuple[float | None, float | None, bool]:
        """Of a window: posts expected, standard deviations (Poisson) above that, and whether it is
        a spike. `None` until an hour is known. A spike is easier to stay in than to enter."""
        known, mean = self._faded(window)
        if known < MEMORY:
            return None, None, False
        floor = max(mean, 1.0)
        score, ratio = (posts - mean) / sqrt(floor), posts / floor
        if posts < MIN_POSTS:
            is_spike = False
        elif self.is_in_spike(window):
            is_spike = ratio >= LEAVE_RATIO
        else:
            is_spike = score >= ENTER_SCORE and ratio >= ENTER_RATIO
        return mean, score, is_spike

    def is_in_spike(self, window: int) -> bool:
        """Whether the window right before `window` was in a spike."""
        return self.spiking > 0 and self.last_window == window - WINDOW

    def copy(self) -> Baseline:
        """The same, to be kept as it is."""
        return Baseline(self.mean, self.known, self.last_window, self.spiking)

    def update(self, window: int, posts: int) -> None:
        """Learn a closed window; those without posts since the last one are learned as empty."""
        if not posts:
            return  # it fades with the others, once there is one with posts
        lasted = self.spiking if self.is_in_spike(window) else 0
        is_spike = self.judge(window, posts)[2]
        self.known, self.mean = self._faded(window)
        self.last_window = window
        if is_spike and lasted < 2 * MEMORY:
            self.spiking = lasted + 1
            return
        self.spiking = 0
        self.known += 1
        self.mean += (posts - self.mean) / min(self.known, MEMORY)

    def _faded(self, window: int) -> tuple[int, float]:
        """What is known, and the mean, once the silent windows before `window` count as zeros."""
        if self.last_window is None:
            return 0, 0.0
        known, mean = self.known, self.mean
        silent = (window - self.last_window) // WINDOW - 1
        if silent <= 0:
            return known, mean
        for _ in range(min(silent, MEMORY - min(known, MEMORY))):
            known += 1
            mean -= mean / known
            silent -= 1
        if silent:
            known += silent
            mean *= (1 - 1 / MEMORY) ** silent
        return known, mean
