"""Decoding: every line is an event or a refusal with a reason, and no line is anything else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replays import replay, to_line, write_lines

from replywatch.metrics.events import (
    KIND_RANK,
    REASONS,
    SOMEBODY,
    Decoder,
    Event,
    Refused,
    put_in_order,
)
from replywatch.metrics.repeats import may_repeat, repeated_key
from replywatch.metrics.times import MINUTE, SECOND, to_instant
from replywatch.sql.history import open_history

POST = {"id": "a", "at": "2026-03-03T08:00:00Z", "kind": "post", "conversation": "c"}
AT = to_instant(datetime(2026, 3, 3, 8, tzinfo=UTC))


def post(**fields: Any) -> bytes:
    """A post as a line without its newline; a field that is `None` is left out."""
    event = {name: value for name, value in {**POST, **fields}.items() if value is not None}
    return to_line(event).rstrip(b"\n")


def with_raw(field: bytes) -> bytes:
    """A post with one more field, written as given."""
    return post()[:-1] + b"," + field + b"}"


POISON = {
    "json 100,000 deep": with_raw(b'"x":' + b"[" * 100_000 + b"]" * 100_000),
    "unclosed and deep": with_raw(b'"tags":' + b"[" * 100_000),
    "an integer of 5,000 digits": with_raw(b'"seq":' + b"9" * 5000),
    "an integer of 64 bits and one": with_raw(b'"seq":9223372036854775808'),
    "a number for an integer": with_raw(b'"seq":1.5'),
    "a lone surrogate": with_raw(rb'"agent":"\ud800"'),
    "a surrogate in text that isn't kept": with_raw(rb'"text":"\ud800"'),
    "NaN": with_raw(b'"sentiment":NaN'),
    "Infinity": with_raw(b'"score":Infinity'),
    "NaN in a field unknown": with_raw(b'"extra":NaN'),
    "1e999": with_raw(b'"score":1e999'),
    "a sentiment of 2": with_raw(b'"sentiment":2'),
    "not UTF-8": with_raw(b'"agent":"J\xf6rg"'),
    "a bare NUL": with_raw(b'"agent":"a\x00b"'),
    "NUL bytes": b"\x00\x00\x00",
    "a byte order mark": b"\xef\xbb\xbf" + post(),
    "a bare carriage return in text": with_raw(b'"agent":"a\rb"'),
    "two events on a line": post() + post(),
    "half a line": post()[:40],
    "an array": b'["post"]',
    "null": b"null",
    "a word": b"posts",
    "year 10000": post(at="10000-01-01T00:00:00Z"),
    "year 10000 by its offset": post(at="9999-12-31T23:59:59-14:00"),
    "a year before the first by its offset": post(at="0001-01-01T00:00:00+14:00"),
    "no offset": post(at="2026-03-03T08:00:00"),
    "a date": post(at="2026-03-03"),
    "milliseconds as seconds": post(at=1772524800000),
    "a time of null": with_raw(b'"at":null'),
    "no time": post(at=None),
    "no id": post(id=None),
    "an empty id": post(id=""),
    "an id that is a number": post(id=7),
    "an id of 2,000 characters": post(id="x" * 2000),
    "a kind unknown": post(kind="answer"),
    "a priority unknown": post(priority="urgent"),
    "arrived without offset": post(arrived_at="2026-03-03T08:00:00"),
    "a reply by nobody": post(kind="reply"),
    "a reply by both": post(kind="reply", agent="ann", bot="rob"),
    "a close of no conversation": post(kind="closed", conversation=None),
    "stamped an hour after its arrival": post(arrived_at="2026-03-03T07:00:00Z"),
}


@pytest.fixture
def decoder() -> Decoder:
    """A decoder as the settings make it, without a key for customers."""
    return Decoder(10 * MINUTE)


@pytest.mark.parametrize("name", POISON)
def test_a_poisoned_line_is_refused_with_a_reason(decoder: Decoder, name: str) -> None:
    """Nothing but `Refused` is raised, its reason is a known one, its detail is short."""
    with pytest.raises(Refused) as refusal:
        decoder.decode_line(POISON[name], None)
    assert refusal.value.reason in REASONS
    assert 0 < len(refusal.value.detail) < 1000


@pytest.mark.parametrize("name", POISON)
def test_a_poisoned_line_is_seen_among_others(decoder: Decoder, name: str) -> None:
    """A chunk with such a line is never taken whole, so that the line is looked at alone."""
    chunk = post() + b"\n" + POISON[name] + b"\n" + post(id="z") + b"\n"
    assert decoder.decode_chunk(chunk, None) is None


def test_an_event_over_several_lines_is_none(tmp_path: Path) -> None:
    """A line is an event or it is none, whatever stands in the next and however they are read."""
    pretty = json.dumps(POST, indent=1).encode() + b"\n"
    events = write_lines(tmp_path / "pretty.jsonl", [post(id="first") + b"\n", pretty])
    con = open_history(replay(tmp_path / "out", events))
    found = con.execute(
        "select (select count(*) from messages), (select count(*) from rejected)"
    ).fetchall()
    con.close()
    assert [(1, pretty.count(b"\n"))] == found


def test_no_line_is_lost(tmp_path: Path) -> None:
    """Of poison between good lines each is kept or refused where it stood, with its first bytes.

    A text is left out of them.
    """
    text, starts = b"", []
    for number, bad in enumerate(POISON.values()):
        text += post(id=f"good{number}") + b"\n"
        starts.append(len(text))
        text += bad + b"\n"
    text += b"\n  \n\r\n" + post(id="last")  # blank ones are no lines
    events = tmp_path / "poison.jsonl"
    events.write_bytes(text)
    con = open_history(replay(tmp_path / "out", events))
    found = con.execute("select count(*), count(distinct id) from messages").fetchall()
    refused = con.execute("select position::int, raw from rejected order by 1").fetchall()
    con.close()
    assert [(len(POISON) + 1, len(POISON) + 1)] == found
    shown = [bad[:4096].replace(rb'"text":"\ud800"', b'"text":"*"') for bad in POISON.values()]
    assert list(zip(starts, shown, strict=True)) == refused


def test_extremes_that_are_events_reach_the_history(tmp_path: Path) -> None:
    """The first and last day, an escaped NUL, quotes and slashes break nothing further on."""
    names = ["\x00", "a'b\"c", "../../x", "ä😀", "a\nb", "x" * 256]
    lines = [post(id=f"n{number}", brand=name) for number, name in enumerate(names)]
    first = post(id="first", at="1970-01-01T00:00:00Z", conversation="f")
    last = post(id="last", at="2199-12-31T00:00:00Z", conversation="l")
    events = write_lines(tmp_path / "x.jsonl", [line + b"\n" for line in (*lines, first, last)])
    con = open_history(replay(tmp_path / "out", events))
    found = con.execute("select distinct brand from messages where id ^@ 'n'").fetchall()
    edges = con.execute(
        "select id, \"at\"::varchar from messages where not id ^@ 'n' order by id"
    ).fetchall()
    con.close()
    assert sorted(names) == sorted(name for (name,) in found)
    assert [
        ("first", "1970-01-01 00:00:00+00"),
        ("last", "2199-12-31 00:00:00+00"),
    ] == edges


def test_unknown_fields_are_ignored_and_internal_ones_out_of_reach(decoder: Decoder) -> None:
    """No input sets what only the stream may: an event's lateness and its instant."""
    event = decoder.decode_line(with_raw(b'"~late":true,"~time":5,"mood":[1,{}]'), None)
    assert (False, AT) == (event.is_late, event.time)


