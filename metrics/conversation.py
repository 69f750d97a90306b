"""One conversation with one customer: the state machine behind every number.

Events are applied in their order (`events.by_order`); nothing here knows when they arrived. Each
method below is one rule of the dictionary: what starts and ends a wait, which reply is the first
response, when a clock is met, missed or void. A conversation applied twice to the same events
says the same twice, which is how late events are put right: see `shard.Shard`.

Still to come here: pauses, bots' outcomes, focus, surveys, tags and business hours; their events
are accepted and kept in the log, and move no number yet.
"""

from __future__ import annotations

import msgspec

from replywatch.metrics.book import Book
from replywatch.metrics.cells import (
    CLOSED,
    DUE,
    DUE_LEFT,
    ENTERED,
    EXPIRED,
    FIRST_RESPONSE,
    LEFT,
    MET,
    MISSED,
    NEXT_RESPONSE,
    OPENED,
    OVERDUE,
    POSTS,
    RELIEVED,
    REPLIES,
    RESOLUTION,
    TAKEN,
    UNASSIGNED,
    VOID,
    WAIT,
    WAIT_LEFT,
    Cell,
    note_volume,
)
from replywatch.metrics.conversation_rows import message_row, response_row, sla_row
from replywatch.metrics.events import Event
from replywatch.metrics.log import Log
from replywatch.metrics.policy import FIRST, NEXT, SLAS, PolicyBook, Scope
from replywatch.metrics.times import NEVER

NO_SCOPE: Scope = ("default", "default", "default")


class Clock(msgspec.Struct, array_like=True, gc=False):
    """A running SLA clock. It stays after a miss, as overdue, until a reply or a close ends it."""

    sla: int
    started_at: int
    due_at: int
    target: int
    policy_version: str
    rule: str
    is_missed: bool = False


