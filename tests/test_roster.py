"""The roster: the same rows of active time, however the news of the shards come in."""

from __future__ import annotations

import random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.cases import rows, timeline
from replays import Line, handed_over, policy_text

from replywatch.flows.state_store import StateStore
from replywatch.metrics.book import Answer, Focus
from replywatch.metrics.events import Event
from replywatch.metrics.roster import AgentNews, Roster
from replywatch.metrics.rows import Row
from replywatch.metrics.times import DAY, HOUR, MINUTE, NEVER, SECOND

SHARDS = 3
CAP = 15 * MINUTE
SCOPE = ("default", "default", "default")
POLICY = policy_text()

Said = tuple[int, int, Any]  # when, by which shard, what


@st.composite
def days(draw: st.DrawFn) -> list[Said]:
    """What two agents do in some hours, on three shards by conversation."""
    said: list[Said] = []
    ends: dict[str, int] = {}
    for number, minute in enumerate(sorted(draw(st.lists(st.integers(1, 120), min_size=1)))):
        replied = minute * MINUTE
        name = draw(st.sampled_from(["a", "b", "c", "d"]))
        agent, shard = draw(st.sampled_from(["ann", "bob"])), ord(name) % SHARDS
        wait = max(replied - draw(st.integers(0, 40)) * MINUTE, ends.get(name, 0))
        since = min(wait + draw(st.integers(0, 30)) * MINUTE, replied)
        ends[name] = replied
        given_ = Answer(agent, name, 0, wait * 100 + number, replied, since, SCOPE, 0)
        said.append((replied, shard, given_))
    for number in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, 120)) * MINUTE
        name = draw(st.sampled_from(["a", "b", "c", "d"]))
        look = Focus(
            draw(st.sampled_from(["ann", "bob"])), at, (True, 0, 6, f"f{number}", ""), name,
            draw(st.booleans()),
        )  # fmt: skip
        said.append((at, ord(name) % SHARDS, look))
    return sorted(said, key=lambda one: one[0])


def news(shard: int, as_of: int, said: list[Any], is_end: bool = False) -> AgentNews:
    """What a shard says in one go."""
    answers = [one for one in said if isinstance(one, Answer)]
    looks = [one for one in said if isinstance(one, Focus)]
    return AgentNews(shard, as_of, is_end, answers=answers, focus=looks)


def test_a_focus_that_goes_on_for_days_is_not_forgotten() -> None:
    """Looking away from what wasn't in focus ends nothing, however long ago that was."""
    looks = [
        Focus("ann", 0, (True, 0, 6, "f1", ""), "a", True),
        Focus("ann", MINUTE, (True, 0, 10, "f2", ""), "b", False),
    ]
    roster = Roster(1, CAP, keep=0)
    roster.receive(news(0, MINUTE, looks))
    roster.advance()
    for day in range(1, 6):
        busy = Answer("ann", "c", 0, day, day * DAY - DAY, day * DAY - DAY, SCOPE, 0)
        roster.receive(news(0, day * DAY, [busy]))
        roster.advance()
    answer = Answer("ann", "a", 0, 4 * DAY, 5 * DAY, 5 * DAY - 20 * MINUTE, SCOPE, 0)
    roster.receive(news(0, 5 * DAY, [answer], is_end=True))
    (row,), _ = roster.advance()
    assert ("focus", 1200.0) == (row[9], row[8])


def told(roster: Roster, all_news: list[AgentNews]) -> dict[Any, Row]:
    """The latest row of each answer, after all news and no more to come."""
    latest: dict[Any, Row] = {}
    for one in all_news:
        roster.receive(one)
        handling, _ = roster.advance()
        keep(latest, handling)
    return latest


def keep(latest: dict[Any, Row], handling: list[Row]) -> None:
    """Keep the highest revision of each row, as the view does."""
    for row in handling:
        if row[:4] not in latest or latest[row[:4]][10] < row[10]:
            latest[row[:4]] = row


def values(latest: dict[Any, Row]) -> dict[Any, Any]:
    """Rows without their revision."""
    return {key: (*row[:10], row[11]) for key, row in latest.items()}


def in_one_go(said: list[Said]) -> dict[Any, Any]:
    """What is told where every shard says everything at once."""
    roster = Roster(SHARDS, CAP, DAY)
    return values(
        told(
            roster,
            [
                news(shard, NEVER, [one for _, its, one in said if its == shard], is_end=True)
                for shard in range(SHARDS)
            ],
        )
    )


