"""Which conversation a message belongs to, where only `in_reply_to` says it.

A root's own id names the conversation; every reply, at any depth, takes its parent's. Parents may
arrive after their children: a child is held until the watermark has passed it, and one whose
parent is still unknown then joins the conversation named after that parent, so that siblings,
and the parent when it comes, meet in one place.
"""

from __future__ import annotations

import msgspec

from replywatch.metrics.events import Event, identity, put_in_order
from replywatch.metrics.kept import Changes, Journal, Kept
from replywatch.metrics.times import NEVER
from replywatch.metrics.watermark import EventBatch, Marks


class _Core(msgspec.Struct, array_like=True):
    """What the threading remembers beside parents."""

    marks: Marks
    pending: list[Event]
    next_sweep: int
    swept: int


_PARENTS = 0  # the part


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Core)
_PORTION = msgspec.msgpack.Decoder(dict[str, tuple[str, int]])


class Threads:
    """Names the conversation of events that don't.

    Parents are remembered for `memory` microseconds of event time after they were last answered,
    or up to a sixty-fourth longer: so that those of one conversation share what is known of them.
    """

    def __init__(self, partitions: list[str], memory: int) -> None:
        self.memory = memory
        self.marks = Marks.of(partitions)
        self.pending: list[Event] = []
        self.known: dict[str, tuple[str, int]] = {}  # as of the last checkpoint
        self.fresh: dict[str, tuple[str, int]] = {}  # since then; it has the last word
        self.next_sweep = 0
        self._tick = max(memory // 64, 1)
        self._shared: dict[tuple[str, int], tuple[str, int]] = {}  # since the last checkpoint
        self._journal = Journal(_PARENTS)
        self._swept = 0  # portions of the journal that the last sweep went through

    def receive(self, batch: EventBatch) -> None:
        """Take a batch in: events to be threaded, and named ones that may be parents."""
        for event in batch.events:
            if event.conversation is None:
                self.pending.append(event)
            else:
                key = event.key
                found = self._found(key)
                at = event.time if found is None else max(found[1], event.time)
                self.fresh[key] = self._known_at(event.conversation, at)
        self.marks.hear(batch.partition, batch.as_of, batch.is_end)

    def _found(self, key: str) -> tuple[str, int] | None:
        """What is known of a message, maybe longer than it should be: the next sweep forgets it."""
        return self.fresh.get(key) or self.known.get(key)

    def _known_at(self, conversation: str, at: int) -> tuple[str, int]:
        """What is known of a message of `conversation` that was last answered at `at`."""
        known = (conversation, -(-at // self._tick) * self._tick)
        return self._shared.setdefault(known, known)

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

        One that is older than the memory ends the walk as if it was forgotten already.

        Ids are unique within a source, so parents are looked up in the source of the child.
        """
        path: dict[str, str] = {}
        above: Event | None = event
        name, key, at = event.id, event.key, event.time
        while True:
            found = self._found(key)
            if found is not None and found[1] >= event.time - self.memory:
                conversation = found[0]
                self.fresh[key] = self._known_at(conversation, max(found[1], at))
                break
            path[key] = name
            if found is not None or above is None or above.in_reply_to is None:
                conversation = name
                break
            name = above.in_reply_to
            key = identity(event.source, name)
            above = ahead.get(key)
            if key in path:  # a circle of parents: each stands alone
                self.fresh.update((key, self._known_at(name, at)) for key, name in path.items())
                return event.id
        self.fresh.update(dict.fromkeys(path, self._known_at(conversation, at)))
        return conversation

    def _sweep(self, now: int) -> None:
        """Forget parents that nobody answered for `memory`."""
        self.next_sweep = now + self.memory // 8
        limit = now - self.memory
        self._forget(limit)
        self.fresh = {name: found for name, found in self.fresh.items() if found[1] >= limit}
        self._swept = self._journal.next

    def changes(self, kept: Kept) -> Changes:
        """What is to be kept since the last time."""
        core = _Core(self.marks, self.pending, self.next_sweep, self._swept)
        gone = self._journal.let_go(self._limit(), self._swept)
        pieces = []
        if self.fresh:
            at = max(at for _, at in self.fresh.values())
            pieces.append(self._journal.write(self.fresh, at))
            self.known.update(self.fresh)
            self.fresh = {}
            self._shared = {}
        return Changes(_ENCODER.encode(core), pieces, gone)

    def _limit(self) -> int:
        """What the last sweep forgot was older than this."""
        return self.next_sweep - self.memory // 8 - self.memory if self._swept else -NEVER

    def load(self, core: bytes, kept: Kept) -> None:
        """Continue from `changes`."""
        state = _DECODER.decode(core)
        self.marks, self.pending = state.marks, state.pending
        self.next_sweep, self._swept = state.next_sweep, state.swept
        limit, is_swept = self._limit(), False
        share = self._shared.setdefault
        for number, data in self._journal.read(kept):
            if number >= self._swept and not is_swept:
                self._forget(limit)
                is_swept = True
            portion = _PORTION.decode(data)
            self.known.update((key, share(known, known)) for key, known in portion.items())
        if not is_swept:
            self._forget(limit)

    def _forget(self, limit: int) -> None:
        self.known = {name: found for name, found in self.known.items() if found[1] >= limit}
