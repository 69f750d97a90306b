"""What of an event is refused at the edges of what is allowed, and what is left of one."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest

from replywatch.metrics.events import Decoder, Event, Refused, customer_hash
from replywatch.metrics.times import LATEST

POST = {"id": "a", "at": "2026-03-03T08:00:00Z", "kind": "post", "conversation": "c"}
SURVEY: dict[str, Any] = {"kind": "survey_answered", "survey": "csat", "score": 4}
STATE: dict[str, Any] = {"kind": "agent_state", "agent": "ann", "state": "busy"}


def decoded(now: int | None = None, **fields: Any) -> Event:
    """The event of a line, which differs from a post in these fields; `None` leaves one out."""
    event = {name: value for name, value in {**POST, **fields}.items() if value is not None}
    return Decoder(60_000_000).decode_line(json.dumps(event).encode(), now)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"at": "1969-12-31T23:59:59.999999Z"}, "`at` is 1969-12-31T23:59:59.999999"),
        ({"at": "2200-01-01T00:00:00Z"}, "not in the years 1970 to 2199"),
        ({**STATE, "agent": None}, "agent_state names no `agent`"),
        ({**STATE, "state": None}, "agent_state names no `state`"),
        ({"kind": "focused"}, "focused names no `agent`"),
        ({"kind": "unfocused"}, "unfocused names no `agent`"),
        ({"kind": "survey_sent"}, "survey_sent names no `survey`"),
        ({**SURVEY, "survey": None}, "survey_answered names no `survey`"),
        ({**SURVEY, "score": None}, "survey_answered names no `score`"),
        ({**SURVEY, "scale_max": 0}, "`scale_max` is 0.0, not above 0"),
        ({**SURVEY, "scale_max": -1}, "`scale_max` is -1.0, not above 0"),
        ({**SURVEY, "scale_max": 1000.5}, "`scale_max` is 1000.5"),
        ({**SURVEY, "score": -0.5}, "`score` is -0.5, not within 0 and the scale"),
        ({**SURVEY, "score": 5.5, "scale_max": 5}, "`score` is 5.5"),
        ({**SURVEY, "score": 1000.5}, "`score` is 1000.5"),
        ({"kind": "tagged", "conversation": None}, "tagged 'a' names no conversation"),
        ({"arrived_at": "2026-03-03T07:00:00Z"}, "stamped 3600 s after its arrival"),
    ],
)
def test_what_cant_be_is_refused_by_name(fields: dict[str, Any], message: str) -> None:
    """The message says which field it is."""
    with pytest.raises(Refused) as refusal:
        decoded(**fields)
    assert message in refusal.value.detail


@pytest.mark.parametrize(
    "fields",
    [
        {**SURVEY, "score": 0},
        {**SURVEY, "score": 1000},
        {**SURVEY, "score": 1000, "scale_max": 1000},
        {**SURVEY, "score": 0.5, "scale_max": 0.5},
        {"kind": "survey_sent", "survey": "nps", "scale_max": 10},
        {"kind": "focused", "agent": "ann"},
        {"kind": "tagged", "conversation": None, "in_reply_to": "b"},
        {"conversation": None},
        {"kind": "reply", "agent": "ann", "conversation": None},
        {"arrived_at": "2026-03-03T07:59:00Z"},
    ],
)
def test_what_may_be_is_taken(fields: dict[str, Any]) -> None:
    """At the bounds, and messages without parent: each opens a thread of its own."""
    event = decoded(**fields)
    assert (None, None) == (event.at, event.arrived_at)


def test_a_refusal_quotes_no_more_than_is_kept_of_it() -> None:
    """The first 500 characters."""
    with pytest.raises(Refused) as refusal:
        decoded(kind="x" * 900)
    assert (500, "x" * 9) == (len(refusal.value.detail), refusal.value.detail[-9:])


def test_time_reaches_from_1970_to_2199() -> None:
    """Both ends are in."""
    assert 0 == decoded(at="1970-01-01T00:00:00Z").time
    assert LATEST == decoded(at="2199-12-31T23:59:59.999999Z").time


@pytest.mark.parametrize(
    ("field", "most", "least"),
    [
        ("id", "x" * 1024, "x"),
        ("in_reply_to", "x" * 1024, "x"),
        ("brand", "x" * 256, "x"),
        ("seq", 2**63 - 1, -(2**63)),
    ],
)
def test_a_field_may_be_as_long_or_large_as_it_is_stored(field: str, most: Any, least: Any) -> None:
    """Not a character longer, none shorter than one, and no more than 64 bits."""
    for value in (most, least):
        fields: dict[str, Any] = {field: value}
        assert value == getattr(decoded(**fields), field)
    for value in ("x" + most, "") if isinstance(most, str) else (most + 1, least - 1):
        fields = {field: value}
        with pytest.raises(Refused, match=field):
            decoded(**fields)


def test_an_agents_state_belongs_to_no_conversation() -> None:
    """Whatever the line says."""
    assert decoded(**STATE).conversation is None


def test_only_a_known_key_that_stands_twice_is_named() -> None:
    """Another may be a person's name."""
    for field, said in (
        (b'"id":"b"', "`id` stands twice"),
        (b'"jo":1,"jo":2', "a key stands twice"),
    ):
        line = json.dumps(POST).encode()[:-1] + b"," + field + b"}"
        with pytest.raises(Refused, match=said):
            Decoder(0).decode_line(line, None)


