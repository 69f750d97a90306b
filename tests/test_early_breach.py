"""A window's breach is told before it ends, once nothing can prevent it, and not sooner."""

from __future__ import annotations

import pytest

from replywatch.metrics.policy import Objective
from replywatch.metrics.scope_state import is_out_of_reach

NINE_OF_TEN = Objective(ratio=0.9, min_outcomes=5)


@pytest.mark.parametrize(
    ("met", "missed", "expected", "is_early"),
    [
        (0, 0, 100, False),
        (0, 10, 100, False),  # the other ninety can still make it 90 %
        (0, 11, 100, True),
        (80, 11, 100, True),
        (150, 11, 100, False),  # more came than were expected
        (0, 1, 0, False),  # one miss in a calm scope: a window of so few is none to judge
        (0, 4, 4.5, False),
        (0, 5, 0, True),  # enough by now, whatever was expected
        (4, 1, 0, True),
        (0, 1, 5, True),
    ],
)
def test_a_breach_is_early_when_the_objective_is_out_of_reach(
    met: int, missed: int, expected: float, is_early: bool
) -> None:
    """Of the clocks that are expected, or of those that ended if they are more; and never where a
    whole window would have too few of them."""
    assert is_early == is_out_of_reach(NINE_OF_TEN, met, missed, expected)


def test_without_an_objective_nothing_is_breached() -> None:
    """A scope that no rule of the policy matches."""
    assert not is_out_of_reach(None, 0, 100, 100)
