"""The open conversations of a shard: some in memory, the others at rest where they are kept.

What nobody speaks of needs no place in memory. After a resume every conversation is at rest until
an event or a deadline asks for it; later those at rest are the ones that were silent for longest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from replywatch.metrics.conversation import Conversation
from replywatch.metrics.kept import Kept, Piece
from replywatch.metrics.log import decode_log, encode_log

CONVERSATION, LOG = 0, 1
"""Parts: a conversation with the latest part of its log, and the earlier parts of a long log."""

_ENCODER = msgspec.msgpack.Encoder(enc_hook=encode_log)
_DECODER = msgspec.msgpack.Decoder(Conversation, dec_hook=decode_log)


class Residents:
    """Conversations by name, `most` of them awake after a checkpoint.

    Whoever changes one says so (`touch`).
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.awake: dict[str, Conversation] = {}
        self.asleep: dict[str, int] = {}  # `wake_at` of those at rest
        self._kept: Kept | None = None
        self._unsaved: set[str] = set()
        self._gone: set[str] = set()
        self._segments: dict[str, int] = {}  # kept parts of long logs

    def get(self, name: str) -> Conversation | None:
        """The conversation of that name, woken if it was at rest."""
        found = self.awake.get(name)
        if found is None and name in self.asleep:
            found = self.awake[name] = self._read(name)
            found.wake_at = self.asleep.pop(name)
        return found

    def wakes_at(self, name: str) -> int | None:
        """When to look at it next, without waking it."""
        found = self.awake.get(name)
        return self.asleep.get(name) if found is None else found.wake_at

    def add(self, conversation: Conversation) -> None:
        """Take in a new one, or one that takes the place of another."""
        self.awake[conversation.id] = conversation

    def touch(self, name: str) -> None:
        """It has changed."""
        self.awake[name] = self.awake.pop(name)  # the last in order, and so the last to rest
        self._unsaved.add(name)

    def remove(self, name: str) -> None:
        """It is final."""
        del self.awake[name]
        self._unsaved.discard(name)
        self._gone.add(name)

    def all(self) -> Iterator[Conversation]:
        """Every one by name, to be looked at only: those at rest stay there."""
        for name in sorted([*self.awake, *self.asleep]):
            yield self.awake.get(name) or self._read(name)

    def _read(self, name: str) -> Conversation:
        assert self._kept is not None
        conversation = _DECODER.decode(self._kept.fetch(CONVERSATION, name))
        log = conversation.log
        log.segments = [_fetching(self._kept, name, number) for number in range(log.saved)]
        return conversation

    # -- checkpoints --------------------------------------------------------------------------

    def changes(self, kept: Kept, unwritten: set[str]) -> tuple[list[Piece], list[tuple[int, str]]]:
        """Pieces that are new or different, and those that are gone; they lie in `kept` from now
        on. `unwritten` are the names of conversations whose row is still to be written."""
        pieces: list[Piece] = []
        gone = [(CONVERSATION, name) for name in self._gone if name not in self.awake]
        for name in self._gone | self._unsaved:
            conversation = self.awake.get(name)
            count = 0
            if conversation is not None:
                log = conversation.log
                log.pack()
                count = len(log.segments)
                for number in range(log.saved, count):
                    part = log.segments[number]
                    assert isinstance(part, bytes)
                    pieces.append(Piece(LOG, _segment(name, number), part))
                    # All of a long log is asked for only when it is told again.
                    log.segments[number] = _fetching(kept, name, number)
                log.saved = count
            before = self._segments.pop(name, 0)
            gone += ((LOG, _segment(name, number)) for number in range(count, before))
            if count:
                self._segments[name] = count
        for name in self._unsaved:
            conversation = self.awake[name]
            data = _ENCODER.encode(conversation)
            mark = int(name in unwritten)
            pieces.append(Piece(CONVERSATION, name, data, conversation.wake_at, mark))
        self._gone.clear()
        self._unsaved.clear()
        self._kept = kept
        for name in list(self.awake)[: max(len(self.awake) - self.most, 0)]:
            self.asleep[name] = self.awake.pop(name).wake_at  # silent for longest
        return pieces, gone

    def load(self, kept: Kept) -> set[str]:
        """Continue with what is kept; the names of those whose row is still to be written."""
        self._kept = kept
        unwritten = set()
        for name, at, mark in kept.heads(CONVERSATION):
            self.asleep[name] = at
            if mark:
                unwritten.add(name)
        self._segments = dict(Counter(key.rpartition("\x00")[0] for key, _, _ in kept.heads(LOG)))
        return unwritten


def _fetching(kept: Kept, name: str, number: int) -> Callable[[], bytes]:
    return partial(kept.fetch, LOG, _segment(name, number))


def _segment(name: str, number: int) -> str:
    """Key of a part of a long log."""
    return f"{name}\x00{number}"
