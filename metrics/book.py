"""The book a shard keeps while it works: rows to write down and what to send on."""

from __future__ import annotations

import msgspec

from replywatch.metrics.cells import Cell, Correction
from replywatch.metrics.events import Event
from replywatch.metrics.policy import PolicyBook, Scope
from replywatch.metrics.rows import RejectedRow, Row
from replywatch.metrics.times import WINDOW


class Answer(msgspec.Struct, array_like=True, gc=False):
    """A wait that `agent` answered, for the agents' active time. Instants in microseconds (UTC).

    `since` is where the agent's part may have begun: the assignment in force, or the wait.
    """

    agent: str
    conversation: str
    opened_at: int
    wait_at: int
    replied_at: int
    since: int
    scope: Scope
    generation: int


class Focus(msgspec.Struct, array_like=True, gc=False):
    """An agent turns to a conversation, or away from it (`is_on` false); `order` settles ties."""

    agent: str
    at: int
    order: tuple[bool, int, int, str, str]
    conversation: str
    is_on: bool


class Book:
    """What conversations write into: rows by table, and a cell for each window and scope."""

    def __init__(self, policy: PolicyBook) -> None:
        self.policy = policy
        self.messages: list[Row] = []
        self.actions: list[Row] = []
        self.responses: list[Row] = []
        self.sla: list[Row] = []
        self.refused: list[RejectedRow] = []
        self.cells: dict[tuple[Scope, int], Cell] = {}
        self.corrections: list[Correction] = []
        self.counted: list[tuple[Scope, Cell]] = []
        self.answers: list[Answer] = []
        self.focus: list[Focus] = []
        self.answers_taken_back: list[Answer] = []
        self.focus_taken_back: list[Focus] = []
        self.agent_states: list[Event] = []

    def restate(self, scope: Scope, undone: Book, redone: Book) -> None:
        """Take in a conversation that was told anew, now in `scope`.

        Its rows are all written again. Windows are corrected by what the two tellings differ in;
        counters, which only grow, get what there is more of, wherever it happened.
        """
        self.messages += redone.messages
        self.actions += redone.actions
        self.responses += redone.responses
        self.sla += redone.sla
        self.answers += redone.answers
        self.focus += redone.focus
        self.answers_taken_back += undone.answers
        self.focus_taken_back += undone.focus
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
