"""The roster on single answers, looks and states: when they are told, kept and forgotten."""

from __future__ import annotations

import msgspec
import pytest
from test_pieces import Store
from test_roster import CAP, SCOPE

from replywatch.metrics.attention import LOOK_BACK
from replywatch.metrics.book import Answer, Focus
from replywatch.metrics.events import Event
from replywatch.metrics.roster import AgentNews, Roster
from replywatch.metrics.rows import Row
from replywatch.metrics.times import DAY, HOUR, MINUTE, SECOND


def answer(conversation: str, since: int, replied_at: int) -> Answer:
    """Ann's answer of a wait that began with her part of it."""
    return Answer("ann", conversation, 0, since, replied_at, since, SCOPE, 0)


def look(at: int, conversation: str, is_on: bool = True) -> Focus:
    """Ann turns to a conversation, or away from it."""
    return Focus("ann", at, (True, 0, 6, f"f{at}", ""), conversation, is_on)


def state(name: str, at: int, said: str = "busy", source: str | None = None) -> Event:
    """Ann's state from an instant on."""
    event = Event(id=name, at=None, kind="agent_state", agent="ann", source=source)
    event.state, event.time = said, at  # type: ignore[assignment]
    return event


def hear(
    roster: Roster,
    as_of: int,
    *said: Answer | Focus | Event,
    back: tuple[Answer, ...] = (),
    is_end: bool = False,
) -> tuple[list[Row], list[Row]]:
    """What is told after this news."""
    answers = [one for one in said if isinstance(one, Answer)]
    looks = [one for one in said if isinstance(one, Focus)]
    states = [one for one in said if isinstance(one, Event)]
    roster.receive(
        AgentNews(
            0,
            as_of,
            is_end,
            answers=answers,
            focus=looks,
            states=states,
            answers_taken_back=[*back],
        )
    )
    return roster.advance()


def test_an_answer_is_told_at_the_full_minute_after_its_cap() -> None:
    """Not a microsecond sooner; half a minute later it is the next minute's."""
    roster = Roster(1, CAP, DAY)
    hear(roster, 0, answer("a", 0, 5 * MINUTE), answer("b", 0, 9 * MINUTE + 30 * SECOND))
    assert ([], []) == hear(roster, CAP + 5 * MINUTE - 1)
    ((*first, seconds, method, revision, generation),), _ = hear(roster, CAP + 5 * MINUTE)
    assert ["a", 0, 0, 5 * MINUTE, "ann", *SCOPE] == first
    assert (150.0, "estimated", 1, 0) == (seconds, method, revision, generation)
    assert ([], []) == hear(roster, CAP + 10 * MINUTE - 1)
    (row,), _ = hear(roster, CAP + 10 * MINUTE)
    assert ("b", 420.0) == (row[0], row[8])
    assert [(SCOPE, 150.0), (SCOPE, 420.0)] == roster.samples
    assert ([], []) == hear(roster, 5 * HOUR, is_end=True)


def test_where_no_time_counts_an_answer_is_told_at_once() -> None:
    """When the watermark has come to it."""
    roster = Roster(1, 0, DAY)
    assert ([], []) == hear(roster, 2, answer("a", 0, 3))
    (row,), _ = hear(roster, 3)
    assert ("a", 0.0) == (row[0], row[8])


def test_at_the_end_all_is_told_in_the_order_of_the_names() -> None:
    """Also what could still share its time."""
    roster = Roster(1, CAP, DAY)
    other = msgspec.structs.replace(answer("b", 0, MINUTE), agent="abe")
    rows, _ = hear(roster, MINUTE, answer("a", 0, MINUTE), other, is_end=True)
    assert [("abe", 60.0), ("ann", 60.0)] == [(row[4], row[8]) for row in rows]


