"""The log of a conversation: every event once, so that it can be told again.

New events are kept as they are until the next snapshot and packed then: packed, they take a fifth
of the memory and are copied whole into later snapshots. The log knows which events it has, which
is what makes a second delivery count once.
"""

from __future__ import annotations

from typing import Any

import msgspec

from replywatch.metrics.events import Event

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Event])


class Log:
    """Events of one conversation by their identity: `recent` ones, and those `packed` before."""

    __slots__ = ("_known", "count", "packed", "recent")

    def __init__(self, packed: bytes = b"", count: int = 0) -> None:
        self.packed = packed
        self.count = count  # of packed events
        self.recent: dict[str, Event] = {}
        self._known: set[str] | None = None  # identities of the packed ones, once asked for

    def add(self, event: Event) -> bool:
        """Add an event; `False` if it is known already: the same id from the same source."""
        key = event.id if event.source is None else event.key
        if key in self.recent or (self.count and key in self._packed_keys()):
            return False
        self.recent[key] = event
        return True

    def _packed_keys(self) -> set[str]:
        if self._known is None:
            self._known = {event.key for event in self._unpack()}
        return self._known

    def _unpack(self) -> list[Event]:
        if not self.count:
            return []
        return _DECODER.decode(b"\xdd" + self.count.to_bytes(4, "big") + self.packed)

    def events(self) -> list[Event]:
        """All events, in no particular order."""
        return [*self._unpack(), *self.recent.values()]

    def pack(self) -> tuple[int, bytes]:
        """Pack what is recent; how many events there are, and all of them packed."""
        if self.recent:
            events = list(self.recent.values())
            for event in events:
                event.conversation = None  # it is the log's own
            self.packed += _headless(_ENCODER.encode(events), len(events))
            self.count += len(events)
            self.recent.clear()
            self._known = None
        return self.count, self.packed


def _headless(array: bytes, count: int) -> bytes:
    """A msgpack array without its header, so that arrays can be joined."""
    return array[1 if count < 16 else 3 if count < 65536 else 5 :]


def encode_log(log: Any) -> tuple[int, bytes]:
    """How a log is written within a snapshot (an `enc_hook`)."""
    if isinstance(log, Log):
        return log.pack()
    raise NotImplementedError(type(log))


def decode_log(kind: type, data: Any) -> Any:
    """How it is read back (a `dec_hook`)."""
    if kind is Log:
        count, packed = data
        return Log(packed, count)
    raise NotImplementedError(kind)
