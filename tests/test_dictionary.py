"""Whole timelines of every kind, under policies of every sort, against the batch recomputation.

`REPLYWATCH_EXAMPLES=5000` looks harder than the normal run does.
"""

from __future__ import annotations

import os
import random
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from arrivals import arrive
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.oracle import SHARED_COLUMNS, compare, run_oracle
from replays import Line, write_lines
from timelines import ACTIVE_CAP, EXPIRE_AFTER, REOPEN_WINDOW, Event, scenarios

from replywatch.sql.schemas import SLA

USUAL = 24
EXAMPLES = int(os.environ.get("REPLYWATCH_EXAMPLES", USUAL))
LATENESS = 3600.0


def looked_at(examples: int) -> Callable[[Any], Any]:
    """So many examples, however long each takes; from the same seed unless told to look harder."""
    return settings(
        max_examples=max(examples, 1),
        deadline=None,
        derandomize=EXAMPLES == USUAL,
        suppress_health_check=list(HealthCheck),
    )


def recomputed(
    folder: Path, policies: list[str], timeline: list[Event], until: int
) -> duckdb.DuckDBPyConnection:
    """The oracle's tables at `until` (microseconds)."""
    return run_oracle(
        [write_lines(folder / "events.jsonl", timeline)],
        [tomllib.loads(policy) for policy in policies],
        until,
        EXPIRE_AFTER,
        reopen_window_seconds=REOPEN_WINDOW,
        active_cap_seconds=ACTIVE_CAP,
    )


def differences(policies: list[str], timeline: list[Event], until: int, line: Line) -> list[str]:
    """What the line's tables and the oracle's do not share."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        oracle = recomputed(folder, policies, timeline, until * 1_000_000)
        con = line.history(folder)
        found = [one for table in SHARED_COLUMNS for one in compare(oracle, con, table)]
        oracle.close()
        con.close()
    return found


@looked_at(EXAMPLES)
@given(scenario=scenarios())
def test_every_measure_of_any_timeline_equals_the_batch_recomputation(
    scenario: tuple[list[str], list[Event], int],
) -> None:
    """Every shared column of every row, to the last microsecond."""
    policies, timeline, until = scenario
    line = Line(policies, shards=2)
    for event in timeline:
        line.feed(event)
    line.end(until * 1_000_000)
    assert [] == differences(policies, timeline, until, line)


@looked_at(EXAMPLES // 2)
@given(scenario=scenarios(), seed=st.integers(0, 2**32))
def test_order_of_arrival_splits_and_copies_change_nothing(
    scenario: tuple[list[str], list[Event], int], seed: int
) -> None:
    """Late within the lateness, some twice, in batches, over cuts: the same rows in every table."""
    policies, timeline, until = scenario
    chance = random.Random(seed)
    line = Line(policies, lateness=LATENESS, shuffle=chance)
    arrive(line, timeline, chance)
    line.end(until * 1_000_000)
    assert [] == differences(policies, timeline, until, line)


@looked_at(EXAMPLES)
@given(scenario=scenarios())
def test_clocks_of_one_start_have_ends_of_their_own(
    scenario: tuple[list[str], list[Event], int],
) -> None:
    """Unless a source orders several closes and reopens of one microsecond by `seq`."""
    policies, timeline, until = scenario
    line = Line(policies)
    line.feed(*({**event, "seq": None} for event in timeline)).end(until * 1_000_000)
    names = [name for name, _ in SLA.columns]
    keys = Counter(
        tuple(row[names.index(name)] for name in SLA.key) for row in line.rows.get("sla", [])
    )
    assert {} == {key: count for key, count in keys.items() if count > 1}