def test_what_comes_late_is_shared_and_told_again() -> None:
    """Only where it changes something; what it is divided with has a higher revision."""
    roster = Roster(1, CAP, DAY)
    hear(roster, 0, answer("a", 0, 60 * MINUTE), answer("z", 0, 0))
    hear(roster, 2 * HOUR)
    early = answer("b", 10 * MINUTE, 20 * MINUTE)  # overlaps the wait, not what it took
    rows, _ = hear(roster, 2 * HOUR, early)
    assert [("b", 600.0, 1)] == [(row[0], row[8], row[10]) for row in rows]
    late = answer("c", 50 * MINUTE, 60 * MINUTE)
    rows, _ = hear(roster, 2 * HOUR, late)
    assert [("a", 600.0, 2), ("c", 300.0, 1)] == [(row[0], row[8], row[10]) for row in rows]
    rows, _ = hear(roster, 2 * HOUR, back=(late,))
    assert [("a", 900.0, 3)] == [(row[0], row[8], row[10]) for row in rows]
    assert 4 == len(roster.samples)


def test_an_answer_told_late_shares_with_focus_of_hours_ago() -> None:
    """What was looked at in the last day counts, and who else took that time by estimate."""
    roster = Roster(1, CAP, DAY)
    start = 2 * DAY
    looks = look(start, "a"), look(start + HOUR, "a", is_on=False)
    hear(roster, start + 2 * HOUR, *looks, answer("b", start, start + 30 * MINUTE))
    (row,), _ = hear(roster, start + 8 * HOUR, answer("a", start, start + 7 * HOUR))
    assert ("a", 3600.0 - 450.0, "focus") == (row[0], row[8], row[9])


def test_what_was_never_said_cant_be_taken_back() -> None:
    """The answer that comes with it is as good as any."""
    roster = Roster(1, CAP, DAY)
    one = answer("a", 0, MINUTE)
    rows, _ = hear(roster, HOUR, one, back=(one,))
    assert (1, [(SCOPE, 60.0)]) == (len(rows), roster.samples)
    rows, _ = hear(roster, HOUR, msgspec.structs.replace(one, generation=1), back=(one,))
    assert ((1, 1), 1) == (rows[0][10:], len(roster.samples))


def test_an_agent_is_named_by_one_text() -> None:
    """Of thousands of answers none holds a name of its own."""
    roster = Roster(1, CAP, DAY)
    one, other = answer("a", 0, MINUTE), answer("b", 0, MINUTE)
    other.agent = "".join(["a", "nn"])
    hear(roster, 0, one, other)
    ann = roster.agents["ann"]
    assert all(kept.answer.agent is ann.name for kept in ann.answers)


def test_a_state_lasts_until_the_next_whenever_that_came() -> None:
    """One that comes late ends the one before it, and ends where the next began."""
    roster = Roster(1, CAP, DAY)
    _, told = hear(roster, 9, state("s1", 2 * SECOND, "away"), state("s3", 9 * SECOND, "offline"))
    assert [("s1", None), ("s1", 7.0), ("s3", None)] == [(row[6], row[4]) for row in told]
    _, told = hear(roster, 9, state("s2", 5 * SECOND, "available", "crm"))
    assert [
        ("ann", "away", 2 * SECOND, 5 * SECOND, 3.0, "default", "s1", 3),
        ("ann", "available", 5 * SECOND, 9 * SECOND, 4.0, "crm", "s2", 1),
    ] == told
    assert {"available": 0, "busy": 0, "away": 0, "offline": 1} == roster.counts()


def test_a_state_said_twice_counts_once() -> None:
    """By its id and source, whatever else it says; the id of another source is another."""
    roster = Roster(1, CAP, DAY)
    hear(roster, 9, state("s", 2), state("t", 5))
    assert ([], []) == hear(roster, 9, state("s", 2), state("s", 7, "away"))
    _, told = hear(roster, 9, state("s", 7, "away", "crm"))
    assert ["t", "s"] == [row[6] for row in told]


