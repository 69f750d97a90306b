"""The changes that `make mutants` makes."""

from __future__ import annotations

import pytest
from mutation.mutations import mutants
from mutation.patching import patch
from mutation.plan import cases, read_plan
from mutation.reach import METRICS, ROOT
from mutation.stories import Story
from mutation.storybook import write, write_late
from oracle.cases import microseconds, timeline
from timelines import WALL

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


def test_a_story_is_told_well_only_by_rules_that_give_the_answers_of_the_oracle() -> None:
    """A lost reopen and an endless wait show in any order, a second telling only in events late."""
    lines = ("10:00 post", "10:02 reply agent=ann", "10:06 closed agent=ann", "10:09 post")
    events = [event | {"id": f"e{place}"} for place, event in enumerate(timeline(*lines))]
    until = microseconds("10:30") // times.SECOND
    stories = [write(0, [WALL], events, until), write_late(4, events)]
    assert [True, True] == [story.is_told_well() for story in stories]
    expected = {
        ("conversation", "self.reopen_gaps.append((at - closed_at, gap))"): [False, False],
        ("life", "self.wait_at = None"): [False, False],
        ("book", "self.messages += redone.messages"): [True, False],
    }
    found = {}
    for module, before in expected:
        case = next(one for one in cases([module]) if one.mutant.before == before)
        patch(module, case.original, case.mutant.source)
        try:
            found[module, before] = [is_told_well(story) for story in stories]
        finally:
            patch(module, case.mutant.source, case.original)
    assert expected == found


def is_told_well(story: Story) -> bool:
    """A mutant that fails in mid-story doesn't tell it well either."""
    try:
        return story.is_told_well()
    except Exception:
        return False


def test_survivors_are_kept_by_the_text_of_their_line() -> None:
    """Each is a mutant that is still made, so that a changed line asks for a new reason."""
    plan = read_plan()
    assert [] == plan.outdated({name for name, *_ in plan.kept})


def test_a_way_out_is_named_after_the_line_above() -> None:
    """Else a reason for one would keep all others of its module."""
    names = [case.name for case in cases(["shard"]) if case.mutant.before == "continue"]
    assert "if not fresh: continue" in {text for _, text, _, _ in names}
    assert len(names) == len(set(names))


def test_modules_are_near_to_listed_tests() -> None:
    """Each file of tests and each module is there."""
    plan = read_plan()
    assert {path.stem for path in METRICS.glob("*.py")} >= set(plan.near)
    assert set(plan.tests) >= {file for files in plan.near.values() for file in files}
    assert all((ROOT / "tests" / file).is_file() for file in plan.tests)
