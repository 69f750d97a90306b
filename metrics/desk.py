"""A desk: the 5-minute windows and the live state of the scopes of one hash bucket.

Shards send partial aggregates (`cells.Partial`); a desk adds them up, closes a window when every
shard's watermark has passed its end, and restates closed windows when a late event changes them.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import msgspec

from replywatch.metrics.board import ScopeBoard
from replywatch.metrics.cells import Cell, Partial
from replywatch.metrics.kept import Changes, Kept
from replywatch.metrics.policy import PolicyBook, Scope
from replywatch.metrics.rows import Row
from replywatch.metrics.scope_pieces import ScopePieces
from replywatch.metrics.scope_state import ScopeState
from replywatch.metrics.times import HOUR, NEVER, WINDOW, window_of
from replywatch.metrics.volume_settings import VolumeSettings
from replywatch.metrics.watermark import Marks


class _Core(msgspec.Struct, array_like=True):
    """What a desk remembers beside its scopes."""

    marks: Marks
    watermark: int


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Core)


class Fresh:
    """What came in since it was last asked for: what counters count. Never what is taken back."""

    def __init__(self) -> None:
        self.events = self.late = self.forgotten = 0
        self.cells: dict[Scope, Cell] = {}

    def add(self, scope: Scope, cell: Cell) -> None:
        """Add a cell of `scope`."""
        known = self.cells.get(scope)
        if known is None:
            known = self.cells[scope] = Cell()
        known.add(cell)


class Desk:
    """The scopes of one bucket. Closed windows can be restated for `keep` microseconds."""

    def __init__(
        self,
        shards: int,
        policy: PolicyBook,
        keep: int,
        volume: VolumeSettings | None = None,
    ) -> None:
        self.policy = policy
        self.keep = keep
        self.volume = volume or VolumeSettings()
        self.marks = Marks.of(str(shard) for shard in range(shards))
        self.watermark = -NEVER
        self.scopes: dict[Scope, ScopeState] = {}
        self._pieces = ScopePieces()
        self.fresh = Fresh()
        self._open: list[tuple[int, Scope]] = []
        self._silent_until = -NEVER
        self._corrections: dict[Scope, list[tuple[int, Cell, bool]]] = {}

    def receive(self, partial: Partial) -> None:
        """Add what a shard says; changes of windows that are closed wait for `advance`."""
        self.marks.hear(str(partial.shard), partial.as_of, partial.is_end)
        self.fresh.events += partial.events
        self.fresh.late += partial.late
        self.fresh.forgotten += partial.forgotten
        for scope, window, cell in partial.added:
            self.fresh.add(scope, cell)
            self._take(scope, window, cell, is_added=True)
        for correction in partial.corrections:
            self._take(*correction)
        for scope, cell in partial.counted:
            self.fresh.add(scope, cell)

    def _take(self, scope: Scope, window: int, cell: Cell, is_added: bool) -> None:
        state = self.scopes.get(scope)
        if state is None:
            state = self._keep(ScopeState(scope))
        if window + WINDOW <= self.watermark:
            self._corrections.setdefault(scope, []).append((window, cell, is_added))
        else:
            self._pieces.note(scope, window, cell, is_added)
            if state.note_open(window, cell, is_added):
                heappush(self._open, (window, scope))

    def _keep(self, state: ScopeState) -> ScopeState:
        self.scopes[state.scope] = state
        volume = self.volume
        state.volume.adopt(volume.alarms_a_week, volume.left_out(state.scope))
        return state

    def advance(self) -> list[Row]:
        """Rows of the windows that are now complete, and of closed ones that changed."""
        self.watermark = now = max(self.watermark, self.marks.watermark())
        rows: list[Row] = []
        for scope in sorted(self._corrections):
            rows += self.scopes[scope].restate(self._corrections[scope], self.policy)
        self._corrections.clear()
        while self._open and (self._open[0][0] + WINDOW <= now or self.marks.is_end):
            window, scope = heappop(self._open)
            end = min(window + WINDOW, now) if self.marks.is_end else window + WINDOW
            row = self.scopes[scope].close(window, end, self.policy, forget=now - self.keep)
            if row is not None:
                rows.append(row)
        self._pass_silence()
        return [(*row[:-1], row[0] + WINDOW + self.keep, row[-1]) for row in rows]

    def _pass_silence(self, is_shown: bool = False) -> None:
        """Let scopes know of the windows that closed without a word: those with an episode at once,
        the others on the hour, at the end, or when they are shown. It comes to the same."""
        if self.watermark == -NEVER:
            return
        until = window_of(self.watermark)
        if is_shown or self.marks.is_end or until - until % HOUR > self._silent_until:
            self._silent_until = until
            for state in self.scopes.values():
                state.pass_silence(until)
        elif until > self._silent_until:
            for state in self.scopes.values():
                if state.volume.is_active:
                    state.pass_silence(until)

    def take_spikes(self) -> list[Row]:
        """Rows of the volume episodes that changed since this was last asked for."""
        return [row for scope in sorted(self.scopes) for row in self.scopes[scope].take_spikes()]

    def show(self) -> tuple[list[ScopeBoard], Fresh]:
        """The live state of every scope, and what came in since this was last asked for."""
        self._pass_silence(is_shown=True)
        fresh, self.fresh = self.fresh, Fresh()
        states = (self.scopes[scope] for scope in sorted(self.scopes))
        return [state.board(self.watermark, self.policy) for state in states], fresh

    def changes(self, kept: Kept) -> Changes:
        """What is to be kept since the last time."""
        pieces, gone = self._pieces.changes(self.scopes.values())
        return Changes(_ENCODER.encode(_Core(self.marks, self.watermark)), pieces, gone)

    def load(self, core: bytes, kept: Kept) -> None:
        """Continue from `changes`."""
        state = _DECODER.decode(core)
        self.marks = state.marks
        self.watermark = state.watermark
        scopes = self._pieces.load(kept)
        for scope in scopes:
            self._keep(scope)
        self._open = [(window, scope.scope) for scope in scopes for window in scope.open]
        heapify(self._open)
