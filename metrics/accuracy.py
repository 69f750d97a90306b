"""How far a forecast was off: WAPE, MASE and the coverage of its interval.

Pairs are (actual, forecast) in the same unit. What can't be said of the pairs given is `None`.
Sources: MASE is R. J. Hyndman and A. B. Koehler, "Another look at measures of forecast accuracy"
(2006); WAPE is the sum of the errors over the sum of the actuals, also called MAD/mean ratio.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Pair = tuple[float, float]


def mean_absolute_error(pairs: Sequence[Pair]) -> float | None:
    """The mean distance of forecast and actual; `None` without pairs."""
    if not pairs:
        return None
    return sum(abs(actual - forecast) for actual, forecast in pairs) / len(pairs)


def wape(pairs: Sequence[Pair]) -> float | None:
    """The sum of the errors over the sum of the actuals; `None` where that is 0.

    >>> wape([(10, 8), (20, 25), (0, 1)])
    0.26666666666666666
    """
    total = sum(abs(actual) for actual, _ in pairs)
    if total == 0:
        return None
    return sum(abs(actual - forecast) for actual, forecast in pairs) / total


def mase(pairs: Sequence[Pair], naive_errors: Iterable[float]) -> float | None:
    """The mean error over that of the seasonal-naive forecast where the model was fitted.

    `naive_errors` are |actual − actual a season before| over the fitting period; `None` where
    there are none, or all are 0. Below 1 the forecast beats that simple one.
    """
    error = mean_absolute_error(pairs)
    errors = list(naive_errors)
    scale = sum(errors) / len(errors) if errors else 0.0
    return None if error is None or scale == 0 else error / scale


def coverage(triples: Sequence[tuple[float, float, float]]) -> float | None:
    """The share of actuals within [lower, upper], both in, of (actual, lower, upper)."""
    if not triples:
        return None
    return sum(lower <= actual <= upper for actual, lower, upper in triples) / len(triples)
