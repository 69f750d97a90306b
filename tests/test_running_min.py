"""The minimum of what joins and leaves, and that nothing is kept of what left."""

from __future__ import annotations

from replywatch.metrics.running_min import RunningMin


def test_what_left_is_not_kept() -> None:
    """Nor is a value held twice that joined twice."""
    values = RunningMin()
    for value in range(100):
        values.add(value, 2)
        values.add(value)
        values.add(value, -3)
    assert ([], {}) == (values.heap, values.counts)  # before the minimum is asked for
    assert values.min() is None
    values.add(7)
    values.add(7)
    assert [7] == values.heap


def test_a_value_may_leave_before_it_joins() -> None:
    """What several tell of one window comes in any order."""
    values = RunningMin()
    values.add(5, -1)
    values.add(8)
    assert values.min() == 8
    values.add(5)
    assert values.min() == 8
    values.add(5)
    assert values.min() == 5


def test_what_joins_and_leaves_at_once_changes_nothing() -> None:
    """The same change with the other sign takes it back."""
    values = RunningMin()
    values.change([3, 4, 4], [3])
    assert {4: 2} == values.counts
    values.change([3, 4, 4], [3], -1)
    assert {} == values.counts
