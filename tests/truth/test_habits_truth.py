"""Agents' habits and where their time went, from the oracle's tables by SQL and by counting."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import pairwise

from truth.told import Con, Pair, Rows, rounded, rows, told
from truth.uncertainty import wilson

HELD = """
select agent, queue, from_no, to_no, conversation_id, at_us as from_us, to_us, is_released
from (
    select * replace (assigned_agent as agent), event_no as from_no, lead(event_no) over w as to_no,
        lead(at_us) over w as to_us,
        coalesce(lead(kind) over w = 'unassigned', false) as is_released
    from stg_states where assigned_agent is distinct from agent_before
    window w as (partition by conversation_id, incarnation order by event_no)
) where agent is not null
"""
"""From an agent's getting a conversation to that agent's losing it."""

FREE = """
with marked as (
    select *, assigned_agent is null and exists (
        select 1 from stg_waits as wait
        where wait.conversation_id = state.conversation_id and event_no >= started_no
            and event_no < coalesce(ended_no, 1e9) and wait.incarnation = state.incarnation
    ) as is_free
    from stg_states as state
),
turns as (
    select *, lag(is_free, 1, false) over w as was_free from marked
    window w as (partition by conversation_id, incarnation order by event_no)
),
stretches as (
    select is_free, at_us as from_us, lead(at_us) over w as to_us, lead(bot) over w as bot,
        lead(assigned_agent) over w as agent, coalesce(lead(queue) over w, queue) as queue
    from turns where is_free != was_free
    window w as (partition by conversation_id, incarnation order by event_no)
)
select agent, queue, from_us, coalesce(to_us, 1e18) as to_us
from stretches where is_free and bot is null
"""
"""Waits while nobody had them, and who took them; what a bot answered was nobody's to take."""

CHANCES = {
    "closes_without_reply": """select agent, queue, reply_count = 0
        from (select * replace (if(closed_by is null, assigned_agent, closing_agent) as agent)
            from (select *, null as agent from conversations) where closed_at is not null)""",
    "releases_without_reply": """select agent, queue, is_released and not exists (
            select 1 from stg_states as sent where sent.conversation_id = held.conversation_id
            and sent.agent = held.agent and sent.kind = 'reply'
            and sent.event_no between from_no and to_no)
        from held""",
    "quick_releases": "select agent, queue, is_released and to_us - from_us <= 60e6 from held",
    "passed_over": """select agent, queue, exists (
            select 1 from free as other where other.queue = one.queue
            and other.from_us < one.from_us and other.to_us > one.to_us)
        from free as one""",
    "long_conversations": """select agent, arg_max(queue, replied_at),
            sum(handle_active_seconds) > 1800
        from handling group by conversation_id, opened_at, agent""",
    "collisions": """select agent, queue, coalesce(before != agent and gap_us <= 120e6, false)
        from (select *, at_us - lag(at_us) over w as gap_us,
                lag(if(kind = 'reply', agent, null)) over w as before
            from stg_states where kind in ('post', 'reply') and bot is null
            window w as (partition by conversation_id, incarnation order by event_no))
        where kind = 'reply'""",
}
"""A row for each chance: whose, in which queue, and whether the behaviour was seen."""

Key = tuple[str, str, str]


def counted(oracle: Con) -> tuple[Counter[Key], Counter[Key]]:
    """How often each behaviour was seen by agent and queue, and out of how many chances."""
    oracle.execute(f"create or replace temp table held as {HELD}")
    oracle.execute(f"create or replace temp table free as {FREE}")
    seen: Counter[Key] = Counter()
    chances: Counter[Key] = Counter()
    for behaviour, query in CHANCES.items():
        for agent, queue, is_seen in oracle.execute(query).fetchall():
            if agent is not None:
                chances[agent, queue, behaviour] += 1
                seen[agent, queue, behaviour] += bool(is_seen)
    shifts: defaultdict[tuple[object, str, str], Counter[int]] = defaultdict(Counter)
    for day, agent, queue, hour in oracle.execute(
        """select "at"::date, agent, queue, hour("at") from messages
        where direction = 'outbound' and agent is not null"""
    ).fetchall():
        shifts[day, agent, queue][hour] += 1
    for (_, agent, queue), replies in shifts.items():
        hours = range(min(replies), max(replies) + 1)
        half = sum(replies.values()) / len(hours) / 2
        chances[agent, queue, "quiet_hours"] += len(hours)
        seen[agent, queue, "quiet_hours"] += sum(replies[hour] < half for hour in hours)
    return seen, chances


