"""The generator: stable for a seed, valid by the event contract, and as its README tells it."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest

from replywatch.metrics.events import Decoder, Refused
from replywatch.metrics.policy import PolicyBook, read_policy
from replywatch.sample_data import (
    bench_lines,
    counts,
    excerpt_events,
    known_answers,
    sample_events,
    write_bench,
    write_excerpt,
    write_sample,
)
from replywatch.sample_data.__main__ import main
from replywatch.sample_data.facts import (
    SPIKE_FROM,
    SPIKE_TO,
    USUAL_FROM,
    USUAL_TO,
    WINDOW,
    arrival,
    facts_table,
    first_responses,
    happened,
    threads,
    unique,
)
from replywatch.sample_data.queries import QUERIES, VIEWS

Event = dict[str, Any]

SAMPLE_SHA256 = "41c9825d79f8e36d179e291082abff06609d12e0a53b003e61a5189a8079123c"
BENCH_SHA256 = "3fa9f212c0849dabb40d919fdea2da6a8c616a62a3166a99b095718d35638491"
MAX_AHEAD = 600 * 1_000_000

ALWAYS = {"id", "at", "kind", "conversation", "arrived_at", "seq"}
SCOPE = {"brand", "channel", "queue", "priority", "language", "region"}
MESSAGE = {"in_reply_to", "visibility", "text", "channel"}
SURVEY = {"survey", "score", "scale_max", "comment", "agent"}
FIELDS = {
    "post": SCOPE | MESSAGE | {"customer", "sentiment"},
    "reply": MESSAGE | {"agent", "bot"},
    "note": {"agent", "text"},
    "assigned": {"agent"},
    "unassigned": {"agent", "reason"},
    "transferred": {"queue"},
    "handed_off": {"bot"},
    "paused": {"reason"},
    "resumed": set(),
    "closed": {"agent", "bot", "resolution"},
    "reopened": {"agent"},
    "tagged": {"topic", "tags", "actionable"},
    "focused": {"agent"},
    "unfocused": {"agent"},
    "survey_sent": SURVEY,
    "survey_answered": SURVEY,
    "agent_state": {"agent", "state"},
}


@pytest.fixture(scope="module")
def sample() -> list[Event]:
    """The sample of the default seed."""
    return sample_events()


def _scope_windows(events: list[Event], scope: tuple[str, str]) -> dict[datetime, int]:
    """Posts by 5-minute window of one channel and queue, following transfers."""
    conversation_of = threads(events)
    scopes: dict[str, tuple[str, str]] = {}
    windows: dict[datetime, int] = {}
    for event in unique(events):
        if event["kind"] == "agent_state":
            continue
        name = conversation_of[event["id"]]
        channel, queue = scopes.get(name, ("default", "default"))
        scopes[name] = (event.get("channel", channel), event.get("queue", queue))
        if event["kind"] == "post" and scopes[name] == scope:
            start = USUAL_FROM + (happened(event) - USUAL_FROM) // WINDOW * WINDOW
            windows[start] = windows.get(start, 0) + 1
    return windows


def test_the_sample_is_the_same_bytes_for_a_seed(tmp_path: Path) -> None:
    """A digest pins the sample: another machine or Python writes the same file."""
    path = tmp_path / "sample.jsonl"
    count = write_sample(path)
    assert SAMPLE_SHA256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(path.read_bytes().splitlines()) == count


def test_another_seed_gives_another_sample_and_leaves_no_trace(sample: list[Event]) -> None:
    """Generators share no state: a second seed differs, and the first gives the same again."""
    assert sample != sample_events(8)
    assert sample == sample_events()


def test_the_sample_has_a_size_one_can_watch(sample: list[Event]) -> None:
    """A live replay in a terminal shows 6,000 to 12,000 events."""
    assert 6_000 <= len(sample) <= 12_000


def test_every_kind_occurs_with_fields_of_the_contract_only(sample: list[Event]) -> None:
    """All seventeen kinds are there, and none carries a field it should not have."""
    assert set(FIELDS) == {event["kind"] for event in sample}
    odd = [event for event in sample if not set(event) <= ALWAYS | FIELDS[event["kind"]]]
    assert [] == odd


def test_every_line_is_accepted_as_an_event(sample: list[Event]) -> None:
    """The decoder of the pipeline refuses no line of the sample or of the bench stream."""
    decoder = Decoder(MAX_AHEAD, b"key")
    lines = [json.dumps(event) for event in sample] + list(bench_lines(5_000))
    accepted = [decoder.decode_line(line.encode(), None) for line in lines]
    assert len(lines) == len(accepted)


def test_a_reply_has_one_author_and_a_message_a_channel(sample: list[Event]) -> None:
    """Each reply is by an agent or the bot, and each message says its channel and text."""
    messages = [event for event in sample if event["kind"] in ("post", "reply")]
    authors = {("agent" in e) + ("bot" in e) for e in messages if e["kind"] == "reply"}
    assert {1} == authors
    assert all(event["channel"] and event["text"] for event in messages)


def test_both_days_are_full_and_nothing_lies_outside(sample: list[Event]) -> None:
    """Events run from midnight of the first day to just before that of the third."""
    times = [happened(event).isoformat() for event in unique(sample)]
    assert times[0].startswith("2026-03-03T00:00:00")
    assert times[-1].startswith("2026-03-04T23:")


def test_lines_stand_in_order_of_arrival(sample: list[Event]) -> None:
    """No line arrives before the line above it, and each within 5 s after it happened."""
    arrivals = [arrival(event) for event in sample]
    delays = [arrival(event) - happened(event) for event in sample]
    assert sorted(arrivals) == arrivals
    assert timedelta(0) == min(delays)
    assert max(delays) < timedelta(seconds=5)


def test_some_events_come_late_twice_or_unnamed(sample: list[Event]) -> None:
    """Out of order, duplicated, and threaded by `in_reply_to` with children before parents."""
    position = {event["id"]: number for number, event in reversed(list(enumerate(sample)))}
    backwards = sum(happened(b) < happened(a) for a, b in pairwise(sample))
    early_children = sum(
        position[event["in_reply_to"]] > position[event["id"]]
        for event in unique(sample)
        if "conversation" not in event and "in_reply_to" in event
    )
    assert backwards > 100
    assert len(sample) - 15 == len(position)
    assert early_children >= 10


def test_a_second_delivery_differs_in_arrival_only(sample: list[Event]) -> None:
    """Whichever of two deliveries is kept, the event is the same."""
    first: dict[str, Event] = {}
    for event in sample:
        bare = {key: value for key, value in event.items() if key != "arrived_at"}
        assert first.setdefault(event["id"], bare) == bare


def test_time_moves_within_a_conversation(sample: list[Event]) -> None:
    """Two events of a conversation share an instant only where `seq` orders them."""
    conversation_of = threads(sample)
    last: dict[str, Event] = {}
    for event in unique(sample):
        if event["kind"] != "agent_state":
            before = last.get(conversation_of[event["id"]])
            if before is not None and happened(before) == happened(event):
                assert (1, 2) == (before["seq"], event["seq"])
            last[conversation_of[event["id"]]] = event


@pytest.mark.parametrize("seed", [7, 1, 2])
def test_the_spike_is_sixty_times_the_usual_volume_of_its_scope(seed: int) -> None:
    """Each of the five windows has 60 times the scope's mean of day 1, and no other comes close."""
    windows = _scope_windows(sample_events(seed), ("x", "social"))
    usual = sum(n for at, n in windows.items() if USUAL_FROM <= at < USUAL_TO)
    mean = usual / ((USUAL_TO - USUAL_FROM) // WINDOW)
    spike = [n for at, n in windows.items() if SPIKE_FROM <= at < SPIKE_TO]
    before = [n for at, n in windows.items() if at < SPIKE_FROM]
    assert 5 == len(spike)
    assert 60 <= min(spike) / mean
    assert max(before) / mean < 6


@pytest.mark.parametrize("seed", [7, 1, 2])
def test_waits_follow_from_load(seed: int) -> None:
    """On social channels most are answered in 5 minutes, few at lunch and in the spike."""
    events = sample_events(seed)
    conversation_of = threads(events)
    channel_of = {conversation_of[e["id"]]: e["channel"] for e in events if "brand" in e}
    in_time: dict[str, list[bool]] = {"normal": [], "lunch": [], "spike": []}
    for name, (at, seconds) in first_responses(events).items():
        if channel_of[name] == "chat":
            continue
        hour = at.isoformat()[:13]
        part = {"2026-03-03T12": "lunch", "2026-03-04T14": "spike"}.get(hour, "normal")
        in_time[part].append(seconds is not None and seconds <= 300)
    share = {part: sum(met) / len(met) for part, met in in_time.items()}
    assert share["normal"] > 0.9
    assert share["lunch"] < 0.5
    assert share["spike"] < 0.2


def test_the_readme_states_the_answers_counted(repository: Path, sample: list[Event]) -> None:
    """The README's tables are what `facts` prints, and its views those that are tested."""
    readme = (repository / "sample_data" / "README.md").read_text(encoding="utf-8")
    assert facts_table(known_answers(sample)) in readme
    assert facts_table(counts(excerpt_events())) in readme
    assert VIEWS.format(path="sample.jsonl") in readme


def test_duckdb_counts_the_same_answers(tmp_path: Path, sample: list[Event]) -> None:
    """The README's queries over the files give the answers that plain Python gives."""
    for write, expected in (
        (write_sample, known_answers(sample)),
        (write_excerpt, counts(excerpt_events())),
    ):
        path = tmp_path / f"{write.__name__}.jsonl"
        write(path)
        with duckdb.connect() as connection:
            connection.execute(VIEWS.format(path=path))
            rows = {name: connection.execute(QUERIES[name]).fetchall() for name in expected}
        assert expected == {name: str(found[0][0]) for name, found in rows.items()}


def test_the_committed_hour_is_what_the_command_writes(repository: Path, tmp_path: Path) -> None:
    """`first_hour.jsonl` comes from the generator and has a handy size."""
    path = tmp_path / "hour.jsonl"
    assert 0 == main(["excerpt", "--out", str(path)])
    committed = (repository / "sample_data" / "first_hour.jsonl").read_bytes()
    assert path.read_bytes() == committed
    assert 150 <= committed.count(b"\n") <= 300


def test_the_hour_has_no_parts_of_conversations(repository: Path) -> None:
    """Each conversation of `first_hour.jsonl` is there from its opening event on."""
    text = (repository / "sample_data" / "first_hour.jsonl").read_text(encoding="utf-8")
    events: list[Event] = [json.loads(line) for line in text.splitlines()]
    conversation_of = threads(events)
    opened = {conversation_of[event["id"]] for event in events if "brand" in event}
    assert opened == set(conversation_of.values())


def test_bad_lines_are_refused_for_the_reasons_of_the_readme(repository: Path) -> None:
    """Each line of `bad.jsonl` is refused, with the reason the README's table gives it."""
    folder = repository / "sample_data"
    table = (folder / "README.md").read_text(encoding="utf-8").split("## `bad.jsonl`")[1]
    decoder = Decoder(MAX_AHEAD, b"key")
    reasons = []
    for line in (folder / "bad.jsonl").read_bytes().splitlines():
        with pytest.raises(Refused) as refused:
            decoder.decode_line(line, None)
        reasons.append(refused.value.reason)
    assert re.findall(r"^\| \d+ \| (\w+) \|", table, re.MULTILINE) == reasons


@pytest.mark.parametrize("events", [1, 10, 9_999, 10_000, 20_001])
def test_the_bench_stream_has_exactly_its_lines(tmp_path: Path, events: int) -> None:
    """The file has as many lines as asked for, whether they fill a batch or not."""
    path = tmp_path / "bench.jsonl"
    assert events == write_bench(path, events)
    assert events == path.read_bytes().count(b"\n")


def test_the_bench_stream_is_in_order_of_time_and_realistic() -> None:
    """Time never goes back; ten events a conversation, twelve scopes, texts of 60 to 120."""
    lines = list(bench_lines(50_000))
    events: list[Event] = [json.loads(line) for line in lines]
    times = [happened(event) for event in events]
    openings = [event for event in events if "brand" in event]
    scopes = {(event["brand"], event["channel"], event["queue"]) for event in openings}
    lengths = {len(event["text"]) for event in events if "text" in event}
    assert sorted(times) == times
    assert len(events) == len({event["id"] for event in events})
    assert all("conversation" in event for event in events)
    assert len(openings) == len({event["conversation"] for event in events})
    assert {"post", "reply", "assigned", "closed", "note"} == {event["kind"] for event in events}
    assert 9 < len(events) / len(openings) < 11
    assert 12 == len(scopes)
    assert 60 == min(lengths)
    assert max(lengths) <= 120
    assert 130 < sum(map(len, lines)) / len(lines) < 190


def test_the_bench_stream_is_the_same_for_a_seed() -> None:
    """A digest pins the bench stream too, and another seed differs."""
    text = "\n".join(bench_lines(2_000))
    assert BENCH_SHA256 == hashlib.sha256(text.encode()).hexdigest()
    assert text != "\n".join(bench_lines(2_000, seed=2))


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that can't be written ends with 1 and one line, wrong use with 2."""
    assert 1 == main(["sample", "--out", str(tmp_path / "none" / "sample.jsonl")])
    assert 1 == capsys.readouterr().err.count("\n")
    with pytest.raises(SystemExit) as wrong_use:
        main(["bench", "--out", str(tmp_path / "bench.jsonl"), "--events", "0"])
    assert 2 == wrong_use.value.code


def test_the_shipped_policy_gives_each_channel_its_targets(repository: Path) -> None:
    """Chat is due in 2 minutes, email in an hour, and everything else in 5 minutes."""
    data = tomllib.loads((repository / "alerts" / "policy.toml").read_text(encoding="utf-8"))
    book = PolicyBook([read_policy(data)])
    second = 1_000_000
    targets = {}
    for channel in ("chat", "email", "x", "default"):
        rule = book.rule_for(1_500_000_000 * second, ("acme", channel, "default"), "normal")
        assert rule is not None
        targets[channel] = rule.targets[:2]
    social = (300 * second, 600 * second)
    assert targets == {
        "chat": (120 * second, 300 * second),
        "email": (3_600 * second, 3_600 * second),
        "x": social,
        "default": social,
    }
