"""The stories that mutants are told: invented once, and what is true of them asked of the oracle.

The timelines are Hypothesis's and the same for a seed: of every kind under every sort of policy, as
in `test_dictionary` and `test_prefixes`, and small ones that come in no order at all, as in
`test_properties`. They are kept with their answers in `build/` until timelines or oracle change.
"""

from __future__ import annotations

import hashlib
import pickle
import random
import tempfile
import tomllib
from pathlib import Path
from typing import TypeVar

import duckdb
import test_properties
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from mutation.reach import ROOT
from mutation.stories import LateStory, Rows, Story, to_text
from oracle.oracle import SHARED_COLUMNS, run_oracle
from replays import write_lines
from test_dictionary import recomputed
from test_prefixes import microseconds, recomputed_state
from timelines import Event, scenarios

from replywatch.metrics.times import SECOND

EXAMPLES, LATE, SEED = 160, 80, 7
FEWEST = 4  # events of a timeline worth telling
HALTS = 3
SILENCE = 200_000 * SECOND
"""How long after its last event a timeline may halt."""

CACHE = ROOT / "build" / "stories"
SOURCES = (
    "timelines.py",
    "test_properties.py",
    "mutation/stor*.py",
    "oracle/*.sql",
    "oracle/oracle.py",
    "oracle/comparing.py",
    "oracle/policies.py",
)

T = TypeVar("T")
Scenario = tuple[list[str], list[Event], int]


def load() -> list[Story]:
    """All stories, the richest first; written if they aren't yet."""
    key = hashlib.sha256()
    for pattern in SOURCES:
        for path in sorted((ROOT / "tests").glob(pattern)):
            key.update(path.read_bytes())
    kept = CACHE / f"{key.hexdigest()[:16]}.pickle"
    if not kept.exists():
        some = [one for one in _invent(scenarios(), EXAMPLES) if len(one[1]) >= FEWEST]
        lists = _invent(st.lists(test_properties.events(), min_size=FEWEST, max_size=14), LATE)
        stories = [write(number, *one) for number, one in enumerate(sorted(some, key=_richness))]
        stories += [write_late(number, one) for number, one in enumerate(lists)]
        CACHE.mkdir(parents=True, exist_ok=True)
        for old in CACHE.iterdir():
            old.unlink()
        kept.write_bytes(pickle.dumps(stories))
    found: list[Story] = pickle.loads(kept.read_bytes())
    return found


def _invent(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """So many examples, always the same."""
    found: list[T] = []

    @seed(SEED)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(one=strategy)
    def collect(one: T) -> None:
        found.append(one)

    collect()
    return found


def _richness(scenario: Scenario) -> int:
    """Those with most kinds of events come first."""
    return -len({event["kind"] for event in scenario[1]})


def write(number: int, policies: list[str], timeline: list[Event], until: int) -> Story:
    """Ask the oracle what is true of a timeline, and at some instants within it."""
    chance = random.Random(number)
    instants = [microseconds(event["at"]) for event in timeline]
    halts: dict[int, int] = {}
    if number % 2 == 0:
        for event in sorted(chance.sample(range(len(timeline)), min(HALTS, len(timeline)))):
            following = [*instants, instants[-1] + SILENCE][event + 1]
            if following > instants[event]:
                halts[event] = chance.randint(instants[event] + 1, following)
    until = max([until, *(halt // SECOND + 1 for halt in halts.values())])
    standing = [
        recomputed_state(policies, timeline[: event + 1], halt) for event, halt in halts.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        oracle = recomputed(Path(folder), policies, timeline, until * SECOND)
        rows = _true_rows(oracle)
    return Story(number, policies, timeline, until, halts, standing, rows)


def write_late(number: int, timeline: list[Event]) -> LateStory:
    """The same of a small timeline under a policy by which no conversation expires."""
    until = max(microseconds(event["at"]) for event in timeline) // SECOND + number % 600
    timeline = [{**event, "id": f"e{place}"} for place, event in enumerate(timeline)]
    with tempfile.TemporaryDirectory() as folder:
        file = write_lines(Path(folder, "events.jsonl"), timeline)
        oracle = run_oracle([file], tomllib.loads(test_properties.LASTING), until * SECOND, None)
        rows = _true_rows(oracle)
    return LateStory(number, [test_properties.LASTING], timeline, until, {}, [], rows)


def _true_rows(oracle: duckdb.DuckDBPyConnection) -> Rows:
    rows: Rows = {}
    for table, columns in SHARED_COLUMNS.items():
        described = oracle.execute(f"describe {table}").fetchall()
        types = {name: kind for name, kind, *_ in described}
        selected = ", ".join(
            f'epoch_us("{name}")' if types[name].startswith("TIMESTAMP") else f'"{name}"'
            for name in columns
        )
        rows[table] = sorted(
            map(to_text, oracle.execute(f"select {selected} from {table}").fetchall())
        )
    oracle.close()
    return rows
