"""A forecast of a weekly rhythm: the median of the same slot over the last weeks.

A series is cut into weeks of slots; `None` marks a slot that must not teach anything (a spike, a
crisis, no data). The 80 % interval comes from how far such forecasts were off in the weeks that
are known, scaled by the root of the level, as counts spread. Nothing here knows a calendar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

Week = Sequence[float | None]
"""A week's values by slot; all weeks of a series have the same slots."""

BASE_WEEKS = 4
"""Weeks that a slot's median is taken over."""

LOOK_BACK_WEEKS = 8
"""How far back ordinary values are looked for where some of the last weeks' are left out."""

LOW, HIGH = 0.1, 0.9
"""Quantiles of the interval: 80 % lie between them."""


@dataclass(frozen=True)
class Spread:
    """How far forecasts were off, in roots of the level: the two quantiles of the interval."""

    low: float
    high: float

    def around(self, forecast: float) -> tuple[float, float]:
        """The interval around a forecast; never below 0."""
        unit = math.sqrt(max(forecast, 0.0) + 1)
        return max(forecast + self.low * unit, 0.0), max(forecast + self.high * unit, 0.0)


def median_week(weeks: Sequence[Week]) -> list[float | None]:
    """The forecast for a week from the `weeks` before it, oldest first.

    Each slot is the median of its latest `BASE_WEEKS` ordinary values in `LOOK_BACK_WEEKS`; `None`
    where it has none.
    """
    recent = list(reversed(weeks[-LOOK_BACK_WEEKS:]))
    found: list[float | None] = []
    for slot in range(len(weeks[-1]) if weeks else 0):
        values = [value for week in recent if (value := week[slot]) is not None][:BASE_WEEKS]
        found.append(float(median(values)) if values else None)
    return found


def naive_week(weeks: Sequence[Week]) -> list[float | None]:
    """The seasonal-naive forecast: each slot as it was the last time that it was ordinary."""
    found: list[float | None] = []
    for slot in range(len(weeks[-1]) if weeks else 0):
        values = (week[slot] for week in reversed(weeks[-LOOK_BACK_WEEKS:]))
        found.append(next((float(value) for value in values if value is not None), None))
    return found


def spread_of(pairs: Sequence[tuple[float, float]]) -> Spread | None:
    """The spread of (actual, forecast) pairs; `None` without pairs."""
    errors = sorted(
        (actual - forecast) / math.sqrt(max(forecast, 0.0) + 1) for actual, forecast in pairs
    )
    if not errors:
        return None
    return Spread(quantile(errors, LOW), quantile(errors, HIGH))


def quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile of values in ascending order, linear between two of them."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
