"""Scopes in pieces: what a desk hands over at a checkpoint, and how it finds it again.

A scope's state and each of its closed windows are a piece. An open window is as many as there were
checkpoints in which something was added to it, so that a busy one isn't written again and again;
they go when it closes.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from replywatch.metrics.cells import Cell
from replywatch.metrics.closed import Closed
from replywatch.metrics.episodes import Episode
from replywatch.metrics.kept import Kept, Piece
from replywatch.metrics.policy import Scope
from replywatch.metrics.scope_state import ScopeState
from replywatch.metrics.standing import Standing
from replywatch.metrics.volume import Volume

_SCOPE, _CLOSED, _OPEN = range(3)  # parts


class _State(msgspec.Struct, array_like=True):
    """A scope without its windows; `number` stands for it in the keys of those."""

    number: int
    scope: Scope
    settled: Standing
    volume: Volume
    spikes: list[Episode]
    forgotten_before: int


_ENCODER = msgspec.msgpack.Encoder()
_STATE, _WINDOW, _CELL = map(msgspec.msgpack.Decoder, (_State, Closed, Cell))

Place = tuple[Scope, int]
"""A scope and the start of one of its windows."""


class ScopePieces:
    """Which pieces of the scopes are kept, and what has to be kept anew."""

    def __init__(self) -> None:
        self._numbers: dict[Scope, int] = {}
        self._added: dict[Place, Cell] = {}  # to open windows, since the last checkpoint
        self._portions: dict[Place, int] = {}  # of open windows, that are kept
        self._rewritten: set[Place] = set()  # open windows from which something was taken back

    def note(self, scope: Scope, window: int, cell: Cell, is_added: bool) -> None:
        """A cell was added to an open window, or taken back from it."""
        place = (scope, window)
        if not is_added:
            self._rewritten.add(place)
        known = self._added.get(place)
        if known is None:
            known = self._added[place] = Cell()
        known.add(cell)

    def changes(self, scopes: Iterable[ScopeState]) -> tuple[list[Piece], list[tuple[int, str]]]:
        """Pieces that are new or different, and those that are gone."""
        pieces: list[Piece] = []
        gone: list[tuple[int, str]] = []
        for state in scopes:
            scope = state.scope
            number = self._numbers.setdefault(scope, len(self._numbers))
            if state.is_changed:
                state.is_changed = False
                pieces.append(Piece(_SCOPE, str(number), _ENCODER.encode(_state(number, state))))
            for window in state.changed:
                gone += self._forget(scope, window)
                closed, key = state.closed.get(window), f"{number}/{window}"
                if closed is None:
                    gone.append((_CLOSED, key))
                else:
                    pieces.append(Piece(_CLOSED, key, _ENCODER.encode(closed), window))
            state.changed.clear()
            for window, cell in state.open.items():
                pieces += self._open(scope, window, cell, gone)
        self._added.clear()
        self._rewritten.clear()
        return pieces, gone

    def _open(
        self, scope: Scope, window: int, cell: Cell, gone: list[tuple[int, str]]
    ) -> list[Piece]:
        """What was added to an open window, or all of it where something was taken back."""
        place = (scope, window)
        added = self._added.get(place)
        if added is None:
            return []
        if place in self._rewritten:
            gone += self._forget(scope, window)
            added = cell
        portion = self._portions.get(place, 0)
        self._portions[place] = portion + 1
        key = f"{self._numbers[scope]}/{window}/{portion}"
        return [Piece(_OPEN, key, _ENCODER.encode(added), window)]

    def _forget(self, scope: Scope, window: int) -> list[tuple[int, str]]:
        """The portions of an open window, which are gone from now on."""
        number, portions = self._numbers[scope], self._portions.pop((scope, window), 0)
        return [(_OPEN, f"{number}/{window}/{portion}") for portion in range(portions)]

    def load(self, kept: Kept) -> list[ScopeState]:
        """The scopes as they were kept."""
        states: dict[int, ScopeState] = {}
        for _, _, data in kept.contents(_SCOPE):
            found = _STATE.decode(data)
            self._numbers[found.scope] = found.number
            states[found.number] = ScopeState(
                found.scope,
                settled=found.settled,
                volume=found.volume,
                spikes=found.spikes,
                forgotten_before=found.forgotten_before,
                is_changed=False,
            )
        for key, window, data in kept.contents(_CLOSED):
            states[int(key.partition("/")[0])].closed[window] = _WINDOW.decode(data)
        for key, window, data in kept.contents(_OPEN):
            state = states[int(key.partition("/")[0])]
            state.note_open(window, _CELL.decode(data), is_added=True)
            place = (state.scope, window)
            self._portions[place] = self._portions.get(place, 0) + 1
        for state in states.values():
            state.order = sorted(state.closed)
        return list(states.values())


def _state(number: int, of: ScopeState) -> _State:
    return _State(number, of.scope, of.settled, of.volume, of.spikes, of.forgotten_before)
