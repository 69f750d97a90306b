"""Random draws that give the same numbers on every machine and Python version.

Only `random.Random.random()` and exact arithmetic: a logarithm or an exponential may differ in its
last digit from one C library to the next, and with it every event after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """A seeded source of draws; no state outside of it."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random

    def chance(self, probability: float) -> bool:
        """True with this probability; always draws once."""
        return self._random() < probability

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included, all equally likely."""
        return low + int(self._random() * (high - low + 1))

    def bell(self, low: int, high: int) -> int:
        """A whole number from `low` to below `high`, mostly near the middle (mean of three)."""
        mean = (self._random() + self._random() + self._random()) / 3
        return low + int(mean * (high - low))

    def pick(self, items: Sequence[T]) -> T:
        """One of `items`, which may not be empty."""
        return items[int(self._random() * len(items))]