def judged(seen: Counter[Key], chances: Counter[Key]) -> Rows:
    """A row for each agent and behaviour, beside the rate of the agent's queues."""
    team_seen, team_chances = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for (_, queue, behaviour), n in chances.items():
        team_chances[queue, behaviour] += n
    for (_, queue, behaviour), n in seen.items():
        team_seen[queue, behaviour] += n
    found: Rows = []
    for agent, behaviour in {(agent, behaviour) for agent, _, behaviour in chances}:
        of = {q: n for (a, q, b), n in chances.items() if (a, b) == (agent, behaviour)}
        hits, n = sum(seen[agent, queue, behaviour] for queue in of), sum(of.values())
        rates = {q: team_seen[q, behaviour] / team_chances[q, behaviour] for q in of}
        team = sum(rates[queue] * of[queue] for queue in of) / n
        low, high = wilson(hits, n)
        found.append(
            (agent, behaviour, hits, n, hits / n, low, high, team, n >= 30 and low > team, n < 30)
        )
    return rounded(found)


def test_habits_are_the_oracles(settled: Pair) -> None:
    """Each behaviour of each agent against the team's rate, counted chance by chance."""
    expected = judged(*counted(settled.oracle))
    columns = (
        "agent behaviour seen chances seen_ratio low_ratio high_ratio team_ratio is_above_team "
        "is_small_sample"
    )
    assert {*CHANCES, "quiet_hours"} == {row[1] for row in expected if row[2]}
    assert expected == rows(settled.con, "agents", columns, by="behaviour")


SINCE, UNTIL = datetime(2026, 3, 3, 9, tzinfo=UTC), datetime(2026, 3, 4, 15, tzinfo=UTC)


def test_where_the_time_went_is_the_oracles(con: Con, oracle: Con) -> None:
    """States and waits in hand, instant by instant, cut at the ends of a period."""
    bounds = [round(at.timestamp() * 1e6) for at in (SINCE, UNTIL)]
    spans: defaultdict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for agent, what, *ends in told(
        oracle,
        """select agent, state, epoch_us(started_at), epoch_us(coalesce(ended_at, '2100-01-01'))
        from agent_states union all
        select agent, 'hand', epoch_us(handling_started_at), epoch_us(replied_at) from responses""",
    ):
        start, end = (min(max(at, bounds[0]), bounds[1]) for at in ends)
        spans[agent].append((what, start, end))
    expected: Rows = []
    for agent, of_agent in spans.items():
        sums: Counter[str] = Counter()
        most = 0
        for start, end in pairwise(sorted({at for _, *ends in of_agent for at in ends})):
            there = Counter(what for what, since, until in of_agent if since <= start < until)
            in_hand = there.pop("hand", 0)
            most = max(most, in_hand)
            sums["in_hand"] += in_hand * (end - start)
            sums["active" if in_hand else "quiet"] += end - start
            for state in there:
                sums[state] += end - start
                sums["idle"] += (end - start) * (state == "available" and not in_hand)
        names = ("available", "busy", "away", "offline", "idle", "active")
        shown = [sums[name] / 1e6 if name in sums else None for name in names]
        occupied = sums["active"] / (sums["active"] + sums["idle"])
        expected.append((agent, *shown, occupied, sums["in_hand"] / sums["active"], most))
    columns = (
        "agent available_seconds busy_seconds away_seconds offline_seconds idle_seconds "
        "active_seconds occupancy_ratio concurrency max_in_hand"
    )
    found = rows(con, "agents", columns, by="state", since=SINCE, until=UNTIL)
    assert rounded(expected) == found