def piecewise(said: list[Said], chance: random.Random, lag: int) -> list[AgentNews]:
    """The same in portions: shards go on at their own pace; `lag` lets some come too late."""
    found: list[AgentNews] = []
    for shard in range(SHARDS):
        mine = [(at + chance.randint(0, lag), one) for at, its, one in said if its == shard]
        mine.sort(key=lambda one: one[0])
        marks = sorted(chance.randrange(150 * MINUTE) for _ in range(4))
        for low, high in zip([-1, *marks], [*marks, NEVER], strict=True):
            portion = [one for at, one in mine if low < at <= high]
            found.append(news(shard, high + 1, portion, is_end=high == NEVER))
    order = [one.shard for one in found]
    chance.shuffle(order)
    queues = {shard: [one for one in found if one.shard == shard] for shard in range(SHARDS)}
    return [queues[shard].pop(0) for shard in order]


@settings(deadline=None, max_examples=100)
@given(days(), st.randoms(use_true_random=False), st.sampled_from([0, 60 * MINUTE]))
def test_any_portions_in_any_order_tell_the_same(
    said: list[Said], chance: random.Random, lag: int
) -> None:
    """Also answers and looks that come an hour late: what was told before is revised."""
    found = values(told(Roster(SHARDS, CAP, DAY), piecewise(said, chance, lag)))
    assert in_one_go(said) == found


@settings(deadline=None, max_examples=60)
@given(days(), st.randoms(use_true_random=False), st.integers(0, 15))
def test_a_roster_goes_on_from_a_snapshot(
    said: list[Said], chance: random.Random, cut: int
) -> None:
    """Taken at any point, with the same rows and revisions afterwards."""
    portions = piecewise(said, chance, 30 * MINUTE)
    straight, cut_up = Roster(SHARDS, CAP, DAY), Roster(SHARDS, CAP, DAY)
    expected = told(straight, portions)
    found = told(cut_up, portions[:cut])
    resumed = Roster(SHARDS, CAP, DAY)
    handed_over(cut_up, resumed)
    for row in told(resumed, portions[cut:]).values():
        keep(found, [row])
    assert expected == found


@settings(deadline=None, max_examples=100)
@given(days())
def test_an_agent_is_never_busier_than_the_clock(said: list[Said]) -> None:
    """The active time of all answers is at most the time from the first of them to the last."""
    for agent in ("ann", "bob"):
        mine = [one for one in said if one[2].agent == agent and isinstance(one[2], Answer)]
        found = sum(row[8] for row in in_one_go(said).values() if row[4] == agent)
        if mine:
            span = max(one.replied_at for *_, one in mine) - min(one.since for *_, one in mine)
            assert found <= span / 1_000_000


def test_an_answer_taken_back_frees_the_time_it_shared() -> None:
    """A restatement finds that the reply was another's: the other answer is told again."""
    mine = Answer("ann", "a", 0, 0, 10 * MINUTE, 0, SCOPE, 0)
    other = Answer("ann", "b", 0, 0, 10 * MINUTE, 0, SCOPE, 0)
    roster = Roster(1, CAP, DAY)
    latest = told(roster, [AgentNews(0, 60 * MINUTE, False, answers=[mine, other])])
    assert [300.0, 300.0] == [row[8] for row in latest.values()]
    keep(latest, told_back(roster, mine))
    assert 600.0 == latest["b", 0, 0, 10 * MINUTE][8]


def told_back(roster: Roster, answer: Answer) -> list[Row]:
    """The rows after `answer` was taken back."""
    roster.receive(AgentNews(0, 61 * MINUTE, False, answers_taken_back=[answer]))
    return roster.advance()[0]


def test_a_late_answer_takes_its_share_of_what_was_told() -> None:
    """The other one is told again with half of the common time."""
    roster = Roster(1, CAP, DAY)
    mine = Answer("ann", "a", 0, 0, 10 * MINUTE, 0, SCOPE, 0)
    late = Answer("ann", "b", 0, 0, 8 * MINUTE, 0, SCOPE, 0)
    latest = told(roster, [AgentNews(0, 60 * MINUTE, False, answers=[mine])])
    keep(latest, list(told(roster, [AgentNews(0, 61 * MINUTE, False, answers=[late])]).values()))
    assert {"a": (360.0, 2), "b": (240.0, 1)} == {
        row[0]: (row[8], row[10]) for row in latest.values()
    }


def test_an_answer_is_told_when_nothing_can_share_it_any_more() -> None:
    """The cap after the reply, for a later reply may claim the same time; not a moment before."""
    roster = Roster(1, CAP, DAY)
    answer = Answer("ann", "a", 0, 0, 10 * MINUTE, 0, SCOPE, 0)
    assert {} == told(roster, [AgentNews(0, 25 * MINUTE - 1, False, answers=[answer])])
    assert 1 == len(told(roster, [AgentNews(0, 25 * MINUTE, False)]))


# -- states -----------------------------------------------------------------------------------


def states(*lines: str) -> list[dict[str, Any]]:
    """Events of agents' states from lines like `10:00 agent_state agent=ann state=busy`."""
    return timeline(*lines, conversation=None)


