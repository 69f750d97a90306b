"""What a conversation stands on: its state, its waits, its places and the rules in force there.

The rules of each kind of event are in `conversation`; these are the moves that several of them
make.

Definitions with worked examples: docs/dictionary.md, "Wait".
"""

from __future__ import annotations

import msgspec

from replywatch.metrics import clocks
from replywatch.metrics.answers import Answers
from replywatch.metrics.book import Book
from replywatch.metrics.cells import (
    ENTERED,
    LEFT,
    TAKEN,
    UNASSIGNED,
    WAIT,
    WAIT_LEFT,
    Cell,
)
from replywatch.metrics.clocks import Clock
from replywatch.metrics.events import Event
from replywatch.metrics.holding import Holding
from replywatch.metrics.log import Log
from replywatch.metrics.policy import FIRST, NEXT, RESOLUTION, PolicyBook, Scope
from replywatch.metrics.said import Said
from replywatch.metrics.spans import Spans
from replywatch.metrics.tally import Tally
from replywatch.metrics.times import NEVER

NO_SCOPE: Scope = ("default", "default", "default")


class Life(msgspec.Struct, array_like=True):
    """The state of a conversation. Instants in microseconds (UTC)."""

    id: str
    log: Log = msgspec.field(default_factory=Log)  # every event once
    generation: int = 0
    revision: int = 0
    opened_at: int | None = None
    opened_by: str = ""
    is_complete: bool = False
    is_late: bool = False
    scope: Scope = NO_SCOPE
    priority: str = "normal"
    language: str = "default"
    region: str = "default"
    customer: str | None = None
    first_at: int = NEVER  # of its events, whatever their kind
    last_at: int = -NEVER
    spans: Spans = msgspec.field(default_factory=Spans)
    tally: Tally = msgspec.field(default_factory=Tally)
    answers: Answers = msgspec.field(default_factory=Answers)
    holding: Holding = msgspec.field(default_factory=Holding)
    said: Said = msgspec.field(default_factory=Said)
    first_human_at: int | None = None  # first human message, outbound ones included
    # waits
    wait_at: int | None = None
    wait_posts: int = 0  # posts of the running wait
    first_posts: int = 0  # posts before the first response
    # bots
    had_bot: bool = False
    handed_off_at: int | None = None
    # SLA
    clocks: list[Clock] = []
    next_due: int = NEVER
    # life
    closed_at: int | None = None
    closed_by: str | None = None
    closing_agent: str | None = None
    resolution: str | None = None
    first_closed_at: int | None = None
    handled_from: int | None = None  # where handling began, as of the last close
    reopen_gaps: list[tuple[int, int]] = []  # elapsed and business, each reopen
    transfer_count: int = 0
    changed_channel: bool = False
    is_ended: bool = False
    wake_at: int = NEVER  # earliest entry of this conversation in its shard's heap

    @property
    def is_open(self) -> bool:
        """Whether it was opened and isn't closed."""
        return self.opened_at is not None and self.closed_at is None

    def ends_at(self, policy: PolicyBook) -> int:
        """The instant after which nothing belongs to it any more: final, or expired in silence."""
        if self.closed_at is not None:
            return min(self.closed_at + policy.reopen_window, NEVER)
        return min(self.last_at + policy.expire_after, NEVER)

    # -- waits ------------------------------------------------------------------------------

    def _start_wait(self, at: int, book: Book, cell: Cell) -> None:
        self.wait_at, self.wait_posts = at, 0
        cell.values.append((WAIT, at))
        if self.holding.agent is None:
            cell.facts.append(UNASSIGNED)
        self._start_clock(at, book, cell)

    def _start_clock(self, at: int, book: Book, cell: Cell) -> None:
        """The clock of the wait that runs; one of the first response that a bot left goes on."""
        sla = FIRST if self.answers.first_reply_at is None else NEXT
        if not any(clock.sla == sla for clock in self.clocks):
            clocks.start(self, sla, at, self.spans.rule(book.policy), cell)

    def _end_wait(self, cell: Cell) -> None:
        if self.wait_at is not None:
            cell.values.append((WAIT_LEFT, self.wait_at))
            if self.holding.agent is None:
                cell.facts.append(TAKEN)
            self.wait_at = None

    def set_next_due(self) -> None:
        """Note when one of its clocks next changes by itself."""
        self.next_due = min((clock.wakes_at for clock in self.clocks), default=NEVER)

    # -- places and rules -------------------------------------------------------------------

    def _take_scope(self, event: Event, at: int, book: Book) -> None:
        """A scope lasts until an event brings another value."""
        brand, channel, queue = self.scope
        scope = (event.brand or brand, event.channel or channel, event.queue or queue)
        if self.opened_at is not None:
            self.changed_channel = self.changed_channel or scope[1] != channel
            if self.closed_at is None:
                self._move(book.cell(self.scope, at), book.cell(scope, at))
            clocks.move(self.clocks, book.cell(self.scope, at), book.cell(scope, at))
        self.scope = scope

    def _move(self, old: Cell, new: Cell) -> None:
        """Let the open conversation, as it stands, leave one scope for another."""
        old.facts.append(LEFT)
        new.facts.append(ENTERED)
        if self.wait_at is not None:
            old.values.append((WAIT_LEFT, self.wait_at))
            new.values.append((WAIT, self.wait_at))
            if self.holding.agent is None:
                old.facts.append(TAKEN)
                new.facts.append(UNASSIGNED)

    def _take_rule(self, at: int, book: Book, is_moved: bool) -> None:
        """The rule for this place and priority, in the policy's version of this instant."""
        rule = book.policy.rule_for(at, self.scope, self.priority)
        is_new = self.spans.enter(at, rule)
        if is_new:
            self._set_stops(at, book.policy)
        if is_moved and self.opened_at is not None:
            clocks.retarget(self, at, rule, book)
            cell = book.cell(self.scope, at)
            if self.wait_at is not None:
                self._start_clock(at, book, cell)
            if self.closed_at is None and not any(c.sla == RESOLUTION for c in self.clocks):
                clocks.start(self, RESOLUTION, at, rule, cell)

    def _settle(self, at: int, book: Book, cell: Cell) -> None:
        """A pause, a close or a reopen began or ended: what counts from here on, and what not."""
        self.holding.count(at, self.is_open, self.spans, book.policy)
        self._set_stops(at, book.policy)
        clocks.settle(self, at, book.policy, cell)

    def _set_stops(self, at: int, policy: PolicyBook) -> None:
        if self.opened_at is not None:
            is_closed = self.closed_at is not None
            stops = self.spans.rule(policy).stops(self.holding.paused_for, is_closed)
            self.spans.stop(at, stops)