class Conversation(msgspec.Struct, array_like=True):
    """A conversation from its first message until it is final. Instants in microseconds (UTC)."""

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
    # messages
    first_post_at: int | None = None
    first_reply_at: int | None = None  # first human reply to the customer
    first_agent: str | None = None
    first_human_at: int | None = None  # first human message, outbound ones included
    first_response: float | None = None
    first_response_assigned: float | None = None
    post_count: int = 0
    reply_count: int = 0
    bot_reply_count: int = 0
    messages_to_resolution: int | None = None
    # waits and assignment
    wait_at: int | None = None
    wait_posts: int = 0  # posts of the running wait
    first_posts: int = 0  # posts before the first response
    agent: str | None = None
    assigned_at: int = 0
    first_assigned_at: int | None = None
    # SLA
    clocks: list[Clock] = []
    next_due: int = NEVER
    # life
    closed_at: int | None = None
    closed_by: str | None = None  # agent or bot, where the event names one
    closing_agent: str | None = None
    resolution: str | None = None
    first_closed_at: int | None = None
    handled_from: int | None = None  # where handling began, as of the last close
    reopen_count: int = 0
    transfer_count: int = 0
    is_ended: bool = False
    wake_at: int = NEVER  # earliest entry of this conversation in its shard's heap
    written: int = 0  # revision last written to the history

    def apply(self, event: Event, book: Book) -> None:
        """Let `event` happen; deadlines before it pass first, so one at its instant is kept."""
        at = event.time
        if self.next_due < at:
            self.pass_deadlines(at, book)
        self.last_at = at
        if at < self.first_at:
            self.first_at = at
        self.revision += 1
        if event.is_late:
            self.is_late = True
        brand, channel, queue = self.scope
        if (
            (event.channel is not None and event.channel != channel)
            or (event.queue is not None and event.queue != queue)
            or (event.brand is not None and event.brand != brand)
        ):
            self._take_scope(event, at, book)
        if event.priority is not None:
            self.priority = event.priority
        if event.language is not None:
            self.language = event.language
        if event.region is not None:
            self.region = event.region
        action = ACTIONS.get(event.kind)
        if action is not None:
            action(self, event, at, book, book.cell(self.scope, at))

    # -- messages ---------------------------------------------------------------------------

    def _post(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is None:
            self._open(event, at, "customer", cell)
        elif self.closed_at is not None:
            self._reopen(cell)
        if self.first_post_at is None:
            self.first_post_at = at
        self.post_count += 1
        cell.facts.append(POSTS)
        note_volume(cell, event, at)
        book.messages.append(message_row(self, event, "inbound"))
        if self.customer is None:
            self.customer = event.customer
        if self.wait_at is None:  # further posts neither restart nor add a wait
            self._start_wait(at, book, cell)
        self.wait_posts += 1
        if self.first_reply_at is None:
            self.first_posts += 1

    def _reply(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is None:
            self._open(event, at, "agent" if event.bot is None else "bot", cell)
        cell.facts.append(REPLIES)
        book.messages.append(message_row(self, event, "outbound"))
        agent = event.agent
        if agent is None:  # a bot ends the wait, gives no sample and stops no first response
            self.bot_reply_count += 1
            self._end_clocks(at, book, cell, None, NEXT)
            self._end_wait(cell)
            return
        self.reply_count += 1
        if self.first_human_at is None:
            self.first_human_at = at
        if self.first_reply_at is None and self.first_post_at is not None:
            started = self.first_post_at
            row = response_row(self, "first", agent, started, self.first_posts, at)
            book.responses.append(row)
            cell.values.append((FIRST_RESPONSE, at - started))
            self.first_reply_at, self.first_agent = at, agent
            self.first_response, self.first_response_assigned = row[10], row[11]
        elif self.first_reply_at is not None and self.wait_at is not None:
            row = response_row(self, "next", agent, self.wait_at, self.wait_posts, at)
            book.responses.append(row)
            cell.values.append((NEXT_RESPONSE, at - self.wait_at))
        self._end_clocks(at, book, cell, agent, FIRST, NEXT)
        self._end_wait(cell)

    # -- waits and clocks -------------------------------------------------------------------

    def _start_wait(self, at: int, book: Book, cell: Cell) -> None:
        self.wait_at, self.wait_posts = at, 0
        cell.values.append((WAIT, at))
        if self.agent is None:
            cell.facts.append(UNASSIGNED)
        if self.first_reply_at is not None:
            self._start_clock(NEXT, at, book, cell)
        elif not any(clock.sla == FIRST for clock in self.clocks):
            self._start_clock(FIRST, at, book, cell)  # one that a bot left running goes on

    def _end_wait(self, cell: Cell) -> None:
        if self.wait_at is not None:
            cell.values.append((WAIT_LEFT, self.wait_at))
            if self.agent is None:
                cell.facts.append(TAKEN)
            self.wait_at = None

    def _start_clock(self, sla: int, at: int, book: Book, cell: Cell) -> None:
        in_force = book.policy.rule_for(at, self.scope, self.priority)
        target = None if in_force is None else in_force.targets[sla]
        if in_force is None or target is None:
            return
        due = at + target
        self.clocks.append(Clock(sla, at, due, target, in_force.version, in_force.rule.name))
        if due < self.next_due:
            self.next_due = due
        cell.values.append((DUE + sla, due))

    def pass_deadlines(self, until: int, book: Book) -> None:
        """Miss every clock due before `until`, at its deadline: silence breaches too."""
        if self.next_due >= until:
            return
        for clock in self.clocks:
            if not clock.is_missed and clock.due_at < until:
                clock.is_missed = True
                cell = book.cell(self.scope, clock.due_at)
                cell.facts += (MISSED + clock.sla, OVERDUE + clock.sla)
                cell.values.append((DUE_LEFT + clock.sla, clock.due_at))
                book.sla.append(sla_row(self, clock, "missed", clock.due_at, self.agent))
        self._set_next_due()

    def _end_clocks(self, at: int, book: Book, cell: Cell, agent: str | None, *slas: int) -> None:
        """A reply (of `agent`) meets these clocks; a bot or a close (no agent) leaves them void."""
        if not self.clocks:
            return
        for clock in self.clocks[:]:
            sla = clock.sla
            if sla not in slas:
                continue
            self.clocks.remove(clock)
            if clock.is_missed:  # it counted when it was missed; nothing grows after that
                cell.facts.append(RELIEVED + sla)
                continue
            cell.values.append((DUE_LEFT + sla, clock.due_at))
            if agent is None:
                cell.facts.append(VOID + sla)
                book.sla.append(sla_row(self, clock, "void", at, self.agent))
            else:
                cell.facts.append(MET + sla)
                book.sla.append(sla_row(self, clock, "met", at, agent))
        self._set_next_due()

    def _set_next_due(self) -> None:
        self.next_due = NEVER
        for clock in self.clocks:
            if not clock.is_missed and clock.due_at < self.next_due:
                self.next_due = clock.due_at

    # -- people and places --------------------------------------------------------------------

    def _assigned(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        agent = event.agent
        if agent == self.agent:
            return  # to the same person again: that assignment goes on
        if self.first_assigned_at is None and agent is not None:
            self.first_assigned_at = at
        self._set_agent(agent, at, cell)  # without a name, to a team: nobody has it yet

    def _unassigned(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        self._set_agent(None, at, cell)

    def _set_agent(self, agent: str | None, at: int, cell: Cell) -> None:
        if self.wait_at is not None and (agent is None) != (self.agent is None):
            cell.facts.append(UNASSIGNED if agent is None else TAKEN)
        self.agent, self.assigned_at = agent, at

    def _transferred(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is not None:
            self.transfer_count += 1
        if event.agent is not None:
            self._assigned(event, at, book, cell)

    def _handed_off(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is not None and self.closed_at is None and self.wait_at is None:
            self._start_wait(at, book, cell)

    def _take_scope(self, event: Event, at: int, book: Book) -> None:
        """A scope lasts until an event brings another value."""
        brand, channel, queue = self.scope
        scope = (event.brand or brand, event.channel or channel, event.queue or queue)
        if self.opened_at is not None and self.closed_at is None:
            self._move(book.cell(self.scope, at), book.cell(scope, at))
        self.scope = scope

    def _move(self, old: Cell, new: Cell) -> None:
        """Let the open conversation, as it stands, leave one scope for another."""
        old.facts.append(LEFT)
        new.facts.append(ENTERED)
        if self.wait_at is not None:
            old.values.append((WAIT_LEFT, self.wait_at))
            new.values.append((WAIT, self.wait_at))
            if self.agent is None:
                old.facts.append(TAKEN)
                new.facts.append(UNASSIGNED)
        for clock in self.clocks:
            if clock.is_missed:
                old.facts.append(RELIEVED + clock.sla)
                new.facts.append(OVERDUE + clock.sla)
            else:
                old.values.append((DUE_LEFT + clock.sla, clock.due_at))
                new.values.append((DUE + clock.sla, clock.due_at))

    # -- life -----------------------------------------------------------------------------------

    def _open(self, event: Event, at: int, by: str, cell: Cell) -> None:
        self.opened_at, self.opened_by = at, by
        self.is_complete = by == "customer" and event.in_reply_to is None
        cell.facts.append(OPENED)

    def _closed(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is None or self.closed_at is not None:
            return
        cell.facts.append(CLOSED)
        cell.values.append((RESOLUTION, at - self.opened_at))
        self._end_clocks(at, book, cell, None, *range(len(SLAS)))  # a close leaves them void
        self._end_wait(cell)
        self.closed_at = at
        first = self.first_assigned_at
        self.handled_from = self.first_human_at if first is None else first
        if self.first_closed_at is None:
            self.first_closed_at = at
        self.closed_by = "agent" if event.agent else "bot" if event.bot else None
        self.closing_agent = event.agent
        self.resolution = event.resolution
        self.messages_to_resolution = self.post_count + self.reply_count + self.bot_reply_count

    def _reopened(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.closed_at is not None:
            self._reopen(cell)
            self._start_wait(at, book, cell)  # without a post, the wait starts at the reopen

    def _reopen(self, cell: Cell) -> None:
        self.closed_at = self.closed_by = self.closing_agent = self.resolution = None
        self.messages_to_resolution = None
        self.reopen_count += 1
        cell.facts.append(ENTERED)

    def ends_at(self, policy: PolicyBook) -> int:
        """The instant after which nothing belongs to it any more: final, or expired in silence."""
        if self.closed_at is not None:
            return min(self.closed_at + policy.reopen_window, NEVER)
        return min(self.last_at + policy.expire_after, NEVER)

    def end(self, book: Book) -> None:
        """Make it final; one still open expires at `ends_at`."""
        end = self.ends_at(book.policy)
        self.pass_deadlines(end, book)
        if self.closed_at is None and self.opened_at is not None:
            cell = book.cell(self.scope, end)
            cell.facts.append(EXPIRED)
            self._end_clocks(end, book, cell, None, *range(len(SLAS)))
            self._end_wait(cell)
            self.resolution = "expired"
        self.is_ended = True
        self.revision += 1


ACTIONS = {
    "post": Conversation._post,
    "reply": Conversation._reply,
    "assigned": Conversation._assigned,
    "unassigned": Conversation._unassigned,
    "transferred": Conversation._transferred,
    "handed_off": Conversation._handed_off,
    "closed": Conversation._closed,
    "reopened": Conversation._reopened,
}
"""What each kind of event does; kinds without an entry (a note, say) move no number."""
