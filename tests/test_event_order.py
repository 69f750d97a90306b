"""The order and identity of events, and chunks of lines that are taken whole."""

from __future__ import annotations

from random import Random

import pytest

from replywatch.metrics.events import Decoder, Event, by_order, identity, put_in_order


def post(name: str, at: int, seq: int | None = None, source: str | None = None) -> Event:
    """A post of a conversation."""
    event = Event(id=name, at=None, kind="post", conversation="c", seq=seq, source=source)
    event.time = at
    return event


@pytest.mark.parametrize("seed", range(6))
def test_events_come_in_their_order_whatever_the_order_of_arrival(seed: int) -> None:
    """Ties of two and of many, at the start, amid and at the end; nothing is lost."""
    rng = Random(seed)
    instants = range(1 + 3 * seed)
    events = [
        post(str(number), rng.choice(instants), rng.choice((None, -1, 0, 1)))
        for number in range(4 * len(instants))
    ]
    found = [*events]
    put_in_order(found)
    assert sorted(events, key=by_order) == found
    two = [post("b", 5), post("a", 5)]
    put_in_order(two)
    assert ["a", "b"] == [event.id for event in two]
    nobody: list[Event] = []
    put_in_order(nobody)
    assert [] == nobody


def test_a_number_of_zero_comes_before_one_and_equal_ids_by_source() -> None:
    """The source that isn't named comes first."""
    wanted = [post("z", 5, 0), post("a", 5, 1), post("m", 5), post("m", 5, source="x")]
    wanted.append(post("m", 5, source="y"))
    found = wanted[::-1]
    put_in_order(found)
    assert wanted == found


def test_two_that_say_the_same_stay_as_they_came() -> None:
    """Whether they were late says nothing."""
    in_time, late = post("a", 5), post("a", 5)
    late.is_late = True
    for some in ([in_time, late], [late, in_time]):
        found = [*some]
        put_in_order(found)
        assert [one.is_late for one in some] == [one.is_late for one in found]


def test_no_two_ids_are_taken_for_each_other() -> None:
    """Whatever stands in an id or a source."""
    pairs = [
        (None, "sn"), ("s", "n"), ("sn", ""), ("", "sn"), (None, "\x001\x00sn"), ("s", "\x00n"),
        (None, "\x00\x00\x001\x00sn"), (None, "\x00sn"), ("\x00", "sn"), (None, "\x00\x00sn"),
    ]  # fmt: skip
    assert len(pairs) == len({identity(source, name) for source, name in pairs})
    assert "sn" == identity(None, "sn")


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_chunk_of_good_lines_is_taken_whole(end: bytes) -> None:
    """With a newline at its end or without; one line more or less to a line isn't."""
    line = b'{"id":"%d","at":"2026-03-03T08:00:00Z","kind":"post","conversation":"c"}'
    decoder = Decoder(0)
    for count in (1, 2, 5):
        lines = [line % number for number in range(count)]
        events = decoder.decode_chunk(b"\n".join(lines) + end, None)
        assert events is not None
        assert [str(number) for number in range(count)] == [event.id for event in events]
    broken = line.replace(b",", b"\n,", 1) % 1
    for chunk in (line % 1 + b" " + line % 2, broken, b"\n" + line % 1, line % 1 + b"\n" + broken):
        assert decoder.decode_chunk(chunk + end, None) is None


def test_two_deliveries_of_one_event_that_say_different_things_have_one_order() -> None:
    """At one instant too, and whichever came late: the one that counts is always the same."""
    here, there = post("m", 5), post("m", 5)
    here.queue, there.queue = "a", "b"
    for is_late in (False, True):
        here.is_late, there.is_late = is_late, not is_late
        for found in ([here, there], [there, here]):
            put_in_order(found)
            assert ["a", "b"] == [event.queue for event in found]