STATES = states(
    "10:00 agent_state agent=ann state=available",
    "10:10 agent_state agent=bob state=busy",
    "10:20 agent_state agent=ann state=busy",
    "10:30 agent_state agent=ann state=away",
)
SPANS = "agent state started_at ended_at seconds"
EXPECTED = [
    ("ann", "available", "03 10:00:00", "03 10:20:00", 1200.0),
    ("ann", "away", "03 10:30:00", None, None),
    ("ann", "busy", "03 10:20:00", "03 10:30:00", 600.0),
    ("bob", "busy", "03 10:10:00", None, None),
]


def test_a_checkpoint_holds_only_the_answers_that_changed() -> None:
    """After an hour of answers each second: those of the last seconds, and those told meanwhile."""
    store, roster = StateStore(None), Roster(1, CAP, DAY)
    said = [Answer("ann", "c", 0, at, at + SECOND, at, SCOPE, 0) for at in range(0, HOUR, SECOND)]
    for start in range(0, len(said), 60):
        roster.receive(news(0, said[start].replied_at, said[start : start + 60]))
        roster.advance()
    store.save(roster.changes(store))
    now = HOUR + 30 * SECOND
    roster.receive(news(0, now, [Answer("ann", "c", 0, HOUR, now, HOUR, SCOPE, 0)]))
    roster.advance()
    changes = roster.changes(store)
    # New is one of minute 60; told meanwhile are those after 44:00 and up to 45:00.
    minutes = {f"ann\0{minute}" for minute in (44, 45, 60)}
    assert minutes | {"ann"} == {one.key for one in changes.pieces}
    store.save(changes)
    again = Roster(1, CAP, DAY)
    again.load(changes.core, store)
    assert roster.agents["ann"].answers == again.agents["ann"].answers
    assert len(said) + 1 == len(again.agents["ann"].answers)


def test_answers_that_are_too_old_leave_the_store() -> None:
    """What can't be changed any more is kept no longer, whatever minute it is of."""
    store, roster = StateStore(None), Roster(1, CAP, DAY)
    for day in range(4):
        at = day * DAY + HOUR
        answers = [Answer("ann", "c", 0, at + n, at + n * MINUTE, at, SCOPE, 0) for n in range(90)]
        roster.receive(news(0, at + 2 * HOUR, answers))
        roster.advance()
        store.save(roster.changes(store))
    assert len(list(store.contents(1))) < 2 * 90 + 1
    again = Roster(1, CAP, DAY)
    again.load(msgspec.msgpack.encode([roster.marks, roster.watermark]), store)
    assert roster.agents["ann"].answers == again.agents["ann"].answers


def test_a_state_lasts_until_the_agents_next_one(tmp_path: Any) -> None:
    """The last one goes on; nobody else's event ends it."""
    line = Line(POLICY)
    line.feed(*STATES)
    assert EXPECTED == rows(line.end().history(tmp_path), "agent_states", SPANS)


def test_duplicate_and_late_states_change_nothing(tmp_path: Any) -> None:
    """A late one splits the state that was told before; a second delivery counts once."""
    line = Line(POLICY)
    line.feed(STATES[0], STATES[3]).feed(STATES[1], STATES[0]).feed(STATES[2]).feed(*STATES)
    assert EXPECTED == rows(line.end().history(tmp_path), "agent_states", SPANS)


def test_an_agents_states_survive_a_snapshot(tmp_path: Any) -> None:
    """A cut after each event, as crashes may."""
    line = Line(POLICY)
    for event in STATES:
        line.feed(event).cut()
    assert EXPECTED == rows(line.end().history(tmp_path), "agent_states", SPANS)


def state(id: str, at: int) -> Event:
    """A state of ann as the decoder gives it."""
    text = {"id": id, "at": None, "kind": "agent_state", "agent": "ann", "state": "busy"}
    return msgspec.structs.replace(msgspec.convert(text, Event), time=at)


def test_a_state_delivered_twice_is_told_once() -> None:
    """In one go or in two."""
    roster = Roster(1, CAP, DAY)
    for as_of in (MINUTE, 2 * MINUTE):
        roster.receive(AgentNews(0, as_of, False, states=[state("s", 0), state("s", 0)]))
        _, told_states = roster.advance()
        assert (1 if as_of == MINUTE else 0) == len(told_states)


def test_a_state_older_than_what_is_kept_is_refused() -> None:
    """Telling it could contradict rows that can't be changed any more."""
    roster = Roster(1, CAP, keep=60 * MINUTE)
    for at in (0, 100 * MINUTE, 200 * MINUTE):
        roster.receive(AgentNews(0, at + 1, False, states=[state(f"s{at}", at)]))
        roster.advance()
    roster.receive(AgentNews(0, 210 * MINUTE, False, states=[state("old", MINUTE)]))
    _, told_states = roster.advance()
    assert [] == told_states
    assert [("default", "old", "forgotten")] == [row[:3] for row in roster.refused]