def test_a_state_too_late_is_refused_and_changes_nothing() -> None:
    """Before the one that was in force when the memory ends; at it, it is taken."""
    roster = Roster(1, CAP, HOUR)
    hear(roster, 5 * HOUR, state("s1", HOUR), state("s2", 2 * HOUR), state("s3", 3 * HOUR, "away"))
    assert ([], []) == hear(roster, 5 * HOUR, state("late", 3 * HOUR - 1))
    ((source, name, reason, detail, watermark, raw),) = roster.refused
    assert ("default", "late", "forgotten", 5 * HOUR) == (source, name, reason, watermark)
    assert ("state of agent 'ann' came too late to be told", b"") == (detail, raw)
    assert ["s3"] == [one.order[4] for one in roster.agents["ann"].states]
    _, told = hear(roster, 5 * HOUR, state("then", 3 * HOUR))
    assert ["s3", "then"] == [row[6] for row in told]


@pytest.mark.parametrize("passed", [0, 1])
def test_states_are_kept_from_the_one_in_force_on(passed: int) -> None:
    """At the end of the memory the next is in force only after its instant."""
    roster = Roster(1, CAP, HOUR)
    hear(roster, 0, state("s1", 1), state("s2", MINUTE), answer("a", 0, DAY))
    hear(roster, HOUR + MINUTE + passed)
    names = [one.order[4] for one in roster.agents["ann"].states]
    assert (["s1", "s2"], ["s2"])[passed] == names
    hear(roster, 0, state("s0", 0))
    assert passed == len(roster.refused)


def test_answers_are_forgotten_when_none_can_share_their_time() -> None:
    """The cap after the memory ends; then all that are older than that end, also in the store."""
    roster, store = Roster(1, CAP, HOUR), Store()
    work = [answer("a", 0, at) for at in (0, MINUTE, CAP, CAP + 1, DAY)]
    hear(roster, HOUR + CAP, *work)
    changes = roster.changes(store)
    store.save(changes.pieces, changes.gone)
    assert 5 == len(roster.agents["ann"].answers)
    hear(roster, HOUR + CAP)
    assert ([], []) == (roster.changes(store).pieces, roster.changes(store).gone)
    hear(roster, HOUR + CAP + 1)
    assert [CAP + 1, DAY] == [one.answer.replied_at for one in roster.agents["ann"].answers]
    changes = roster.changes(store)
    store.save(changes.pieces, changes.gone)
    again = Roster(1, CAP, HOUR)
    again.load(changes.core, store)
    assert roster.agents == again.agents
    assert (HOUR + CAP + 1, roster.marks) == (again.watermark, again.marks)
    (row,), _ = hear(again, 2 * DAY)
    assert (DAY, 900.0) == (row[3], row[8])


def test_looks_are_forgotten_a_day_and_the_cap_after_the_memory_ends() -> None:
    """All before that instant but the one since which one conversation is in focus."""
    roster = Roster(1, CAP, HOUR)
    looks = [look(1, "a"), look(2, "b"), look(3, "b", is_on=False), look(4, "c"), look(5, "d")]
    hear(roster, 0, *looks, answer("z", 0, 9 * DAY))
    gone = HOUR + CAP + LOOK_BACK
    for at, kept in (
        (1, [1, 2, 3, 4, 5]),
        (2, [1, 2, 3, 4, 5]),
        (4, [4, 5]),
        (5, [4, 5]),
        (6, [5]),
    ):
        hear(roster, gone + at)
        found = [one.at for one in roster.agents["ann"].focus]
        assert kept == found, at


def test_who_does_nothing_costs_nothing_however_time_passes() -> None:
    """No checkpoint writes an agent of whom all is told."""
    roster, store = Roster(1, CAP, HOUR), Store()
    hear(roster, 0, answer("a", 0, MINUTE), state("s1", 0), state("s2", MINUTE), look(0, "a"))
    hear(roster, HOUR)
    changes = roster.changes(store)
    assert 2 == store.save(changes.pieces, changes.gone)
    again = Roster(1, CAP, HOUR)
    again.load(changes.core, store)
    for one in (roster, again):
        hear(one, 9 * DAY)
        assert ([], []) == (one.changes(store).pieces, one.changes(store).gone)
