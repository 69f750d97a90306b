"""The log of a conversation: every event once, packed, so that it can be told again.

Packed events take a fifth of the memory of live ones and are copied whole into a checkpoint. The
log knows which events it has, which is what makes a second delivery count once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from replywatch.metrics.events import Event

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Event])

LONG = 8 * 1024
"""Bytes from which a packed part is closed: what comes later starts another, so that adding to a
long log never copies all of it, nor writes it all into a checkpoint."""


Segment = bytes | Callable[[], bytes]
"""A closed part of a log, or where to fetch it."""


class Log:
    """Events of one conversation: `recent` ones by their identity, the others packed."""

    __slots__ = ("_known", "count", "packed", "recent", "saved", "segments")

    def __init__(self, packed: bytes = b"", count: int = 0, saved: int = 0) -> None:
        self.segments: list[Segment] = []  # the closed parts
        self.saved = saved  # how many of them are kept elsewhere
        self.packed = packed  # the part that is still open
        self.count = count  # of packed events
        self.recent: dict[str, Event] = {}
        self._known: set[str] | None = None  # identities of the packed ones of a long log

    def add(self, event: Event) -> bool:
        """Add an event; `False` if it is known already: the same id from the same source."""
        key = event.key
        if key in self.recent or (self.count and self._has_packed(event.id, key)):
            return False
        self.recent[key] = event
        return True

    def _has_packed(self, name: str, key: str) -> bool:
        if self._known is None:
            if not self.segments:
                if self.packed.find(b"\xa2id" + _ENCODER.encode(name)) < 0:
                    return False
                return key in {event.key for event in self._unpack()}
            self._known = {event.key for event in self._unpack()}
        return key in self._known

    def _unpack(self) -> list[Event]:
        if not self.count:
            return []
        header = b"\xdd" + self.count.to_bytes(4, "big")
        closed = (part if isinstance(part, bytes) else part() for part in self.segments)
        return _DECODER.decode(b"".join((header, *closed, self.packed)))

    @property
    def size(self) -> int:
        """How many events there are."""
        return self.count + len(self.recent)

    def events(self) -> list[Event]:
        """All events, in no particular order."""
        return [*self._unpack(), *self.recent.values()]

    def pack(self) -> None:
        """Pack what is recent."""
        recent = self.recent
        if not recent:
            return
        array = _ENCODER.encode(list(recent.values()))
        count = len(recent)
        # Without its header an array can be joined with others.
        self.packed += array[1 if count < 16 else 3 if count < 65536 else 5 :]
        self.count += count
        if self._known is not None:
            self._known.update(recent)
        self.recent = {}
        if len(self.packed) > LONG:
            self.segments.append(self.packed)
            self.packed = b""


def encode_log(log: Any) -> tuple[int, bytes, int]:
    """How a log is written (an `enc_hook`): its closed parts are kept apart from it."""
    if isinstance(log, Log):
        log.pack()
        return log.count, log.packed, len(log.segments)
    raise NotImplementedError(type(log))


def decode_log(kind: type, data: Any) -> Any:
    """How it is read back (a `dec_hook`), still without its closed parts."""
    if kind is Log:
        count, packed, saved = data
        return Log(packed, count, saved)
    raise NotImplementedError(kind)
