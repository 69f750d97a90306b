"""Hypothesis strategies: whole timelines of customer care, and the policies they are judged by.

Events of every kind in a few conversations at once, whose instants lie on a coarse grid, so that
ties, deadlines met exactly, closing times and the edges of reopen windows come up often; some steps
are days long and cross weekends, holidays and the nights in which clocks are put forward or back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

Event = dict[str, Any]
Fields = st.SearchStrategy[dict[str, Any]]

REOPEN_WINDOW = 2 * 86_400
EXPIRE_AFTER = 6 * 86_400
ACTIVE_CAP = 600

STARTS = (
    datetime(2026, 3, 3, 8, tzinfo=UTC),  # a plain Tuesday
    datetime(2026, 3, 6, 13, 30, tzinfo=UTC),  # New York puts its clocks forward that weekend
    datetime(2026, 3, 27, 15, tzinfo=UTC),  # Europe does on Sunday the 29th
    datetime(2026, 10, 23, 16, tzinfo=UTC),  # and back on the 25th
    datetime(2026, 12, 23, 16, 45, tzinfo=UTC),  # holidays ahead
)

HEAD = f"""
reopen_window = "{REOPEN_WINDOW}s"
expire_after = "{EXPIRE_AFTER}s"
active_cap = "{ACTIVE_CAP}s"
"""

SCHEDULES = """
[schedules.berlin]
timezone = "Europe/Berlin"
holidays = ["2026-03-04", "2026-12-24", "2026-12-25"]
mon = [["09:00", "12:00"], ["13:00", "18:00"]]
tue = [["09:00", "12:00"], ["13:00", "18:00"]]
wed = [["09:00", "12:00"], ["13:00", "18:00"]]
thu = [["09:00", "12:00"], ["13:00", "18:00"]]
fri = [["09:00", "16:00"]]

[schedules.london]
timezone = "Europe/London"
sat = [["00:00", "06:00"], ["20:00", "24:00"]]
sun = [["00:00", "06:00"], ["22:00", "24:00"]]
mon = [["00:00", "06:00"], ["08:00", "17:00"]]
tue = [["08:00", "17:00"]]

[schedules.new_york]
timezone = "America/New_York"
holidays = ["2026-12-25"]
mon = [["09:30", "17:00"]]
tue = [["09:30", "17:00"]]
wed = [["09:30", "17:00"]]
thu = [["09:30", "17:00"]]
fri = [["09:30", "17:00"]]

[schedules.never]
timezone = "Europe/Berlin"
"""

OBJECTIVE = 'objective = { ratio = 0.9, window = "5m", min_outcomes = 1 }'

HOURS = f"""
version = "hours"
effective_from = 2000-01-01T00:00:00Z
{HEAD}
{SCHEDULES}
[[rules]]
name = "urgent"
match = {{ priority = ["high", "critical"], queue = ["default", "billing"] }}
schedule = "london"
pause_on = ["hold"]
at_risk_seconds = 120
targets = {{ first_response = 300, next_response = 600, resolution = 3600 }}
{OBJECTIVE}

[[rules]]
name = "billing"
match = {{ queue = ["billing"] }}
schedule = "berlin"
pause_on = ["pending", "hold", "closed"]
targets = {{ first_response = 600, next_response = 600, resolution = 28800 }}
{OBJECTIVE}

[[rules]]
name = "abroad"
match = {{ queue = ["abroad"] }}
schedule = "new_york"
pause_on = {{ first_response = ["hold"], next_response = ["pending"], resolution = ["closed"] }}
targets = {{ next_response = 900, resolution = 7200 }}
{OBJECTIVE}

[[rules]]
name = "chat"
match = {{ channel = ["chat"] }}
schedule = "never"
targets = {{ first_response = 60 }}
{OBJECTIVE}

[[rules]]
name = "rest"
schedule = "berlin"
pause_on = ["pending"]
at_risk_ratio = 0.5
targets = {{ first_response = 3600, next_response = 1800, resolution = 10800 }}
{OBJECTIVE}
"""

SECOND_VERSION = f"""
version = "later"
effective_from = EFFECTIVE_FROM
{HEAD}
{SCHEDULES}
[surveys]
csat_positive_from = {{ "5" = 4, "3" = 2 }}
[surveys.nps."5"]
promoter_from = 5
passive_from = 4

[[rules]]
name = "rest"
match = {{ queue = ["default", "abroad"] }}
schedule = "new_york"
pause_on = ["hold", "closed"]
targets = {{ first_response = 600, next_response = 300, resolution = 7200 }}
{OBJECTIVE}
"""

WALL = f"""
version = "wall"
effective_from = 2000-01-01T00:00:00Z
{HEAD}
[[rules]]
name = "quick"
match = {{ priority = ["high"] }}
pause_on = ["pending", "closed"]
targets = {{ first_response = 300, next_response = 300, resolution = 1200 }}
{OBJECTIVE}

