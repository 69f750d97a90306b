"""The dictionary's examples are true: events through the rules, queries on what they wrote.

An example has lines of events (`10:05 reply agent=ann`), perhaps `policy NAME…` before and `until
TIME` after them, then queries, each followed by its rows as `= value | value`. `times=12 every=300`
makes as many of an event, so many seconds apart. `live NAME` asks the exporter's page instead,
`report NAME by=… COLUMN…` those columns of a report.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from oracle.cases import microseconds, timeline
from replays import Line, a_replay, run, write_lines
from test_metrics_page import Samples, page_of, samples_of

from replywatch.flows.live import LiveMetrics
from replywatch.flows.routing import Router
from replywatch.flows.sources import PARTITION
from replywatch.metrics.catalogue import CATALOGUE
from replywatch.metrics.events import Decoder
from replywatch.metrics.times import SECOND
from replywatch.sql.reports import run_report
from replywatch.sql.schemas import TABLES

DICTIONARY = Path(__file__).parent.parent / "docs" / "dictionary.md"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
_NUMBERS = ("score", "scale_max", "sentiment")
BLOCKS = _FENCE.findall(DICTIONARY.read_text("utf-8"))
POLICIES = {
    text.splitlines()[0].removeprefix("# policy: "): text for kind, text in BLOCKS if kind == "toml"
}


@dataclass
class Part:
    """Events, and what is asked after them."""

    events: list[str] = field(default_factory=list)
    until: str = "00:00"
    asked: list[tuple[str, list[str]]] = field(default_factory=list)


def parts_of(example: str) -> tuple[list[str], list[Part]]:
    """The policies of an example, and its parts: events after a query begin another one."""
    policy, parts = ["plain"], [Part()]
    for line in example.splitlines():
        word, _, rest = line.partition(" ")
        if word == "policy":
            policy = rest.split()
        elif word == "=":
            parts[-1].asked[-1][1].append(rest)
        elif word in ("select", "report", "live"):
            parts[-1].asked.append((line, []))
        else:
            if parts[-1].asked:
                parts.append(Part())
            if word == "until":
                parts[-1].until = rest
            else:
                parts[-1].events.append(line)
    return policy, parts


def events_of(lines: list[str]) -> list[dict[str, Any]]:
    """The events of an example, in their order of time."""
    found: list[dict[str, Any]] = []
    for line in lines:
        first = event_of(line)
        at = datetime.fromisoformat(first["at"])
        for number in range(int(first.pop("times", 1))):
            later = at + timedelta(seconds=number * float(first.get("every", 0)))
            found.append({**first, "at": later.isoformat(), "id": f"e{len(found)}"})
    return sorted(found, key=_at)


def event_of(line: str) -> dict[str, Any]:
    """An event from its line; the conversation is `c1` unless it names one."""
    [event] = timeline(line, conversation=None)
    if event["kind"] != "agent_state":
        event.setdefault("conversation", "c1")
    event |= {name: float(event[name]) for name in _NUMBERS if name in event}
    if "actionable" in event:
        event["actionable"] = event["actionable"] == "true"
    return event


def shown(value: Any) -> str:
    """A value as the examples write it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return f"{value:%H:%M:%S}" if isinstance(value, datetime) else str(value)


EXAMPLES = [text for kind, text in BLOCKS if kind == "example"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: " ".join(text.split()[:6]))
def test_a_worked_example_is_true(example: str, tmp_path: Path) -> None:
    """What the dictionary says of its events is what the tables say."""
    policy, parts = parts_of(example)
    lines: list[str] = []
    for number, part in enumerate(parts):
        lines += part.events
        events = events_of(lines)
        folder = tmp_path / str(number)
        policies = [POLICIES[name] for name in policy]
        con = history_of(events, policies, microseconds(part.until), folder)
        samples: Samples = {}
        if any(query.startswith("live") for query, _ in part.asked):
            samples = samples_of(page_of(live_after(events, policies[0], part.until, folder)))
        for query, expected in part.asked:
            if query.startswith("live"):
                name = query.removeprefix("live ")
                assert expected == [shown(sum(v for (n, _), v in samples.items() if n == name))]
            else:
                assert expected == answer(con, query)


def history_of(
    events: list[dict[str, Any]], policies: list[str], until: int, folder: Path
) -> duckdb.DuckDBPyConnection:
    """The history of some events by `until` (microseconds), with customers' handles under a key."""
    line = Line(policies)
    line.router = Router(PARTITION, 3, Decoder(0, b"key"), has_threads=True, lateness=0)
    for event in events:
        line.feed(event)
    return line.end(until).history(folder)


def live_after(events: list[dict[str, Any]], policy: str, until: str, folder: Path) -> LiveMetrics:
    """What a replay of some events exports at its end."""
    (folder / "policy.toml").write_text(policy)
    path = write_lines(folder / "events.jsonl", events)
    asked = a_replay(
        folder / "out",
        [path],
        policy=folder / "policy.toml",
        until=microseconds(until) / SECOND,
        lateness=0,
    )
    is_finished, live = run(asked)
    assert is_finished
    return live


def _at(event: dict[str, Any]) -> str:
    return str(event["at"])


def answer(con: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    """The rows of a query or a report as the examples write them."""
    if query.startswith("report"):
        _, name, *words = query.split()
        asked: Any = dict(word.split("=") for word in words if "=" in word)
        columns = [word for word in words if "=" not in word]
        told = run_report(con, name, **asked).select(columns).to_pylist()
        return [" | ".join(map(shown, row.values())) for row in told]
    return [" | ".join(map(shown, row)) for row in con.execute(query).fetchall()]


def test_every_measure_has_an_example() -> None:
    """Under each heading of the third level stands at least one."""
    _, *sections = re.split(r"^### ", DICTIONARY.read_text("utf-8"), flags=re.M)
    assert [] == [one.splitlines()[0] for one in sections if "```example\n" not in one]


EXPORTED = re.compile(r"`(care_\w+)")


def test_every_name_of_a_metric_is_one() -> None:
    """Each full name with the dictionary's own prefix is in the catalogue."""
    named = set(EXPORTED.findall(DICTIONARY.read_text("utf-8"))) - {"care_"}
    assert set() == named - set(CATALOGUE)


def test_every_measure_of_a_conversation_is_in_the_dictionary() -> None:
    """Each column of `conversations` and `responses` that is a measure, by name or by kin."""
    text = DICTIONARY.read_text("utf-8")
    kin = ("_business_seconds", "_at", "_agent")
    missing = [
        column
        for table in ("conversations", "responses")
        for column, _ in TABLES[table].columns
        if column.endswith("_seconds") or column.startswith(("is_", "csat", "nps", "sentiment"))
        if not column.endswith(kin) and f"{column}" not in text and column not in UNDEFINED
    ]
    assert [] == missing


UNDEFINED = ("is_complete", "is_closed_with_customer_last")
"""Columns that say something of a row and measure nothing."""
