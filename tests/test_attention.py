"""Active time: each moment of an agent shared among what the agent works on.

Segments are counted moment by moment here, with exact fractions.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor

from hypothesis import given, settings
from hypothesis import strategies as st

from replywatch.metrics.attention import LOOK_BACK, Attention, focus_in_force, focus_spans
from replywatch.metrics.book import Answer, Focus
from replywatch.metrics.times import MINUTE, NEVER

SCOPE = ("default", "default", "default")
END = 40  # of the small times below
Told = list[tuple[int, str]]


def answer(conversation: str, since: int, replied: int) -> Answer:
    """An answered wait of agent ann, whose part of it may have begun at `since`."""
    return Answer("ann", conversation, 0, since, replied, since, SCOPE, 0)


def focus(at: int, conversation: str, is_on: bool = True, order: int = 0) -> Focus:
    """Agent ann turns to a conversation, or away from it."""
    return Focus("ann", at, (True, 0, order, f"f{at}", ""), conversation, is_on)


def shares(answers: list[Answer], looks: list[Focus], cap: int) -> Told:
    """What the rules say of all answers."""
    attention = Attention(answers, looks, cap)
    return [attention.share(index) for index in range(len(answers))]


def watched(looks: list[Focus]) -> list[str | None]:
    """Which conversation the agent looks at in each moment."""
    moments: list[str | None] = []
    current: str | None = None
    at = 0
    for look in [*looks, focus(END, "")]:
        moments += [current] * (look.at - at)
        at = look.at
        current = look.conversation if look.is_on else current
        if not look.is_on and current == look.conversation:
            current = None
    return moments


def counted(answers: list[Answer], looks: list[Focus], cap: int) -> Told:
    """The same, moment by moment."""
    seen = watched(looks)
    claims: list[tuple[set[int], str]] = []
    for one in answers:
        part = range(one.since, one.replied_at)
        looked = {at for at in part if seen[at] == one.conversation}
        estimate = set(range(max(one.since, one.replied_at - cap), one.replied_at))
        claims.append((looked, "focus") if looked else (estimate, "estimated"))

    def share(moments: set[int]) -> int:
        total = Fraction(0)
        for at in moments:
            estimated = sum(at in other for other, method in claims if method == "estimated")
            total += Fraction(1, estimated + (seen[at] is not None))
        return floor(total)

    return [(share(moments), method) for moments, method in claims]


def in_turn(answers: list[Answer]) -> list[Answer]:
    """By the time of the reply, where the waits of one conversation follow each other."""
    ends: dict[str, int] = {}
    found = []
    for one in sorted(answers, key=lambda one: (one.replied_at, one.conversation)):
        since = max(one.since, ends.get(one.conversation, 0))
        found.append(answer(one.conversation, since, one.replied_at))
        ends[one.conversation] = one.replied_at
    return found


answers_given = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, END), st.integers(0, END)).map(
        lambda drawn: answer(drawn[0], min(drawn[1:]), max(drawn[1:]))
    ),
    max_size=7,
).map(in_turn)

looks_taken = st.lists(
    st.tuples(st.integers(0, END), st.sampled_from("abcd"), st.booleans()), max_size=6
).map(lambda found: [focus(*look) for look in sorted(found, key=lambda look: look[0])])


@settings(deadline=None, max_examples=300)
@given(answers_given, looks_taken, st.integers(0, 15))
def test_each_moment_is_shared_equally_among_what_is_worked_on(
    answers: list[Answer], looks: list[Focus], cap: int
) -> None:
    """Whole microseconds, rounded down; the estimate where the conversation wasn't looked at."""
    assert counted(answers, looks, cap) == shares(answers, looks, cap)


@settings(deadline=None, max_examples=300)
@given(answers_given, looks_taken, st.integers(0, 15))
def test_active_time_never_exceeds_the_time_on_the_wall(
    answers: list[Answer], looks: list[Focus], cap: int
) -> None:
    """The sum is at most the union of what is worked on; without focus it is all of it."""
    total = sum(share for share, _ in shares(answers, looks, cap))
    moments = {
        at for one in answers for at in range(max(one.since, one.replied_at - cap), one.replied_at)
    }
    seen = {at for at, conversation in enumerate(watched(looks)) if conversation is not None}
    assert total <= len(moments | seen)
    if not looks:
        assert len(moments) - len(answers) <= total <= len(moments)


def test_two_waits_at_once_cost_half_each() -> None:
    """Ten minutes on two conversations, of which five are common."""
    minutes = [answer("a", 0, 10 * MINUTE), answer("b", 5 * MINUTE, 15 * MINUTE)]
    expected = [(7 * MINUTE + MINUTE // 2, "estimated")] * 2
    assert expected == shares(minutes, [], 60 * MINUTE)


def test_a_long_wait_costs_the_cap() -> None:
    """Nobody thinks for an hour about one answer."""
    assert [(15 * MINUTE, "estimated")] == shares([answer("a", 0, 60 * MINUTE)], [], 15 * MINUTE)


def test_focus_replaces_the_estimate_and_knows_no_cap() -> None:
    """What the agent looked at is known, also for longer than an estimate may take."""
    looks = [focus(10 * MINUTE, "a"), focus(40 * MINUTE, "a", is_on=False)]
    assert [(30 * MINUTE, "focus")] == shares([answer("a", 0, 60 * MINUTE)], looks, 15 * MINUTE)


def test_focus_elsewhere_takes_its_share_of_an_estimate() -> None:
    """The agent looked at something else half of the time, answered or not."""
    looks = [focus(0, "z"), focus(10 * MINUTE, "z", is_on=False)]
    expected = [(15 * MINUTE, "estimated")]
    assert expected == shares([answer("a", 0, 20 * MINUTE)], looks, 60 * MINUTE)


def test_focus_of_long_ago_is_no_longer_asked() -> None:
    """A wait of days: only what was looked at in its last day counts as focus."""
    early, late = 0, 2 * LOOK_BACK
    looks = [focus(early, "a"), focus(early + MINUTE, "a", is_on=False)]
    assert [(MINUTE, "estimated")] == shares([answer("a", 0, late)], looks, MINUTE)
    looks = [focus(early, "a"), focus(late - LOOK_BACK + MINUTE, "a", is_on=False)]
    assert [(MINUTE, "focus")] == shares([answer("a", 0, late)], looks, 5 * MINUTE)


def test_turning_to_one_conversation_turns_away_from_the_other() -> None:
    """Turning to the same again goes on; turning away from another changes nothing."""
    looks = [
        focus(0, "a"), focus(2, "a"), focus(5, "b"), focus(6, "a", is_on=False), focus(9, "c"),
    ]  # fmt: skip
    assert [(0, 5, "a"), (5, 9, "b"), (9, NEVER, "c")] == focus_spans(looks)
    at_once = [focus(3, "a"), focus(3, "b"), focus(3, "b", is_on=False)]
    assert [] == focus_spans(at_once)


def test_an_answer_at_once_is_no_focus() -> None:
    """The agent looked at it before, but no part of a wait of no length."""
    assert [(0, "estimated")] == shares([answer("a", 5, 5)], [focus(0, "a")], MINUTE)


def test_of_what_was_looked_at_the_last_is_in_force() -> None:
    """Since it was turned to, however often after that; nothing once it was turned away from."""
    first, again, other = focus(1, "a"), focus(2, "a"), focus(3, "b")
    assert [first] == focus_in_force([first, again])
    assert [other] == focus_in_force([first, again, other])
    assert [other] == focus_in_force([first, other, focus(4, "a", is_on=False)])
    assert [] == focus_in_force([first, other, focus(4, "b", is_on=False)])