def test_a_handle_becomes_sixteen_bytes_of_its_keyed_hash() -> None:
    """With the key's version before them; the same handle has the same hash."""
    whole = hmac.new(b"key", b"jo", "sha256").hexdigest()
    assert f"7:{whole[:32]}" == customer_hash(b"key", "7", "jo")
    decoder, line = Decoder(0, b"key", "7"), json.dumps({**POST, "customer": "jo"}).encode()
    found = [decoder.decode_line(line, None).customer for _ in range(2)]
    assert [f"7:{whole[:32]}"] * 2 == found


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        (b'{"text":{"a":[1,"q"],"agent":"y"},"id":"z"}',
         b'{"text":{"*":["*","*"],"*":"*"},"id":"z"}'),
        (b'{"tags":["a"],"text":{"a":"x"},"id":"z","jo":1}',
         b'{"tags":["a"],"text":{"*":"*"},"id":"z","jo":"*"}'),
        (b'{"id":"a"}"text":"jo"', b'{"id":"a"}"text":"*"'),
        (b'{}]}"text":"jo","id":"z"', b'{}]}"text":"*","id":"z"'),
        (rb'{"\ud800":"jo","id":"z"}', rb'{"\ud800":"*","id":"z"}'),
    ],
)  # fmt: skip
def test_nothing_of_a_hidden_field_shows_however_deep(line: bytes, masked: bytes) -> None:
    """Whatever its parts are named; after it the shown ones show again."""
    assert masked == Decoder(0).keep(line)


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        (b'{"text":"cut of', b'{"text":"*"'),
        (b'{"customer":491234,"x":true}', b'{"customer":"*","x":true}'),
        (b'{"text":"a "b, c" d","id":"x"}', b'{"text":"*""*","*""*","id":"x"}'),
        (rb'{"cust\u006fmer":"jo","agent":"ann"}', rb'{"cust\u006fmer":"*","agent":"ann"}'),
        (b'{"tags":["a","b"],"score":NaN}', b'{"tags":["a","b"],"score":NaN}'),
        (b'{"agent":{"name":"jo"},"id":7}', b'{"agent":{"name":"*"},"id":7}'),
        (b"no object, kept", b"no object, kept"),
        (b'{"text":"' + b"x" * 9000 + b'"}', b'{"text":"*"'),
    ],
)
def test_a_masked_line_keeps_its_shape(line: bytes, masked: bytes) -> None:
    """Texts and numbers of fields that no event keeps are hidden; of a long line 4 kB are kept."""
    assert masked == Decoder(0).keep(line)
    assert line[:4096] == Decoder(0, kept="full").keep(line)
