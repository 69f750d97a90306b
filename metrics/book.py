"""The book a shard keeps while it works: rows to write down and cells to send on."""

from __future__ import annotations

from replywatch.metrics.cells import Cell
from replywatch.metrics.policy import PolicyBook, Scope
from replywatch.metrics.rows import MessageRow, ResponseRow, SlaRow
from replywatch.metrics.times import WINDOW


class Book:
    """What conversations write into: rows by table, and a cell for each window and scope."""

    __slots__ = ("cells", "messages", "policy", "responses", "sla")

    def __init__(self, policy: PolicyBook) -> None:
        self.policy = policy
        self.messages: list[MessageRow] = []
        self.responses: list[ResponseRow] = []
        self.sla: list[SlaRow] = []
        self.cells: dict[tuple[Scope, int], Cell] = {}

    def take_over(self, redone: Book, undone: Book) -> list[tuple[Scope, int, Cell]]:
        """Take in what was told anew; the cells to be taken back of what was told before.

        What both tell alike is left out, so that it is not counted twice.
        """
        self.messages += redone.messages
        self.responses += redone.responses
        self.sla += redone.sla
        for (scope, window), cell in redone.cells.items():
            before = undone.cells.get((scope, window))
            if before is not None:
                cell.part(before)
            if cell:
                self.cell(scope, window).add(cell)
        return [(scope, window, cell) for (scope, window), cell in undone.cells.items() if cell]

    def cell(self, scope: Scope, at: int) -> Cell:
        """The cell of the window that owns `at`."""
        key = (scope, at - at % WINDOW)
        try:
            return self.cells[key]
        except KeyError:
            cell = self.cells[key] = Cell()
            return cell