@pytest.mark.parametrize(
    "at", ["2026-03-03T08:00:00Z", "2026-03-03T09:30:00.000000+01:30", "2026-03-03t00:00:00-08:00"]
)
def test_an_instant_is_the_same_in_any_offset(decoder: Decoder, at: str) -> None:
    """Times become microseconds since the epoch, in UTC."""
    assert decoder.decode_line(post(at=at), None).time == AT


def test_an_event_may_be_ahead_of_its_arrival_by_the_bound_and_no_more(decoder: Decoder) -> None:
    """Ten minutes pass, a microsecond more doesn't; a line can't claim to come after the clock."""
    now = AT - 10 * MINUTE
    assert decoder.decode_line(post(), now).time == AT
    with pytest.raises(Refused, match="after its arrival") as refusal:
        decoder.decode_line(post(), now - 1)
    assert refusal.value.reason == "ahead"
    with pytest.raises(Refused, match="after its arrival"):
        decoder.decode_line(post(arrived_at="2026-03-03T08:00:00Z"), now - SECOND)
    with pytest.raises(Refused, match="after its arrival"):
        decoder.decode_line(post(arrived_at="2026-03-03T07:49:59Z"), AT)


def test_customers_are_hashed_or_not_kept() -> None:
    """With a key the same handle gives the same hash, and the handle itself stays nowhere."""
    line = post(customer="jane")
    assert SOMEBODY == Decoder(0).decode_line(line, None).customer
    keyed = Decoder(0, b"key", "7")
    found = keyed.decode_line(line, None).customer
    assert found is not None
    assert found.startswith("7:")
    assert "jane" not in found
    assert found == keyed.decode_line(line, None).customer
    assert found != Decoder(0, b"other", "7").decode_line(line, None).customer


