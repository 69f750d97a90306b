"""Fuzz: whatever bytes come, each line is an event or a refusal with its place, and nothing breaks.

Lines are broken ones of good events, JSON of any shape, and any bytes; good lines stand between
them and must come to no harm.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from replays import Line, policy_text
from test_events import POISON, REPEATS, post

from replywatch.flows.routing import Router
from replywatch.metrics.events import KINDS, REASONS, Decoder
from replywatch.sql.history import open_history
from replywatch.sql.unsealed import Unsealed

FIELDS: dict[str, Any] = {
    "seq": 3, "source": "s", "brand": "b", "channel": "x", "queue": "q", "priority": "high",
    "agent": "ann", "bot": None, "visibility": "private", "sentiment": -0.5, "survey": "csat",
    "score": 3, "scale_max": 5, "resolution": "r", "reason": "pending", "state": "away",
    "tags": ["a", "b"], "topic": "t", "actionable": False, "language": "de", "region": "eu",
    "in_reply_to": "p", "arrived_at": "2026-03-03T08:00:01+01:00", "text": "hello",
    "customer": "@jo", "comment": "fine",
}  # fmt: skip
AT = "2026-03-03T08:00:00Z"
NAMED = ("id", "at", "kind", "conversation")
ODD = [
    b"", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\x00", b"\r", b"\xff", b"\xed\xa0\x80",
    rb"\ud800", rb"\u0000", b"NaN", b"1e999", b"-Infinity", b"9223372036854775808", b"null",
    b"true", b"1" * 400, b"[" * 200, b'{"a":' * 200, b'"id":"again",', b"\xef\xbb\xbf", b" ", b"\t",
    b"0001-01-01", b"9999-12-31T23:59:59Z", b"-14:00", b"1e400", b"\xe2\x80\xa8",
]  # fmt: skip
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from([*KINDS, *map(str, FIELDS.values()), "\ud800", "\x00", "é" * 300]),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["id", "at", "kind", "conversation", *FIELDS, "~time"]), inner
        ),
    ),
    max_leaves=10,
)
events = st.fixed_dictionaries(
    {"id": st.sampled_from("ab"), "at": st.just(AT), "kind": st.sampled_from(KINDS)},
    optional={
        name: st.one_of(st.just(value), scalars)
        for name, value in {**FIELDS, "conversation": "c"}.items()
    },
)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A good line with some of its bytes replaced by odd ones."""
    line = json.dumps(draw(events)).encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(line)))
        length = draw(st.integers(0, 6))
        line = line[:start] + draw(st.sampled_from(ODD)) + line[start + length :]
    return line


bad_lines = st.one_of(
    broken(),
    documents.map(lambda document: json.dumps(document).encode("utf-8", "surrogatepass")),
    st.binary(max_size=60),
    st.sampled_from([*POISON.values(), *REPEATS.values()]).filter(lambda line: len(line) < 10_000),
)


def good(number: int) -> bytes:
    """A line that is an event."""
    return post(id=f"good{number}", conversation=f"g{number % 3}", text="so good: {}")


def between_good_ones(bad: Iterable[bytes]) -> tuple[bytes, dict[int, bytes], int]:
    """The lines of a file, by offset those that are no good ones, and how many good ones."""
    text, placed, count = good(0) + b"\n", {}, 1
    for lines in bad:
        for line in lines.split(b"\n"):
            if line.strip():
                placed[len(text)] = line
            text += line + b"\n"
        text += good(count) + b"\n"
        count += 1
    return text, placed, count


@given(st.lists(bad_lines, max_size=12), st.sampled_from([None, 1_772_600_000_000_000]))
@settings(max_examples=200, deadline=None)
def test_each_line_is_an_event_or_a_refusal(bad: list[bytes], now: int | None) -> None:
    """None is lost, none is two, each refusal says where and why, and good lines all count."""
    text, placed, count = between_good_ones(bad)
    router = Router("events", 2, Decoder(600_000_000, b"key", kept="full"), has_threads=True)
    taken = router.take_lines(text, "x.jsonl", 0, now)
    assert count == sum(event.id.startswith("good") for event in taken)
    assert len(taken) - count + len(router.refused) == len(placed)
    for source, position, reason, detail, _, raw in router.refused:
        assert (source, reason in REASONS, bool(detail)) == ("x.jsonl", True, True)
        assert raw == placed[int(position)][:4096]
    assert len({position for _, position, *_ in router.refused}) == len(router.refused)


@given(st.lists(bad_lines, max_size=8))
@settings(max_examples=40, deadline=None)
def test_what_is_an_event_breaks_nothing_further_on(bad: list[bytes]) -> None:
    """Whatever passes the decoder, rules and tables can take: it ends as rows of the history."""
    text, _, count = between_good_ones(bad)
    line = Line(policy_text(), lateness=3600)
    line.feed(*(one + b"\n" for one in text.split(b"\n")))
    line.end()
    found = {row[2] for row in line.rows["messages"]}
    assert {f"good{number}" for number in range(count)} <= found
    unsealed = Unsealed()
    for table, rows in line.rows.items():
        unsealed.add(table, rows)
    Unsealed.unpack(unsealed.pack())
    assert sum(table.num_rows for _, _, table in unsealed.tables()) == sum(
        map(len, line.rows.values())
    )


def some(count: int, seed: int) -> list[bytes]:
    """Bad lines as the strategies make them, but the same in every run."""
    chance = random.Random(seed)
    lines = [*POISON.values(), *REPEATS.values()]
    for _ in range(count):
        fields = {
            "id": "x",
            "at": "2026-03-03T08:00:00Z",
            "kind": chance.choice(KINDS),
            "conversation": "c",
        }
        fields |= dict(chance.sample(sorted(FIELDS.items(), key=str), chance.randint(0, 6)))
        line = json.dumps(fields).encode()
        for _ in range(chance.randint(1, 4)):
            start = chance.randrange(len(line) + 1)
            line = line[:start] + chance.choice(ODD) + line[start + chance.randint(0, 6) :]
        lines.append(line if chance.random() < 0.9 else chance.randbytes(40))
    return [line.replace(b"\n", b" ") for line in lines if line.strip()]


def test_the_command_accounts_for_every_line(tmp_path: Path) -> None:
    """Messages and the rest of the events, and refused lines, are all there is; it exits 0."""
    text, placed, count = between_good_ones(some(800, 1))
    path = tmp_path / "fuzz.jsonl"
    path.write_bytes(text)
    command = [sys.executable, "-m", "replywatch.flows.cli", "replay", str(path)]
    out = tmp_path / "out"
    done = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stderr)
    decoder = Decoder(600_000_000)
    router = Router("events", 2, decoder, has_threads=True)
    router.take_lines(text, str(path), 0, None)
    con = open_history(out)
    refused = con.execute(
        "select source, position::int, reason, raw from rejected order by 2"
    ).fetchall()
    kept = con.execute("select count(*) from messages where id ^@ 'good'").fetchall()
    con.close()
    wanted = [(row[0], int(row[1]), row[2], row[5]) for row in router.refused]
    assert sorted(wanted) == refused
    assert [(count,)] == kept
    assert f"{len(wanted):,} rejected" in done.stdout
    assert 100 < len(wanted) < len(placed)
