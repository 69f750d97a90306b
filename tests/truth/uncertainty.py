"""Intervals from their definitions, by search and by counting: no closed form, no normal curve."""

from __future__ import annotations

from collections.abc import Callable
from math import comb, sqrt

Z = 1.96


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The shares from which `hits` of `n` lie no further than `Z` of their own deviations.

    Wilson's score interval (1927), its ends found by halving what is left.
    """
    share = hits / n

    def is_near(true: float) -> bool:
        return abs(share - true) <= Z * sqrt(true * (1 - true) / n)

    return _edge(is_near, share, 0.0), _edge(is_near, share, 1.0)


def _edge(is_near: Callable[[float], bool], near: float, far: float) -> float:
    """Where `is_near` ends between `near`, where it holds, and `far`."""
    if is_near(far):
        return far
    for _ in range(60):
        middle = (near + far) / 2
        near, far = (middle, far) if is_near(middle) else (near, middle)
    return near


def coverage(n: int, low: int, high: int) -> float:
    """How surely the median lies from the `low`th to the `high`th of `n` values, of any shape.

    It does unless all from the `low`th on are above it, or all up to the `high`th below: each value
    is on either side like a fair coin (Thompson 1936).
    """
    ways = sum(comb(n, below) for below in range(low, high))
    return ways / (1 << n)
