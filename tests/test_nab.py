"""The scoring rules of the Numenta benchmark, on a series small enough to work out by hand."""

from __future__ import annotations

import pytest
from nab import Series, add, score

ROWS = 1000  # of which 150 are for learning
SERIES = Series("small", list(range(ROWS)), [0] * ROWS, [(400, 499), (700, 799)])


def test_no_flag_is_nothing_and_the_first_rows_are_everything() -> None:
    """The scale runs from 0 to 100."""
    assert [0, 100] == [
        pytest.approx(score(SERIES, flags).normalised) for flags in ([], [400, 700])
    ]


def test_the_earliest_flag_of_a_window_counts_once() -> None:
    """Later ones in the same window add nothing; half-way is worth 86 % of the first row."""
    assert score(SERIES, [450, 460, 470]) == score(SERIES, [450])
    one = score(SERIES, [450])
    assert (1, 2, 0) == (one.hits, one.windows, one.false_alarms)
    assert one.reward == pytest.approx(0.848 / 0.987 - 1, abs=0.001)


def test_false_alarms_cost_less_soon_after_a_window() -> None:
    """Far from any it is 0.11, a row behind one almost nothing; while learning nothing at all."""
    nothing = score(SERIES, []).reward
    costs = [nothing - score(SERIES, [row]).reward for row in (100, 200, 500, 690)]
    assert [0, 0.11, 0.003, 0.11] == pytest.approx(costs, abs=0.001)
    assert [0, 1] == [score(SERIES, [row]).false_alarms for row in (100, 200)]


def test_series_are_scored_together() -> None:
    """Rewards and windows add up before they are put on the scale."""
    both = add([score(SERIES, [400, 700]), score(SERIES, [])])
    assert both.normalised == pytest.approx(50)
    assert (4, 2) == (both.windows, both.hits)