[[rules]]
name = "rest"
pause_on = {{ resolution = ["closed", "pending"] }}
targets = {{ first_response = 600, next_response = 900, resolution = 3600 }}
{OBJECTIVE}
"""


@st.composite
def policies(draw: st.DrawFn, start: datetime) -> list[str]:
    """Policy files as TOML: one version, or two of which the second starts amid the timeline."""
    first = draw(st.sampled_from([HOURS, HOURS, WALL]))
    if draw(st.booleans()):
        return [first]
    later = start + timedelta(seconds=draw(st.sampled_from([300, 3600, 90_000])))
    return [first, SECOND_VERSION.replace("EFFECTIVE_FROM", later.isoformat())]


nothing: Fields = st.just({})
agents = st.sampled_from(["ann", "ann", "ann", "bob", "cyd"])
person: Fields = agents.map(lambda name: {"agent": name})
bot: Fields = st.just({"bot": "rob"})
who: Fields = st.one_of(person, person, bot)
moved: Fields = st.sampled_from(
    [{"queue": "billing"}, {"queue": "abroad"}, {"queue": "default"}, {"channel": "chat"},
     {"channel": "email", "queue": "abroad"}, {"brand": "acme"}]
)  # fmt: skip
ranked: Fields = st.sampled_from(["low", "normal", "high", "critical"]).map(
    lambda priority: {"priority": priority}
)
scope: Fields = st.one_of(*[nothing] * 6, moved, ranked)
private: Fields = st.sampled_from([{}, {}, {"visibility": "private"}])
mood: Fields = st.one_of(
    nothing, st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]).map(lambda value: {"sentiment": value})
)
pausing: Fields = st.sampled_from([{"reason": "pending"}, {"reason": "hold"}, {}])
survey: Fields = st.sampled_from([{"survey": "csat"}, {"survey": "nps"}])
answer: Fields = st.sampled_from(
    [{"survey": "csat", "score": 1}, {"survey": "csat", "score": 4},
     {"survey": "csat", "score": 5, "scale_max": 5}, {"survey": "csat", "score": 2, "scale_max": 3},
     {"survey": "csat", "score": 1, "scale_max": 1}, {"survey": "nps", "score": 10},
     {"survey": "nps", "score": 8, "scale_max": 10}, {"survey": "nps", "score": 0},
     {"survey": "nps", "score": 4, "scale_max": 5}]
)  # fmt: skip
tagging: Fields = st.sampled_from(
    [{"tags": ["late", "angry"]}, {"tags": ["angry", "refund"], "topic": "money"},
     {"topic": "delivery"}, {"actionable": False}, {"actionable": True}]
)  # fmt: skip
closing: Fields = st.one_of(
    person,
    bot,
    st.just({"customer": "kim"}),
    nothing,
    st.just({"agent": "ann", "resolution": "solved"}),
)

KINDS: dict[str, tuple[int, tuple[Fields, ...]]] = {
    "post": (8, (private, mood, scope)),
    "reply": (7, (who, private, scope)),
    "closed": (5, (closing, scope)),
    "paused": (4, (pausing,)),
    "resumed": (3, (nothing,)),
    "assigned": (3, (st.one_of(person, person, person, nothing),)),
    "transferred": (3, (moved, st.one_of(nothing, nothing, person))),
    "focused": (5, (person,)),
    "reopened": (2, (nothing,)),
    "handed_off": (2, (bot,)),
    "tagged": (2, (tagging, ranked)),
    "survey_answered": (2, (answer,)),
    "note": (1, (person, scope)),
    "unassigned": (1, (st.sampled_from([{}, {"reason": "shift over"}]),)),
    "unfocused": (2, (person,)),
    "survey_sent": (1, (survey,)),
    "agent_state": (1, (person, st.sampled_from(["available", "busy", "away", "offline"]).map(
        lambda state: {"state": state}))),
}  # fmt: skip
WEIGHTED = [kind for kind, (weight, _) in KINDS.items() for _ in range(weight)]

# seconds from one event to the next
steps = st.sampled_from(
    [0, 0, 0, 0, 60, 60, 60, 60, 120, 300, 300, 300, 300, 600, 900, 1800, 3600, 1, 7, 59, 299,
     1234, 3 * 3600, 16 * 3600, 86_400, 2 * 86_400, 3 * 86_400 + 1]
)  # fmt: skip


@st.composite
def timelines(draw: st.DrawFn, start: datetime, longest: int = 48) -> list[Event]:
    """Events in order of time, each with an id; those of one instant may have a `seq`."""
    at = start
    found: list[Event] = []
    for number in range(
        draw(st.sampled_from([length for length in (1, 4, 8, 16, 24, 32, 48) if length <= longest]))
    ):
        at += timedelta(seconds=draw(steps))
        kind = draw(st.sampled_from(WEIGHTED)) if number else "post"
        event: Event = {
            "id": f"e{draw(st.integers(0, 9))}{number:02}",
            "at": at.isoformat().replace("+00:00", "Z"),
            "kind": kind,
        }
        if kind != "agent_state":
            event["conversation"] = draw(st.sampled_from(["c1", "c1", "c2"]))
        for fields in KINDS[kind][1]:
            event |= draw(fields)
        if draw(st.integers(0, 3)) == 0:
            event["seq"] = draw(st.integers(0, 3))
        found.append(event)
    return found


@st.composite
def scenarios(draw: st.DrawFn, longest: int = 48) -> tuple[list[str], list[Event], int]:
    """Policies, a timeline, and the instant in seconds at which the clock stops."""
    start = draw(st.sampled_from(STARTS))
    timeline = draw(timelines(start, longest))
    last = datetime.fromisoformat(timeline[-1]["at"])
    until = last + timedelta(seconds=draw(st.sampled_from([0, 0, 300, 600, 86_400, 8 * 86_400])))
    return draw(policies(start)), timeline, round(until.timestamp())
