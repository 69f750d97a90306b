"""Whatever the roster was told and takes back again, in the end it says what is left of it."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from test_pieces import Store
from test_roster import CAP, SCOPE

from replywatch.metrics.book import Answer, Focus
from replywatch.metrics.events import Event
from replywatch.metrics.roster import AgentNews, Roster
from replywatch.metrics.rows import Row
from replywatch.metrics.times import DAY, HOUR, MINUTE


def some_work(rng: Random, count: int, generation: int = 0) -> list[Answer]:
    """Answers of two agents within six hours."""
    found = []
    for number in range(count):
        at = rng.randrange(360) * MINUTE + number
        since = at - rng.randrange(40) * MINUTE
        agent, name = rng.choice(["ann", "bob"]), rng.choice("abcd")
        found.append(Answer(agent, name, 0, at - 50 * MINUTE, at, since, SCOPE, generation))
    return found


def some_looks(rng: Random, count: int) -> list[Focus]:
    """Turns to and from conversations."""
    return [
        Focus(
            rng.choice(["ann", "bob"]), rng.randrange(360) * MINUTE, (True, 0, 6, f"f{number}", ""),
            rng.choice("abcd"), rng.random() < 0.7,
        )
        for number in range(count)
    ]  # fmt: skip


def in_force(rows: list[Row]) -> dict[Any, Any]:
    """The last row told of each answer, without its revision; revisions only grow."""
    found: dict[Any, Any] = {}
    revisions: dict[Any, int] = {}
    for row in rows:
        assert row[10] == revisions.get(row[:5], 0) + 1
        revisions[row[:5]] = row[10]
        found[row[:5]] = (*row[5:10], row[11])
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("looks", [0, 30])
def test_what_is_taken_back_was_never_there(seed: int, looks: int) -> None:
    """In any order, late or not, through checkpoints; and nothing new tells nothing."""
    rng = Random(seed)
    stays, turns = some_work(rng, 40), some_looks(rng, looks)
    goes, strays = some_work(rng, 15, 1), some_looks(rng, looks // 3)
    strays = [
        msgspec.structs.replace(one, order=(True, 0, 6, f"x{n}", ""))
        for n, one in enumerate(strays)
    ]
    plain = Roster(1, CAP, 9 * DAY)
    plain.receive(AgentNews(0, 7 * HOUR, True, answers=stays, focus=turns))
    expected, _ = plain.advance()
    steps: list[dict[str, list[Any]]] = [{"answers": [one]} for one in stays]
    steps += [{"focus": [one]} for one in turns]
    steps += [{"answers": [one]} for one in goes] + [{"focus": [one]} for one in strays]
    rng.shuffle(steps)
    back: list[dict[str, list[Any]]] = [{"answers_taken_back": [one]} for one in goes + goes[:3]]
    never = [Focus("ann", DAY, (True, 0, 6, "never", ""), "a", True)]
    back += [{"focus_taken_back": [one]} for one in strays + strays[:3] + never]
    rng.shuffle(back)
    roster, store, rows, now = Roster(1, CAP, 9 * DAY), Store(), [], 0
    for step in [*steps, *back]:
        now += rng.choice([0, 0, 10 * MINUTE])
        roster.receive(AgentNews(0, now, False, **step))
        rows += roster.advance()[0]
        assert [] == roster.advance()[0]
        if rng.random() < 0.3:
            changes = roster.changes(store)
            store.save(changes.pieces, changes.gone)
            assert [] == roster.changes(store).pieces
            roster.advance()
            assert [] == roster.changes(store).pieces
            roster = Roster(1, CAP, 9 * DAY)
            roster.load(changes.core, store)
    roster.receive(AgentNews(0, now, True))
    rows += roster.advance()[0]
    gone = {(one.conversation, 0, one.wait_at, one.replied_at, one.agent) for one in goes}
    found = {key: row for key, row in in_force(rows).items() if key not in gone}
    assert in_force(expected) == found


def test_each_answer_is_one_sample_and_every_telling_has_its_generation() -> None:
    """The histogram takes its active time once, as first told; rows follow a restatement."""
    answer = Answer("ann", "a", 0, 0, 9 * MINUTE, 4 * MINUTE, SCOPE, 0)
    roster = Roster(1, CAP, DAY)
    roster.receive(AgentNews(0, HOUR, False, answers=[answer]))
    ((*first, revision, generation),), _ = roster.advance()
    assert (1, 0) == (revision, generation)
    again = msgspec.structs.replace(answer, generation=1)
    roster.receive(AgentNews(0, HOUR, False, answers=[again], answers_taken_back=[answer]))
    ((*second, revision, generation),), _ = roster.advance()
    assert (first, 1, 1) == (second, revision, generation)
    other = Answer("ann", "b", 0, 0, 9 * MINUTE + 1, 4 * MINUTE, SCOPE, 0)
    roster.receive(AgentNews(0, HOUR, False, answers=[other]))
    told, _ = roster.advance()
    assert [("a", 2, 1), ("b", 1, 0)] == [(row[0], row[10], row[11]) for row in told]
    assert [300.0, pytest.approx(150.0)] == [seconds for _, seconds in roster.samples]


def test_agents_are_counted_in_the_state_that_they_are_in() -> None:
    """One of whom no state is known is in none."""
    roster = Roster(1, CAP, DAY)
    states = []
    said = [("ann", "away"), ("ann", "busy"), ("bob", "busy"), ("cid", "offline")]
    for number, (agent, state) in enumerate(said):
        event = Event(id=f"s{number}", at=None, kind="agent_state", agent=agent)
        event.state = state  # type: ignore[assignment]
        event.time = number
        states.append(event)
    answers = [Answer("dan", "a", 0, 0, 9, 4, SCOPE, 0)]
    roster.receive(AgentNews(0, HOUR, False, answers=answers, states=states))
    assert {"available": 0, "busy": 2, "away": 0, "offline": 1} == roster.counts()
    _, told = roster.advance()
    shown = [(row[0], row[1], row[2], row[3], row[4], row[5], row[7]) for row in told]
    assert [
        ("ann", "away", 0, None, None, "default", 1),
        ("ann", "away", 0, 1, 0.000001, "default", 2),
        ("ann", "busy", 1, None, None, "default", 1),
        ("bob", "busy", 2, None, None, "default", 1),
        ("cid", "offline", 3, None, None, "default", 1),
    ] == shown


def test_old_work_leaves_memory_and_the_store() -> None:
    """What is told stays for as long as it may change, an hour here; so do states."""
    roster, store, sizes = Roster(1, CAP, HOUR), Store(), []
    for number in range(300):
        at = DAY + number * 20 * MINUTE
        answer = Answer("ann", "a", 0, at - MINUTE, at, at - MINUTE, SCOPE, 0)
        state = Event(id=f"s{number}", at=None, kind="agent_state", agent="ann", state="busy")
        state.time = at
        roster.receive(AgentNews(0, at + HOUR, False, answers=[answer], states=[state]))
        roster.advance()
        changes = roster.changes(store)
        store.save(changes.pieces, changes.gone)
        sizes.append(sum(len(piece.data) for piece in store.pieces.values()))
    assert max(sizes[10:]) < 1.5 * min(sizes[10:])
    again = Roster(1, CAP, HOUR)
    again.load(changes.core, store)
    assert again.agents == roster.agents
    kept = roster.agents["ann"]
    limit = DAY + 299 * 20 * MINUTE
    assert limit - CAP <= kept.answers[0].answer.replied_at <= limit
    assert kept.states[0].order[0] < limit <= kept.states[1].order[0]
    for at, count in ((kept.states[0].order[0] - 1, 1), (kept.states[0].order[0], 0)):
        late = Event(id=f"late{at}", at=None, kind="agent_state", agent="ann", state="away")
        late.time, late.source = at, "crm"
        roster.refused.clear()
        roster.receive(AgentNews(0, 0, False, states=[late]))
        assert [("crm", "forgotten")] * count == [(row[0], row[2]) for row in roster.refused]
