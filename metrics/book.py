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

    def cell(self, scope: Scope, at: int) -> Cell:
        """The cell of the window that owns `at`."""
        key = (scope, at - at % WINDOW)
        try:
            return self.cells[key]
        except KeyError:
            cell = self.cells[key] = Cell()
            return cell
