"""The book a shard keeps while it works: rows to write down and cells to send on."""

from __future__ import annotations

from replywatch.metrics.cells import Cell, Correction
from replywatch.metrics.policy import PolicyBook, Scope
from replywatch.metrics.rows import MessageRow, RejectedRow, ResponseRow, SlaRow
from replywatch.metrics.times import WINDOW


class Book:
    """What conversations write into: rows by table, and a cell for each window and scope."""

    __slots__ = (
        "cells",
        "corrections",
        "counted",
        "messages",
        "policy",
        "refused",
        "responses",
        "sla",
    )

    def __init__(self, policy: PolicyBook) -> None:
        self.policy = policy
        self.messages: list[MessageRow] = []
        self.responses: list[ResponseRow] = []
        self.sla: list[SlaRow] = []
        self.refused: list[RejectedRow] = []
        self.cells: dict[tuple[Scope, int], Cell] = {}
        self.corrections: list[Correction] = []
        self.counted: list[tuple[Scope, Cell]] = []

    def restate(self, scope: Scope, undone: Book, redone: Book) -> None:
        """Take in a conversation that was told anew, now in `scope`.

        Its rows are all written again. Windows are corrected by what the two tellings differ in;
        counters, which only grow, get what there is more of, wherever it happened.
        """
        self.messages += redone.messages
        self.responses += redone.responses
        self.sla += redone.sla
        more, less = Cell(), Cell()
        for key, cell in redone.cells.items():
            if key in undone.cells:
                cell.part(undone.cells[key])
            if cell:
                self.corrections.append((*key, cell, True))
                more.add(cell)
        for key, cell in undone.cells.items():
            if cell:
                self.corrections.append((*key, cell, False))
                less.add(cell)
        more.part(less)
        self.counted.append((scope, more))

    def cell(self, scope: Scope, at: int) -> Cell:
        """The cell of the window that owns `at`."""
        key = (scope, at - at % WINDOW)
        try:
            return self.cells[key]
        except KeyError:
            cell = self.cells[key] = Cell()
            return cell
