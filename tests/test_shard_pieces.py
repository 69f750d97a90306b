"""A shard that goes on from its pieces: what it has said already, and what is still to come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oracle.cases import microseconds
from test_pieces import Store
from test_shard import book, events

from replywatch.metrics.shard import Shard
from replywatch.metrics.times import MINUTE, NEVER, SECOND
from replywatch.metrics.watermark import EventBatch


class Life:
    """A shard and its store."""

    def __init__(self, rows_every: int = NEVER) -> None:
        self.rows_every, self.store = rows_every, Store()
        self.shard = self._new()

    def _new(self) -> Shard:
        return Shard(1, ["p"], book(), self.rows_every, 100)

    def hear(
        self, as_of: str | int, *lines: str, conversation: str = "c1"
    ) -> dict[str, Sequence[Any]]:
        """Events up to a watermark; the rows that it then writes, by table."""
        until = microseconds(as_of) if isinstance(as_of, str) else as_of
        said = events(*lines, conversation=conversation)
        for event in said:
            event.id = f"{conversation} {event.time} {event.kind}"
        self.shard.receive(EventBatch(0, "p", until, said))
        _, _, tables = self.shard.advance()
        return {one.table: one.rows for one in tables}

    def go_on(self) -> None:
        """A checkpoint, and a start from it."""
        changes = self.shard.changes(self.store)
        self.store.save(changes.pieces, changes.gone)
        self.shard = self._new()
        self.shard.load(changes.core, self.store)


def test_a_deadline_that_was_missed_is_not_missed_again() -> None:
    """Though nothing but the clock has changed."""
    life = Life()
    life.hear("10:01", "10:00 post")
    life.go_on()
    assert 1 == len(life.hear(microseconds("10:05") + SECOND)["sla"])
    life.go_on()
    assert "sla" not in life.hear("10:30")


def test_deadlines_pass_in_their_order_whatever_was_saved_last() -> None:
    """The first one's conversation was."""
    life = Life()
    life.hear("10:01", "10:00 post")
    life.hear("10:04:30", "10:04 post", conversation="c2")
    life.go_on()
    life.hear("10:04:40", "10:04:30 note agent=ann")
    life.go_on()
    (row,) = life.hear(microseconds("10:05") + SECOND)["sla"]
    assert "c1" == row[0]


def test_a_row_that_was_written_is_not_written_again() -> None:
    """And one that wasn't is."""
    life = Life(rows_every=10 * MINUTE)
    life.hear("10:01", "10:00 post")
    life.hear("10:03", "10:02 reply agent=ann")
    life.go_on()
    assert 1 == len(life.hear("10:11")["conversations"])
    life.go_on()
    assert "conversations" not in life.hear("10:21")


def test_what_is_final_stays_so() -> None:
    """A late event of a conversation that has left memory is refused."""
    life = Life()
    life.hear("10:01", "10:00 post")
    life.hear(microseconds("12:00") + SECOND)
    life.go_on()
    (row,) = life.hear(microseconds("12:00") + 2 * SECOND, "11:59 note agent=ann")["rejected"]
    assert "forgotten" == row[2]


def test_pieces_of_a_log_are_fetched_when_they_are_asked_for() -> None:
    """A long one isn't held in memory twice."""
    life = Life()
    minutes = [f"10:{minute:02}:{second:02} note agent=ann" for minute in range(10)
               for second in range(60)]  # fmt: skip
    life.hear("10:20", "10:00 post", *minutes)
    (conversation,) = life.shard.conversations.all()
    life.go_on()
    assert [True] == [*map(callable, conversation.log.segments)]
    (conversation,) = life.shard.conversations.all()
    assert 601 == len(conversation.log.events())
