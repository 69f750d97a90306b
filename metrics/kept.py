"""State in pieces, so that a checkpoint costs what changed and not what there is.

A step that remembers much names its pieces. `changes` gives those that are new or different since
it was last asked, and what is gone; whoever keeps them gives them back one by one (`Kept`), so that
a piece nobody asks for stays where it lies. How and where they are kept is not known here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import msgspec


class ResumeError(RuntimeError):
    """A checkpoint that can't be continued from; the message says what to do."""


class Piece(NamedTuple):
    """A piece of state. `at` and `mark` can be had without its `data`, which may be long."""

    part: int
    key: str
    data: bytes
    at: int = 0  # an instant in microseconds, or any number
    mark: int = 0


class Changes(NamedTuple):
    """What a checkpoint holds: `core` whole each time, and of the pieces what changed.

    One that is both gone and among the pieces is there, as it is among them.
    """

    core: bytes
    pieces: list[Piece]
    gone: list[tuple[int, str]]  # part and key; one that was never kept is no fault


class Kept(Protocol):
    """Pieces as they were at a checkpoint; what is saved later is seen at once."""

    def heads(self, part: int) -> Iterator[tuple[str, int, int]]:
        """Key, `at` and `mark` of a part's pieces, in the order in which they were last saved."""

    def fetch(self, part: int, key: str) -> bytes:
        """The data of one piece, or `ResumeError` where it is damaged."""

    def contents(self, part: int) -> Iterator[tuple[str, int, bytes]]:
        """Key, `at` and data of a part's pieces, in the order in which they were last saved."""


class Keeps(Protocol):
    """A step's state that is kept in pieces."""

    def changes(self, kept: Kept) -> Changes:
        """What is new since the last call; the caller saves it in `kept` before anything else."""

    def load(self, core: bytes, kept: Kept) -> None:
        """Continue from what `changes` gave, or `ResumeError`."""


class Journal:
    """Entries that time alone makes worthless: written in portions, let go portion by portion."""

    def __init__(self, part: int) -> None:
        self.part = part
        self.next = 0
        self._portions: deque[tuple[int, int]] = deque()  # number, latest instant

    def write(self, entries: object, at: int) -> Piece:
        """A portion; `at` is the latest instant among its entries."""
        if self._portions:
            at = max(at, self._portions[-1][1])  # so that none outlives what came after it
        self._portions.append((self.next, at))
        piece = Piece(self.part, str(self.next), msgspec.msgpack.encode(entries), at)
        self.next += 1
        return piece

    def let_go(self, limit: int, before: int) -> list[tuple[int, str]]:
        """The portions before this one with nothing at or after `limit`: gone from now on."""
        gone = []
        while self._portions and self._portions[0][1] < limit and self._portions[0][0] < before:
            gone.append((self.part, str(self._portions.popleft()[0])))
        return gone

    def read(self, kept: Kept) -> Iterator[tuple[int, bytes]]:
        """Number and entries of each portion, in the order in which they were written."""
        for key, at, data in kept.contents(self.part):
            number = int(key)
            self._portions.append((number, at))
            self.next = number + 1
            yield number, data
