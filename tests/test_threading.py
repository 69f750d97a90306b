"""Threading piece by piece: who is held, what is remembered for how long, what a store holds."""

from __future__ import annotations

from random import Random

import pytest
from test_pieces import Store

from replywatch.metrics.events import Event
from replywatch.metrics.threads import Threads
from replywatch.metrics.times import DAY, NEVER
from replywatch.metrics.watermark import EventBatch

MEMORY = 6400
"""In microseconds, so that what one conversation shares is known to the hundred."""


def message(name: str, at: int, parent: str | None = None, of: str | None = None) -> Event:
    """A post that names its parent or its conversation, or neither."""
    event = Event(id=name, at=None, kind="post", conversation=of, in_reply_to=parent)
    event.time = at
    return event


class Line:
    """Threads of one partition and their store; `said` is the conversation of each message."""

    def __init__(self, memory: int = MEMORY) -> None:
        self.threads = Threads(["p"], memory)
        self.store = Store()
        self.said: dict[str, str | None] = {}

    def hear(self, as_of: int, *events: Event, is_end: bool = False) -> list[str]:
        """Messages up to a watermark; the ids of those that are let go, in their order."""
        self.threads.receive(EventBatch(0, "p", as_of, [*events], is_end=is_end))
        _, _, released = self.threads.advance()
        self.said |= {event.id: event.conversation for event in released}
        return [event.id for event in released]

    def save(self) -> int:
        """A checkpoint; how many pieces were written or let go."""
        changes = self.threads.changes(self.store)
        self.core = changes.core
        return self.store.save(changes.pieces, changes.gone)

    def go_on(self) -> None:
        """Continue from the last checkpoint."""
        self.threads = Threads(["p"], self.threads.memory)
        self.threads.load(self.core, self.store)


def test_a_message_waits_for_the_watermark_to_pass_it() -> None:
    """One at the watermark still waits; at the end nobody does."""
    line = Line()
    assert [] == line.hear(5, message("b", 5), message("a", 5), message("c", 7))
    assert ["a", "b"] == line.hear(6)
    assert [] == line.hear(7)
    assert ["c", "d"] == line.hear(7, message("d", 9), is_end=True)
    assert {"a": "a", "b": "b", "c": "c", "d": "d"} == line.said


def test_the_watermark_and_the_end_are_told() -> None:
    """The least of the partitions, and the end where all have ended."""
    threads = Threads(["p", "q"], MEMORY)
    threads.receive(EventBatch(0, "p", 5, []))
    assert (-NEVER, False, []) == threads.advance()
    threads.receive(EventBatch(0, "q", 9, [], is_end=True))
    assert (5, False, []) == threads.advance()
    threads.receive(EventBatch(0, "p", 6, [], is_end=True))
    assert (9, True, []) == threads.advance()


def test_what_is_named_is_known_and_not_passed_on() -> None:
    """Children of a named parent, and theirs, join its conversation, in any order of arrival."""
    line = Line()
    low, mid = message("low", 3, "mid"), message("mid", 2, "top")
    assert ["mid", "low"] == line.hear(9, low, mid, message("top", 1, of="c"))
    assert {"mid": "c", "low": "c"} == line.said
    assert ["k"] == line.hear(12, message("k", 10, "low"))
    assert "c" == line.said["k"]


def test_siblings_of_an_unknown_parent_meet_also_when_it_comes() -> None:
    """The conversation is named after it, and so is it itself."""
    line = Line()
    line.hear(9, message("s", 1, "gone"), message("t", 2, "s"))
    line.hear(20, message("gone", 3), message("u", 11, "gone"))
    assert dict.fromkeys(("s", "t", "gone", "u"), "gone") == line.said


