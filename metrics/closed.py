"""Closed windows, which late events can still restate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from replywatch.metrics.cells import Cell
from replywatch.metrics.rows import Row
from replywatch.metrics.volume import Verdict

_ENCODER = msgspec.msgpack.Encoder()
_CELL = msgspec.msgpack.Decoder(Cell)


class Closed(msgspec.Struct, array_like=True):
    """A closed window: its cell, its end in microseconds (UTC), and the row that was written.

    The cell is packed, a tenth as large as it was: few windows are ever restated.
    """

    packed: bytes
    end: int
    met: list[int]  # by SLA, as are those missed
    missed: list[int]
    verdict: Verdict  # what was known of its volume when it closed
    row: Row | None = None
    revision: int = 0

    @classmethod
    def of(
        cls,
        cell: Cell,
        end: int,
        met: Sequence[int] = (),
        missed: Sequence[int] = (),
        verdict: Verdict | None = None,
    ) -> Closed:
        """A window in which `cell` happened, of which no row was written yet."""
        return cls(_ENCODER.encode(cell), end, [*met], [*missed], verdict or Verdict())

    @property
    def cell(self) -> Cell:
        """What happened in it."""
        return _CELL.decode(self.packed)

    def change(self, changes: Iterable[tuple[Cell, bool]]) -> None:
        """Add cells to what happened in it or, where the flag is false, take them back."""
        own = self.cell
        for cell, is_added in changes:
            own.change(cell, is_added)
        self.packed = _ENCODER.encode(own)
