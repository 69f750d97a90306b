"""The changes that `make mutants` makes."""

from __future__ import annotations

import pytest
from mutation.mutations import mutants
from mutation.patching import patch
from mutation.plan import cases, read_plan

from replywatch.metrics import times


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
        ("raise ValueError(a < 1)", []),
        ("class A(B, gc=False):\n    pass", []),
        ("if TYPE_CHECKING:\n    a()", []),
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


def test_a_mutant_knows_the_lines_that_run_it() -> None:
    """Those of a block's head, not of its body; none at import, which every test does."""
    source = "a = 1\ndef f():\n    if (b and\n            c):\n        d()"
    lines = {(one.before, one.after): set(one.lines) for one in mutants(source)}
    assert {
        ("1", "2"): set(),
        ("b and c", "b or c"): {3, 4},
        ("d()", "pass"): {5},
    } == lines


def test_a_function_is_changed_where_it_stands() -> None:
    """Whoever has imported it runs the changed code, until it is changed back."""
    window_of = times.window_of
    [case] = [one for one in cases(["times"]) if one.mutant.before == "instant - instant % WINDOW"]
    before = window_of(times.WINDOW + 1)
    patch("times", case.original, case.mutant.source)
    try:
        assert before != window_of(times.WINDOW + 1)
    finally:
        patch("times", case.mutant.source, case.original)
    assert before == window_of(times.WINDOW + 1)


def test_survivors_are_kept_by_the_text_of_their_line() -> None:
    """Each is a mutant that is still made, so that a changed line asks for a new reason."""
    plan = read_plan()
    assert [] == plan.outdated({name for name, *_ in plan.kept})
