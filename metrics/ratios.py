"""Ratios of posts to expected posts, softened so that small numbers prove little."""

from __future__ import annotations

from collections.abc import Sequence

SOFT = 3.0  # posts added to both sides
RECENT, RECENT_KEPT = 4, 2  # windows of the shorter steady ratio, and how many of them count
LONG, LONG_KEPT = 12, 9  # of the longer one
LONGEST_LULL = 2  # windows
LEAVE_RATIO = 2.0  # an episode goes on while its ratio is above this


def is_warm(posts: float, expected: float) -> bool:
    """Whether a window is far enough above what was expected for an episode to go on."""
    return posts + SOFT >= LEAVE_RATIO * (expected + SOFT)


def bursts(bins: Sequence[int], expected: float) -> list[float]:
    """Of each bin, the largest ratio of it and any number of bins right before it; `expected`
    posts a bin."""
    ratios = []
    for end in range(len(bins)):
        largest, posts, usual = 0.0, SOFT, SOFT
        for bin in range(end, -1, -1):
            posts += bins[bin]
            usual += expected
            if posts > largest * usual:
                largest = posts / usual
        ratios.append(largest)
    return ratios


def recent(posts: Sequence[int], expected: Sequence[float]) -> float:
    """The ratio of the lower half of the last 4 windows: a lone outlier doesn't move it."""
    lowest = sorted(posts[-RECENT:])[:RECENT_KEPT]
    return (sum(lowest) + SOFT) / (sum(expected[-RECENT:]) * (RECENT_KEPT / RECENT) + SOFT)


def steady(posts: Sequence[int], expected: Sequence[float]) -> float:
    """The larger of two: the recent ratio, and that of the lowest 9 of 12 windows, which needs
    longer and sees smaller shifts. A shift shows after 15 minutes at the earliest."""
    ratio = recent(posts, expected)
    usual = sum(expected) * (LONG_KEPT / LONG) + SOFT
    if sum(posts) + SOFT <= ratio * usual:
        return ratio  # the lowest 9 are even less
    return max(ratio, (sum(sorted(posts)[:LONG_KEPT]) + SOFT) / usual)


def warm_since(posts: Sequence[int], expected: Sequence[float]) -> int:
    """How many windows before the last one the run of warm windows began that led to now. Up to
    two windows in a row may be cooler; 0 where none was warm."""
    began = cool = 0
    for back, (many, few) in enumerate(zip(reversed(posts), reversed(expected), strict=True)):
        if is_warm(many, few):
            began, cool = back, 0
        else:
            cool += 1
        if cool > LONGEST_LULL:
            break
    return began
