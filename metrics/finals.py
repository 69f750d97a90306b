"""When conversations that left memory ended: until nobody can ask, only that is remembered."""

from __future__ import annotations

import msgspec

from replywatch.metrics.kept import Journal, Kept, Piece
from replywatch.metrics.times import DAY, NEVER

_DECODER = msgspec.msgpack.Decoder(dict[str, int])


class Finals:
    """Ends by the conversation's name, each for `memory` microseconds of event time."""

    def __init__(self, part: int = 0, memory: int = NEVER) -> None:
        self.memory = memory
        self._ends: dict[str, int] = {}
        self._fresh: dict[str, int] = {}
        self._journal = Journal(part)
        self._swept_at = -NEVER

    def note(self, name: str, end: int) -> None:
        """The latest conversation of that name ended at `end`."""
        self._ends[name] = self._fresh[name] = end

    def of(self, name: str) -> int:
        """When it ended; long ago where that is no longer remembered."""
        return self._ends.get(name, -NEVER)

    def sweep(self, now: int) -> None:
        """Once a day, forget those of which nothing can be told any more."""
        if now - self._swept_at > DAY:
            self._swept_at = now
            limit = now - self.memory
            self._ends = {name: end for name, end in self._ends.items() if end > limit}

    def changes(self) -> tuple[list[Piece], list[tuple[int, str]]]:
        """Ends that are new, and pieces of ends that are forgotten."""
        gone = self._journal.let_go(self._swept_at - self.memory, self._journal.next)
        if not self._fresh:
            return [], gone
        fresh, self._fresh = self._fresh, {}
        return [self._journal.write(fresh, max(fresh.values()))], gone

    def load(self, kept: Kept) -> None:
        """Continue with what is kept; some may be forgotten already, which nobody can tell."""
        for _, data in self._journal.read(kept):
            self._ends.update(_DECODER.decode(data))