def test_each_of_a_ring_stands_alone_and_who_answers_it_joins_one() -> None:
    """Also in a ring that is entered from outside, and with what answers it later."""

    def ring() -> list[Event]:
        return [message("a", 1, "c"), message("b", 2, "a"), message("c", 3, "b")]

    line = Line()
    line.hear(9, *ring())
    line.hear(20, message("x", 10, "b"))
    assert {"a": "a", "b": "b", "c": "c", "x": "b"} == line.said
    line.hear(30, *ring())  # again, one by one
    line.hear(40, message("a", 1, "c"))
    assert {"a": "a", "b": "b", "c": "c", "x": "b"} == line.said
    line = Line()
    line.hear(9, message("x", 0, "b"), *ring())
    assert {"x": "x", "a": "a", "b": "b", "c": "c"} == line.said
    line = Line()
    line.hear(9, message("self", 1, "self"))
    assert {"self": "self"} == line.said


@pytest.mark.parametrize("way", ["as it is", "saved", "continued"])
def test_a_parent_is_known_for_its_memory_after_its_last_answer(way: str) -> None:
    """In hundredths of the time: not a microsecond less, and at most a sixty-fourth longer."""
    for at, wait, is_known in ((100, 0, True), (100, 1, False), (101, 100, True), (1, 100, False)):
        line = Line()
        line.hear(0, message("p", at, of="c"))
        if way != "as it is":
            line.save()
        line.hear(100 + MEMORY + wait)
        if way != "as it is":
            line.save()
        if way == "continued":
            line.go_on()
        line.hear(NEVER - 1, message("k", 100 + MEMORY + wait, "p"))
        assert ("c" if is_known else "p") == line.said["k"], (at, wait)


def test_an_answer_keeps_its_parent_known() -> None:
    """And an earlier one that comes late doesn't shorten that."""
    line = Line()
    line.hear(0, message("p", 100, of="c"))
    line.hear(MEMORY, message("k", 5000, "p"))
    line.hear(MEMORY + 1, message("early", 200, "p"))
    line.hear(5000 + MEMORY)
    line.hear(NEVER - 1, message("l", 5000 + MEMORY, "p"), message("m", 5000 + MEMORY, "k"))
    assert {"k": "c", "early": "c", "l": "c", "m": "c"} == line.said


