"""What the exporter keeps of one scope: counters, histograms, and the latest live state."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from replywatch.metrics.board import ScopeBoard
from replywatch.metrics.catalogue import HANDLE_BOUNDS
from replywatch.metrics.cells import (
    FIRST_RESPONSE,
    KINDS_OF_FACT,
    NEXT_RESPONSE,
    RESOLUTION,
    Cell,
    Told,
)
from replywatch.metrics.times import SECOND


class Buckets:
    """A histogram: counts by upper bound (the last one +Inf) and the sum, in seconds."""

    def __init__(self, bounds: Iterable[float]) -> None:
        self.bounds = sorted(set(bounds))
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one sample; one that equals a bound is within it."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Bounds as labels with cumulative counts."""
        labels = [*map(str, map(float, self.bounds)), "+Inf"]
        total, pairs = 0, []
        for label, count in zip(labels, self.counts, strict=True):
            total += count
            pairs.append((label, float(total)))
        return pairs


class ScopeSeries:
    """Series of one scope; all of them stand at 0 from the start."""

    def __init__(self, response_bounds: list[float], resolution_bounds: list[float]) -> None:
        self.counts = [0] * KINDS_OF_FACT
        self.first_response = Buckets(response_bounds)
        self.response = Buckets(response_bounds)
        self.resolution = Buckets(resolution_bounds)
        self.handle_active = Buckets(HANDLE_BOUNDS)
        self.boards: dict[tuple[str, str, str], ScopeBoard] = {}

    def add(self, cell: Cell) -> None:
        """Count what a cell says. Counters only grow: what is taken back stays in the tables."""
        told = Told.by(cell)
        for index, count in enumerate(told.counts):
            self.counts[index] += count
        for sample in told.values[FIRST_RESPONSE]:
            self.first_response.observe(sample / SECOND)
            self.response.observe(sample / SECOND)
        for sample in told.values[NEXT_RESPONSE]:
            self.response.observe(sample / SECOND)
        for sample in told.values[RESOLUTION]:
            self.resolution.observe(sample / SECOND)