def test_one_id_in_two_sources_is_two_events(decoder: Decoder) -> None:
    """Ids are unique within a source, and no source looks like another's id."""
    keys = {
        decoder.decode_line(post(id=name, source=source), None).key
        for name, source in [("a", None), ("a", "b"), ("b", "a"), ("b\x00a", None), ("a", "b\x00a")]
    }
    assert len(keys) == 5


def test_the_source_left_out_is_the_default_one(decoder: Decoder) -> None:
    """`default` written out names the same event."""
    plain = decoder.decode_line(post(), None)
    assert plain.key == decoder.decode_line(post(source="default"), None).key


def test_ties_are_ordered_by_seq_then_kind_then_id() -> None:
    """Whatever the order of arrival: numbered ones first, then by kind, then by id."""
    wanted = [
        ("closed", 1, "a"), ("post", 2, "b"), ("post", 2, "c"), ("post", None, "a"),
        ("assigned", None, "z"), ("reply", None, "x"), ("reply", None, "y"), ("closed", None, "a"),
    ]  # fmt: skip
    events = [
        Event(id=name, at=None, kind=kind, seq=seq, time=AT)  # type: ignore[arg-type]
        for kind, seq, name in wanted
    ]
    for turned in range(len(events)):
        found = [*events[turned:], *events[:turned]][::-1]
        put_in_order(found)
        assert wanted == [(event.kind, event.seq, event.id) for event in found]


def test_kinds_of_one_instant_take_effect_in_the_dictionarys_order() -> None:
    """The order of kinds is the one that the metric dictionary gives."""
    wanted = (
        "post assigned unassigned transferred handed_off resumed focused note tagged reply"
        " unfocused paused closed reopened survey_sent survey_answered agent_state"
    )
    assert wanted.split() == sorted(KIND_RANK, key=KIND_RANK.__getitem__)


REPEATS = {
    "the same value": with_raw(b'"id":"a"'),
    "another value": with_raw(b'"id":"b"'),
    "first null": with_raw(b'"agent":null,"agent":"ann"'),
    "written with escapes": with_raw(rb'"\u0069d":"b"'),
    "white space before the colon": with_raw(b'"id" \t\r:"b"'),
    "a field unknown": with_raw(b'"mood":1,"mood":2'),
    "an empty name": with_raw(b'"":1,"":2'),
    "around nested objects": with_raw(b'"x":{"id":[{"a":{}}]},"id":"b"'),
    "a text that quotes JSON": with_raw(rb'"text":"\"id\":","id":"b"'),
    "three times": with_raw(b'"id":"b","id":"c"'),
}


@pytest.mark.parametrize("name", REPEATS)
def test_a_repeated_key_is_refused(decoder: Decoder, name: str) -> None:
    """Which of two values was meant can't be known, however the key is written."""
    with pytest.raises(Refused, match="stands twice") as refusal:
        decoder.decode_line(REPEATS[name], None)
    assert refusal.value.reason == "invalid"
    chunk = post() + b"\n" + REPEATS[name] + b"\n"
    assert decoder.decode_chunk(chunk, None) is None


@pytest.mark.parametrize(
    "field",
    [
        rb'"text":"\"id\":\"id\":"',
        b'"x":{"id":1,"kind":[{"id":2}]}',
        b'"x":{"a":1,"a":2}',
        b'"text":"id"',
        b'"Id":1',
        rb'"text":"\\","topic":"id"',
    ],
)
def test_what_only_looks_like_a_repeated_key_is_none(decoder: Decoder, field: bytes) -> None:
    """Texts that quote JSON and objects in fields that aren't read refuse nothing."""
    assert decoder.decode_line(with_raw(field), None).id == "a"


@given(st.lists(st.tuples(st.sampled_from(["id", "a", "ä", '"', "\\", ":", ""]), st.text())))
def test_keys_repeat_where_the_standard_library_sees_it(pairs: list[tuple[str, str]]) -> None:
    """The two checks agree with a parser that gives each key as it comes."""
    line = "{" + ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in pairs) + "}"
    found = json.loads(line, object_pairs_hook=list)
    keys = [key for key, _ in found]
    repeats = len(keys) != len(set(keys))
    assert repeats == (repeated_key(line.encode()) is not None)
    assert may_repeat(line.encode()) or not repeats
