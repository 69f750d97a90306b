"""What is asked of a period, over random histories: the mart's rows of it, whatever it reads.

Many conversations at once on a coarse grid of instants, so that releases, claims, replies and the
ends of periods often meet; some events come before the first message, some far too late.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import duckdb
import pytest
from replays import Line, policy_text

START = datetime(2026, 3, 2, 18, tzinfo=UTC)
DAYS = 3
DAY = 86_400_000_000
AGENTS = ("ana", "bo", "cy")
KINDS = {
    "post": 8, "reply": 6, "assigned": 5, "unassigned": 4, "transferred": 2, "closed": 3,
    "reopened": 1, "handed_off": 1,
}  # fmt: skip
STEPS = (0, 0, 0, 1, 30, 60, 60, 120, 121, 300, 600, 1800, 3600, 12 * 3600)
Con = duckdb.DuckDBPyConnection


def told(chance: random.Random) -> list[dict[str, Any]]:
    """Events of conversations and of agents' states over `DAYS` days."""
    found: list[dict[str, Any]] = []

    def tell(at: datetime, kind: str, **fields: Any) -> None:
        seq = {"seq": chance.randint(0, 3)} if chance.random() < 0.3 else {}
        event = {"id": f"{chance.randint(0, 9)}-{len(found)}", "at": at.isoformat(), "kind": kind}
        found.append({**event, **fields, **seq})

    for number in range(120):
        at = START + timedelta(minutes=30 * chance.randrange(DAYS * 48))
        queue = chance.choice(["social", "billing"])
        first = "assigned" if chance.random() < 0.1 else "post"
        for kind in [first, *chance.choices([*KINDS], [*KINDS.values()], k=chance.randint(0, 14))]:
            who: dict[str, Any] = {"agent": chance.choice(AGENTS)}
            if kind in ("post", "unassigned", "reopened"):
                who = {}
            elif kind == "handed_off" or (kind == "reply" and chance.random() < 0.1):
                who = {"bot": "rob"}
            tell(at, kind, conversation=f"c{number}", queue=queue, **who)
            at += timedelta(seconds=chance.choice(STEPS))
    for agent in AGENTS[:2]:  # cy's source tells no states
        at = START
        while at < START + timedelta(days=DAYS):
            at += timedelta(seconds=chance.choice(STEPS) * 3)
            state = chance.choice(["available", "busy", "away", "offline"])
            tell(at, "agent_state", agent=agent, state=state)
    return sorted(found, key=lambda event: event["at"])


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Con]:
    """A random history, part of it restated."""
    chance = random.Random(0)
    events = told(chance)
    late = [event for event in events if chance.random() < 0.03]
    line = Line(policy_text(), lateness=3600)
    for some in (events[i : i + 50] for i in range(0, len(events), 50)):
        line.feed(*(event for event in some if event not in late))
    line.feed(*late).end()
    with line.history(tmp_path_factory.mktemp("history")) as opened:
        yield opened


def periods(con: Con, dated_by: str) -> list[tuple[str, str]]:
    """Bounds as SQL: open, beyond all, and on or beside instants of rows of the table `whole`."""
    chance = random.Random(1)
    happened = con.sql(f"select distinct epoch_us({dated_by}) as us from whole order by us")
    instants = [us for (us,) in happened.fetchall()]
    found = [("null", "null"), ("make_timestamptz(0)", "make_timestamptz(4000000000000000)")]
    for _ in range(10):
        some = [chance.choice(instants) + chance.choice([-60_000_000, 0, 0, 1]) for _ in "ab"]
        since, until = (f"make_timestamptz({us})" for us in sorted(some))
        found += [(since, until), chance.choice([("null", until), (since, "null")])]
    return found


def differences(con: Con, bounded: str, whole: str, bounds: tuple[str, str]) -> list[Any]:
    """Rows of one and not of the other, as often as they stand there."""
    since, until = bounds
    one, other = bounded.format(since=since, until=until), whole.format(since=since, until=until)
    return con.sql(
        f"select 'more', columns(*)::varchar from (({one}) except all ({other})) union all "
        f"select 'less', columns(*)::varchar from (({other}) except all ({one}))"
    ).fetchall()


INSIDE = {
    "taken_between({since}, {until})": ("taken_between(null, null)", "assigned_at"),
    "collisions_between({since}, {until})": ("collisions", "replied_at"),
    "breaches_between({since}, {until})": ("breaches", "missed_at"),
    "first_contacts({since}, {until}, 'closed')": ("fcr", "closed_at"),
    "behaviours_between(next_midnight({since}), next_midnight({until}))": (
        "agent_behaviours",
        "midnight_of(day)",
    ),
}


@pytest.mark.parametrize("bounded", INSIDE)
def test_a_period_has_the_rows_of_all_that_lie_in_it(con: Con, bounded: str) -> None:
    """Whatever began before, and wherever the period ends."""
    mart, dated_by = INSIDE[bounded]
    con.execute(f"create or replace temp table whole as from {mart}")
    assert con.execute("select count(*) from whole").fetchall()[0][0] > 5
    inside = f"from whole where is_within({dated_by}, {{since}}, {{until}})"
    for bounds in periods(con, dated_by):
        assert (bounds, []) == (bounds, differences(con, f"from {bounded}", inside, bounds))


def test_spans_of_a_period_are_those_of_all_cut_to_it(con: Con) -> None:
    """Span by span, at the period's own ends and at midnights."""
    con.execute("create or replace temp table whole as from agent_spans")
    cut = """
        select * replace (
            (epoch_us(ended_at) - epoch_us(started_at)) / 1e6 as seconds
        ) from (
            select * replace (
                greatest(started_at, {since}) as started_at, least(ended_at, {until}) as ended_at
            ) from whole
        ) where started_at < ended_at"""
    for bounds in periods(con, "started_at"):
        found = differences(con, "from spans_between({since}, {until})", cut, bounds)
        assert (bounds, []) == (bounds, found)


def test_spans_are_what_states_and_waits_say(con: Con) -> None:
    """Instant by instant, each state until the next, or until the history ends; by microseconds."""
    [(now,)] = con.sql("select epoch_us(now) from history_clock").fetchall()
    waits = con.sql(
        "select agent, epoch_us(handling_started_at), epoch_us(replied_at) from raw.responses"
    ).fetchall()
    states = con.sql(
        "select agent, epoch_us(started_at), epoch_us(coalesce(ended_at, make_timestamptz($1))), "
        "state from raw.agent_states",
        params=[now],
    ).fetchall()
    expected = set()
    for agent in AGENTS:
        hand = [(start, end) for who, start, end in waits if who == agent and start < end]
        there = [span for who, *span in states if who == agent and span[0] < span[1]]
        marks = {at for start, end, *_ in [*hand, *there] for at in (start, end)}
        first = min(marks) // DAY * DAY
        marks |= {at for at in range(first, max(marks), DAY) if at > min(marks)}
        for start, end in pairwise(sorted(marks)):
            [state] = [state for since, until, state in there if since <= start < until] or [None]
            n = sum(since <= start < until for since, until in hand)
            if state is not None or n:
                expected.add((agent, start, end, state, n))
    found = con.sql(
        "select agent, epoch_us(started_at), epoch_us(ended_at), state, waits_in_hand "
        "from agent_spans"
    ).fetchall()
    assert len(found) == len(expected)
    assert expected == set(found)
