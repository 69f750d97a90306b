"""Any small timeline, in any order of arrival, against the batch recomputation.

`REPLYWATCH_EXAMPLES=5000` looks harder than the normal run does.
"""

from __future__ import annotations

import os
import random
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import duckdb
from arrivals import arrive
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracle.oracle import SHARED_COLUMNS, compare, run_oracle
from replays import Line, policy_text, write_lines

from replywatch.metrics.times import SECOND, to_text

USUAL = 60
EXAMPLES = int(os.environ.get("REPLYWATCH_EXAMPLES", USUAL))

START = 1_772_524_800 * SECOND  # 2026-03-03T08:00:00Z, the edge of a window
REOPEN_WINDOW, EXPIRE_AFTER = 240, 420
POLICY = policy_text(
    60, 90, reopen_window=f"{REOPEN_WINDOW}s", expire_after=f"{EXPIRE_AFTER}s", min_outcomes=1
)
LASTING = policy_text(60, 90, expire_after="never", min_outcomes=1)
LATENESS = 120.0

# Instants lie on a coarse grid, so that ties, deadlines met exactly and the edges of windows, of
# the reopen window and of expiry come up often.
offsets = st.one_of(st.integers(0, 40).map(lambda n: 30 * n), st.integers(0, 1200))

who = st.sampled_from([{"agent": "ann"}, {"agent": "bob"}, {"bot": "rob"}])
person = st.sampled_from([{"agent": "ann"}, {"agent": "bob"}])
nothing: st.SearchStrategy[dict[str, Any]] = st.just({})
moved = st.sampled_from([{"queue": "billing"}, {"queue": "support"}, {"channel": "chat"}])
scope = st.one_of(nothing, nothing, nothing, moved, st.sampled_from([{"priority": "high"}]))

FIELDS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "post": st.one_of(nothing, nothing, st.just({"visibility": "private"})),
    "reply": who,
    "note": person,
    "assigned": st.one_of(person, person, nothing),
    "unassigned": nothing,
    "transferred": st.one_of(moved, st.just({"queue": "billing", "agent": "ann"})),
    "handed_off": st.just({"bot": "rob"}),
    "closed": st.one_of(who, st.just({"agent": "ann", "resolution": "solved"})),
    "reopened": nothing,
    "tagged": nothing,
}
KINDS = ["post"] * 4 + ["reply"] * 4 + ["closed"] * 2 + [*FIELDS]


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """One event without its id."""
    kind = draw(st.sampled_from(KINDS))
    event = {
        "at": to_text(START + draw(offsets) * SECOND),
        "kind": kind,
        "conversation": draw(st.sampled_from(["c1", "c1", "c2"])),
        **draw(FIELDS[kind]),
        **draw(scope),
    }
    if draw(st.booleans()):
        event["seq"] = draw(st.integers(0, 3))
    return event


@st.composite
def timelines(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events with ids; some messages name only the message they answer, or nothing at all."""
    found = sorted(draw(st.lists(events(), min_size=1, max_size=14)), key=lambda e: str(e["at"]))
    messages: list[dict[str, Any]] = []
    for number, event in enumerate(found):
        event["id"] = f"e{draw(st.integers(0, 9))}{number:02}"
        if event["kind"] not in ("post", "reply"):
            continue
        threading = draw(st.sampled_from(["named", "named", "answers", "opens", "unknown"]))
        earlier = [m for m in messages if m["at"] < event["at"]]
        if threading == "answers" and earlier:
            event["in_reply_to"] = draw(st.sampled_from(earlier))["id"]
            del event["conversation"]
        elif threading == "unknown":
            event["in_reply_to"] = f"gone{draw(st.integers(0, 1))}"
            del event["conversation"]
        elif threading == "opens":
            del event["conversation"]
        messages.append(event)
    return found


def is_silent_before_opening(oracle: duckdb.DuckDBPyConnection) -> bool:
    """Whether something precedes an opening by more than `EXPIRE_AFTER`.

    The oracle remembers an assignment made then for ever, the stream as long as a conversation.
    """
    gaps = oracle.execute(
        """
        select lead(at_us) over (partition by conversation_id order by event_no) - at_us as gap
        from stg_lifecycle inner join stg_events using (conversation_id, event_no)
        where true
        qualify status = 'none' and gap > ? * 1000000
        """,
        [EXPIRE_AFTER],
    ).fetchall()
    return bool(gaps)


def looked_at(examples: int) -> settings:
    """So many examples; in the normal run always the same ones."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=EXAMPLES == USUAL,
        suppress_health_check=[HealthCheck.too_slow],
    )


@looked_at(EXAMPLES)
@given(
    timeline=timelines(),
    seed=st.integers(0, 2**32),
    after=st.one_of(st.just(0), st.integers(0, 1200)),
)
def test_any_timeline_in_any_order_of_arrival_equals_the_batch_recomputation(
    timeline: list[dict[str, Any]], seed: int, after: int
) -> None:
    """Every shared column of every table is exactly the oracle's, whatever came when and twice."""
    chance = random.Random(seed)
    until = START + after * SECOND
    line = Line(POLICY, lateness=LATENESS, shuffle=chance)
    arrive(line, timeline, chance)
    line.end(until)
    with tempfile.TemporaryDirectory() as folder:
        file = write_lines(Path(folder, "events.jsonl"), timeline)
        oracle = run_oracle(
            [file], tomllib.loads(POLICY), until, EXPIRE_AFTER, reopen_window_seconds=REOPEN_WINDOW
        )
        assume(not is_silent_before_opening(oracle))
        con = line.history(Path(folder))
        differences = [found for table in SHARED_COLUMNS for found in compare(oracle, con, table)]
        oracle.close()
        con.close()
    assert [] == differences


@looked_at(EXAMPLES // 2)
@given(
    timeline=st.lists(events(), min_size=1, max_size=14),
    seed=st.integers(0, 2**32),
    after=st.one_of(st.just(0), st.integers(0, 1200)),
)
def test_events_however_late_equal_the_batch_recomputation(
    timeline: list[dict[str, Any]], seed: int, after: int
) -> None:
    """In any order at all, while their conversations last, late events are told as if in time."""
    chance = random.Random(seed)
    for number, event in enumerate(timeline):
        event["id"] = f"e{chance.randint(0, 9)}{number:02}"
    until = START + after * SECOND
    line = Line(LASTING, lateness=chance.choice([0.0, 30.0, LATENESS]), shuffle=chance)
    order = chance.sample([*timeline, *timeline[:3]], len(timeline) + len(timeline[:3]))
    while order:
        size = chance.randint(1, len(order))
        line.feed(*order[:size])
        del order[:size]
    line.end(until)
    with tempfile.TemporaryDirectory() as folder:
        file = write_lines(Path(folder, "events.jsonl"), timeline)
        oracle = run_oracle([file], tomllib.loads(LASTING), until, None)
        con = line.history(Path(folder))
        differences = [found for table in SHARED_COLUMNS for found in compare(oracle, con, table)]
        oracle.close()
        con.close()
    assert [] == differences
