"""How far the stream is: batches carry it in band, and each receiver takes the least it heard."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from replywatch.metrics.events import Event
from replywatch.metrics.times import NEVER
from replywatch.metrics.wire import as_one_block


class EventBatch(msgspec.Struct, array_like=True, gc=False):
    """Events for one shard from one partition, and the instant before which it has sent all."""

    __reduce__ = as_one_block

    bucket: int
    partition: str
    as_of: int
    events: list[Event]
    is_stop: bool = False  # the process is about to stop; the stream goes on with the next one
    is_end: bool = False  # nothing more comes from this partition; `as_of` is where its clock ends


class Marks(msgspec.Struct, array_like=True):
    """Watermark over several senders: the least of what each has said.

    Before every sender was heard of it is `-NEVER`. One that ended holds nobody back; when all
    have ended, the clock stands at the latest of their ends.
    """

    marks: dict[str, int]
    ended: set[str] = set()

    @classmethod
    def of(cls, senders: Iterable[str]) -> Marks:
        """Of these senders, none of which was heard of yet."""
        return cls(dict.fromkeys(senders, -NEVER))

    def hear(self, sender: str, as_of: int, is_end: bool) -> None:
        """`sender` has sent all that is older than `as_of`; marks never go back."""
        if as_of > self.marks[sender]:
            self.marks[sender] = as_of
        if is_end:
            self.ended.add(sender)

    @property
    def is_end(self) -> bool:
        """Whether every sender has ended."""
        return len(self.ended) == len(self.marks)

    def watermark(self) -> int:
        """The instant before which everything is in."""
        if self.is_end:
            return max(self.marks.values())
        return min(at for sender, at in self.marks.items() if sender not in self.ended)
