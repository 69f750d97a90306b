"""The changes that `make mutants` makes."""

from __future__ import annotations

import pytest
from mutation.mutations import mutants


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", ["a <= b", "a >= b"]),
        ("a and not b", ["a and b", "a or not b"]),
        ("a += b", ["a -= b", "pass"]),
        ("a: int | None = 7", ["a: int | None = 8"]),
        ("min(a, b)", ["max(a, b)", "pass"]),
        ("x = y if z else w", ["x = y if not z else w"]),
        ("'a text'", []),
    ],
)
def test_one_thing_changes_at_a_time(source: str, expected: list[str]) -> None:
    """Each mutant is the whole source with one change; annotations and texts stay as they are."""
    assert expected == sorted(mutant.source for mutant in mutants(source))


def test_the_source_itself_is_not_changed() -> None:
    """A mutant holds no other mutant's change."""
    first, second = "if a == 1:\n    b()", "if a != 1:\n    b()"
    assert 1 == sum(mutant.source == second for mutant in mutants(first))
    assert all(mutant.source != first for mutant in mutants(first))