@pytest.mark.parametrize("again", [4000, 100, 5000 - MEMORY])
def test_a_named_message_that_comes_again_is_known_as_long_as_before(again: int) -> None:
    """As it was, or with another time: a second delivery takes nothing back."""
    line = Line()
    line.hear(0, message("p", 4000, of="c"))
    line.hear(MEMORY, message("k", 5000, "p"))
    line.hear(MEMORY, message("p", again, of="c"))
    line.hear(5000 + MEMORY)
    line.hear(NEVER - 1, message("l", 5000 + MEMORY, "p"))
    assert "c" == line.said["l"]


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_how_long_a_parent_is_known_is_the_same_in_every_batching(batches: int) -> None:
    """Also where no sweep has come between: who answers too late names a conversation anew."""
    line = Line()
    messages = [
        message("p", 100, of="c"), message("q", 200, "p"), message("k", 200 + MEMORY, "p"),
        message("l", 201 + 2 * MEMORY, "k"), message("m", 202 + 2 * MEMORY, "q"),
    ]  # fmt: skip
    for first in range(0, 5, -(-5 // batches)):
        line.hear(NEVER - 1 if first else 0, *messages[first : first - (-5 // batches)])
    line.hear(NEVER - 1)
    assert {"q": "c", "k": "c", "l": "k", "m": "q"} == line.said


def test_an_eighth_of_the_memory_lies_between_two_sweeps() -> None:
    """A microsecond sooner what is too old is still in memory."""
    line = Line()
    line.hear(MEMORY, message("p", 0, of="c"))
    line.hear(MEMORY + MEMORY // 8 - 1)
    assert ["p"] == [*line.threads.fresh]
    line.hear(MEMORY + MEMORY // 8)
    assert [] == [*line.threads.fresh]


def test_messages_of_one_conversation_share_what_is_known_of_them() -> None:
    """One pair for all that are kept equally long, until the next checkpoint."""
    line = Line()
    line.hear(0, message("p", 110, of="c"), message("q", 190, of="c"), message("r", 201, of="c"))
    known = line.threads.fresh
    assert {"p": ("c", 200), "q": ("c", 200), "r": ("c", 300)} == known
    assert known["p"] is known["q"]
    line.save()
    line.hear(0, message("s", 110, of="c"))
    assert line.threads.fresh["s"] == line.threads.known["p"]
    assert line.threads.fresh["s"] is not line.threads.known["p"]
    tiny = Line(memory=1)
    tiny.hear(0, message("p", 7, of="c"))
    assert {"p": ("c", 7)} == tiny.threads.fresh


def test_the_memory_is_swept_eight_times_in_its_length() -> None:
    """No sooner, so that it costs little; forgotten parents leave memory and the store."""
    line = Line()
    line.hear(0, message("p", 0, of="c"))
    assert 1 == line.save()
    line.hear(1)
    line.hear(800, message("q", 800, of="c"))
    assert 1 == line.save()
    line.hear(1599, message("r", 1500, of="c"))
    assert 1 == line.save()
    assert ["p", "q", "r"] == [*line.threads.known]
    line.hear(800 + 7 * 800)
    assert ["p", "q", "r"] == [*line.threads.known]
    line.hear(800 + 7 * 800 + 1)
    assert (0, ["p", "q", "r"]) == (line.save(), [*line.threads.known])
    line.hear(800 + 8 * 800)
    assert ["q", "r"] == [*line.threads.known]
    assert (1, 2) == (line.save(), len(line.store.pieces))
    line.go_on()
    assert ["q", "r"] == [*line.threads.known]
    line.hear(NEVER - 1)
    assert (2, 0, {}) == (line.save(), len(line.store.pieces), line.threads.known)


def test_a_checkpoint_writes_what_is_new() -> None:
    """Held messages stand in its core, parents in a portion; nothing new writes nothing."""
    line = Line()
    line.hear(5, message("p", 1), message("held", 9, "p"))
    assert (1, 0) == (line.save(), line.save())
    assert ({}, {"p": ("p", 100)}) == (line.threads.fresh, line.threads.known)
    line.go_on()
    assert (0, ["held"]) == (line.save(), line.hear(10))
    assert {"p": "p", "held": "p"} == line.said


def test_who_goes_on_knows_what_the_sweep_left_and_what_came_after_it() -> None:
    """Old parents that came late are as well known as before, and what was forgotten stays so."""
    line = Line()
    line.save()
    line.go_on()
    line.hear(0, message("gone", 0, of="c"), message("stays", 5000, of="c"))
    line.save()
    line.hear(200 + MEMORY)
    line.save()
    line.go_on()
    assert ["stays"] == [*line.threads.known]
    for name in ("late", "later"):
        line.hear(200 + MEMORY, message(name, 1, of="c"))
        line.save()
    line.go_on()
    assert ["stays", "late", "later"] == [*line.threads.known]


@pytest.mark.parametrize("seed", range(8))
def test_a_crash_anywhere_changes_nothing(seed: int) -> None:
    """The same conversations, and the same parents in memory, as without one."""
    rng = Random(seed)
    plain, cut = Line(), Line()
    names: list[str] = []
    now = 0
    for number in range(150):
        now += rng.choice((0, 50, 400, 1500))
        parent = rng.choice(names[-30:]) if names and rng.random() < 0.7 else None
        name = "c" if rng.random() < 0.1 else None
        for line in (plain, cut):
            line.hear(now, message(f"m{number}", now, parent, name))
        names.append(f"m{number}")
        if rng.random() < 0.4:
            cut.save()
        if rng.random() < 0.2:
            cut.save()
            cut.go_on()
    plain.hear(now, is_end=True)
    cut.hear(now, is_end=True)
    assert plain.said == cut.said
    plain.save()
    cut.save()
    assert plain.threads.known == cut.threads.known
    late = now + 9 * DAY
    for line in (plain, cut):
        line.threads.marks.ended.clear()
    plain.hear(late)
    cut.hear(late)
    cut.save()
    assert ({}, {}) == (cut.threads.known, cut.store.pieces)
