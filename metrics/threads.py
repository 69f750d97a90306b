"""Which conversation a message belongs to, where only `in_reply_to` says it.

A root's own id names the conversation; every reply, at any depth, takes its parent's. Parents may
arrive after their children: a child is held until the watermark has passed it, and one whose
parent is still unknown then joins the conversation named after that parent, so that siblings,
and the parent when it comes, meet in one place.
"""

from __future__ import annotations

import msgspec

from replywatch.metrics.events import Event, identity, put_in_order
from replywatch.metrics.kept import Changes, Kept
from replywatch.metrics.watermark import EventBatch, Marks


class ThreadsState(msgspec.Struct, array_like=True):
    """What the threading remembers between snapshots."""

    marks: Marks
    pending: list[Event]
    known: dict[str, tuple[str, int]]
    next_sweep: int


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(ThreadsState)


class Threads:
    """Names the conversation of events that don't.

    Parents are remembered for `memory` microseconds of event time after they were last answered.
    """

    def __init__(self, partitions: list[str], memory: int) -> None:
        self.memory = memory
        self.marks = Marks.of(partitions)
        self.pending: list[Event] = []
        self.known: dict[str, tuple[str, int]] = {}
        self.next_sweep = 0

    def receive(self, batch: EventBatch) -> None:
        """Take a batch in: events to be threaded, and named ones that may be parents."""
        for event in batch.events:
            if event.conversation is None:
                self.pending.append(event)
            else:
                self.known[event.key] = (event.conversation, event.time)
        self.marks.hear(batch.partition, batch.as_of, batch.is_end)

    def advance(self) -> tuple[int, bool, list[Event]]:
        """The watermark, whether it is the end, and the events it passed, now in conversations."""
        now = self.marks.watermark()
        put_in_order(self.pending)
        waiting = [e for e in self.pending if e.time >= now and not self.marks.is_end]
        released = self.pending[: len(self.pending) - len(waiting)]
        ahead = {event.key: event for event in self.pending}
        for event in released:
            event.conversation = self._conversation_of(event, ahead)
        self.pending = waiting
        if now >= self.next_sweep:
            self._sweep(now)
        return now, self.marks.is_end, released

    def _conversation_of(self, event: Event, ahead: dict[str, Event]) -> str:
        """Walk up to the first ancestor whose conversation is known, or to the topmost id named.

        Ids are unique within a source, so parents are looked up in the source of the child.
        """
        path: dict[str, str] = {}
        above: Event | None = event
        name, key, at = event.id, event.key, event.time
        while True:
            found = self.known.get(key)
            if found is not None:
                conversation = found[0]
                self.known[key] = (conversation, max(found[1], at))
                break
            path[key] = name
            if above is None or above.in_reply_to is None:
                conversation = name
                break
            name = above.in_reply_to
            key = identity(event.source, name)
            above = ahead.get(key)
            if key in path:  # a circle of parents: each stands alone
                self.known.update((key, (name, at)) for key, name in path.items())
                return event.id
        self.known.update((key, (conversation, at)) for key in path)
        return conversation

    def _sweep(self, now: int) -> None:
        """Forget parents that nobody answered for `memory`."""
        self.next_sweep = now + self.memory // 8
        limit = now - self.memory
        self.known = {name: found for name, found in self.known.items() if found[1] >= limit}

    def changes(self, kept: Kept) -> Changes:
        """The whole state."""
        return Changes(
            _ENCODER.encode(ThreadsState(self.marks, self.pending, self.known, self.next_sweep)),
            [],
            [],
        )

    def load(self, core: bytes, kept: Kept) -> None:
        """Continue from `changes`."""
        state = _DECODER.decode(core)
        self.marks = state.marks
        self.pending, self.known = state.pending, state.known
        self.next_sweep = state.next_sweep
