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
    BACKLOG,
    CLOSED,
    EXPIRED,
    MET,
    MISSED,
    OPENED,
    OVERDUE,
    POSTS,
    REPLIES,
    UNASSIGNED,
    VOID,
    WAITING,
    Cell,
)
from replywatch.metrics.events import Event
from replywatch.metrics.policy import FIRST, NEXT, SLAS, Scope
from replywatch.metrics.rows import ConversationRow, MessageRow, ResponseRow, SlaRow
from replywatch.metrics.times import NEVER, SECOND

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
    log: dict[str, Event] = {}  # every event once, by its key: what a restatement starts from
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
        self.revision += 1
        if event.is_late:
            self.is_late = True
        if event.brand or event.channel or event.queue or event.priority or event.language:
            self._take_scope(event, at, book)
        if event.region:
            self.region = event.region
        action = ACTIONS.get(event.kind)
        if action is not None:
            action(self, event, at, book)

    # -- messages ---------------------------------------------------------------------------

    def _post(self, event: Event, at: int, book: Book) -> None:
        if self.opened_at is None:
            self._open(event, at, "customer", book)
        elif self.closed_at is not None:
            self._reopen(at, book)
        if self.first_post_at is None:
            self.first_post_at = at
        self.post_count += 1
        book.cell(self.scope, at).counts[POSTS] += 1
        self._write_message(event, "inbound", book)
        if event.customer is not None and self.customer is None:
            self.customer = event.customer
        if self.wait_at is None:  # further posts neither restart nor add a wait
            self._start_wait(at, book)
        self.wait_posts += 1
        if self.first_reply_at is None:
            self.first_posts += 1

    def _reply(self, event: Event, at: int, book: Book) -> None:
        if self.opened_at is None:
            self._open(event, at, "agent" if event.bot is None else "bot", book)
        book.cell(self.scope, at).counts[REPLIES] += 1
        self._write_message(event, "outbound", book)
        if event.agent is None:  # a bot ends the wait, gives no sample and stops no first response
            self.bot_reply_count += 1
            self._end_clock(NEXT, at, book, agent=None)
            self._end_wait(at, book)
            return
        self.reply_count += 1
        if self.first_human_at is None:
            self.first_human_at = at
        if self.first_reply_at is None and self.first_post_at is not None:
            self._answer("first", event.agent, self.first_post_at, self.first_posts, at, book)
            self.first_reply_at = at
            self.first_agent = event.agent
        elif self.first_reply_at is not None and self.wait_at is not None:
            self._answer("next", event.agent, self.wait_at, self.wait_posts, at, book)
        self._end_clock(FIRST, at, book, agent=event.agent)
        self._end_clock(NEXT, at, book, agent=event.agent)
        self._end_wait(at, book)

    def _answer(
        self, kind: str, agent: str, started_at: int, posts: int, at: int, book: Book
    ) -> None:
        """A person answers a wait: one sample, credited to the sender."""
        seconds = (at - started_at) / SECOND
        assigned = None
        if self.agent is not None:  # compared from when somebody could have answered
            assigned = (at - max(self.assigned_at, started_at)) / SECOND
        cell = book.cell(self.scope, at)
        if kind == "first":
            self.first_response, self.first_response_assigned = seconds, assigned
            cell.first_responses.append(at - started_at)
        else:
            cell.next_responses.append(at - started_at)
        book.responses.append(
            ResponseRow(
                self.id,
                self.opened_at or 0,
                started_at,
                at,
                kind,
                agent,
                *self.scope,
                self.priority,
                seconds,
                assigned,
                posts,
                self.generation,
            )
        )

    def _write_message(self, event: Event, direction: str, book: Book) -> None:
        brand, channel, queue = self.scope
        book.messages.append(
            MessageRow(
                self.id,
                self.opened_at or 0,
                event.id,
                event.source or "default",
                event.time,
                direction,
                event.agent,
                event.bot,
                event.visibility,
                event.sentiment,
                brand,
                channel,
                queue,
                event.is_late,
                self.generation,
            )
        )

    # -- waits and clocks -------------------------------------------------------------------

    def _start_wait(self, at: int, book: Book) -> None:
        self.wait_at, self.wait_posts = at, 0
        self._count_wait(book.cell(self.scope, at), 1)
        if self.first_reply_at is not None:
            self._start_clock(NEXT, at, book)
        elif not any(clock.sla == FIRST for clock in self.clocks):
            self._start_clock(FIRST, at, book)  # one that a bot's answer left running goes on

    def _end_wait(self, at: int, book: Book) -> None:
        if self.wait_at is not None:
            self._count_wait(book.cell(self.scope, at), -1)
            self.wait_at = None

    def _start_clock(self, sla: int, at: int, book: Book) -> None:
        in_force = book.policy.rule_for(at, self.scope, self.priority)
        target = None if in_force is None else in_force.targets[sla]
        if in_force is None or target is None:
            return
        clock = Clock(sla, at, at + target, target, in_force.version, in_force.rule.name)
        self.clocks.append(clock)
        self.next_due = min(self.next_due, clock.due_at)
        book.cell(self.scope, at).dues.append((sla, clock.due_at))

    def pass_deadlines(self, until: int, book: Book) -> None:
        """Miss every clock due before `until`, at its deadline: silence breaches too."""
        for clock in sorted(self.clocks, key=lambda clock: clock.due_at):
            if not clock.is_missed and clock.due_at < until:
                clock.is_missed = True
                cell = book.cell(self.scope, clock.due_at)
                cell.counts[MISSED + clock.sla] += 1
                cell.counts[OVERDUE + clock.sla] += 1
                cell.dues_left.append((clock.sla, clock.due_at))
                self._write_clock(clock, "missed", clock.due_at, self.agent, book)
        self._set_next_due()

    def _end_clock(self, sla: int, at: int, book: Book, agent: str | None) -> None:
        """A reply (of `agent`) meets the clock; a bot or a close (no agent) leaves it void."""
        for clock in self.clocks:
            if clock.sla == sla:
                break
        else:
            return
        self.clocks.remove(clock)
        self._set_next_due()
        cell = book.cell(self.scope, at)
        if clock.is_missed:  # it counted when it was missed; nothing grows after that
            cell.counts[OVERDUE + sla] -= 1
            return
        cell.dues_left.append((sla, clock.due_at))
        cell.counts[(VOID if agent is None else MET) + sla] += 1
        if agent is None:
            self._write_clock(clock, "void", at, self.agent, book)
        else:
            self._write_clock(clock, "met", at, agent, book)

    def _set_next_due(self) -> None:
        running = [clock.due_at for clock in self.clocks if not clock.is_missed]
        self.next_due = min(running, default=NEVER)

    def _write_clock(
        self, clock: Clock, outcome: str, ended_at: int, agent: str | None, book: Book
    ) -> None:
        book.sla.append(
            SlaRow(
                self.id,
                self.opened_at or 0,
                SLAS[clock.sla],
                clock.started_at,
                clock.due_at,
                ended_at,
                outcome,
                clock.policy_version,
                clock.rule,
                clock.target / SECOND,
                agent,
                *self.scope,
                self.priority,
                self.generation,
            )
        )

    # -- people, places, life -----------------------------------------------------------------

    def _assigned(self, event: Event, at: int, book: Book) -> None:
        if event.agent == self.agent:
            return  # to the same person again: that assignment goes on
        if self.first_assigned_at is None and event.agent is not None:
            self.first_assigned_at = at
        self._set_agent(event.agent, at, book)  # without a name, to a team: nobody has it yet

    def _unassigned(self, event: Event, at: int, book: Book) -> None:
        self._set_agent(None, at, book)

    def _set_agent(self, agent: str | None, at: int, book: Book) -> None:
        if self.wait_at is not None and (agent is None) != (self.agent is None):
            book.cell(self.scope, at).counts[UNASSIGNED] += 1 if agent is None else -1
        self.agent, self.assigned_at = agent, at

    def _transferred(self, event: Event, at: int, book: Book) -> None:
        if self.opened_at is not None:
            self.transfer_count += 1
        if event.agent is not None:
            self._assigned(event, at, book)

    def _handed_off(self, event: Event, at: int, book: Book) -> None:
        if self.opened_at is not None and self.closed_at is None and self.wait_at is None:
            self._start_wait(at, book)

    def _open(self, event: Event, at: int, by: str, book: Book) -> None:
        self.opened_at, self.opened_by = at, by
        self.is_complete = by == "customer" and event.in_reply_to is None
        counts = book.cell(self.scope, at).counts
        counts[OPENED] += 1
        counts[BACKLOG] += 1

    def _closed(self, event: Event, at: int, book: Book) -> None:
        if self.opened_at is None or self.closed_at is not None:
            return
        self._leave_open(at, CLOSED, book)
        self.closed_at = at
        if self.first_closed_at is None:
            self.first_closed_at = at
        self.closed_by = "agent" if event.agent else "bot" if event.bot else None
        self.closing_agent = event.agent
        self.resolution = event.resolution
        self.messages_to_resolution = self.post_count + self.reply_count + self.bot_reply_count
        book.cell(self.scope, at).resolutions.append(at - self.opened_at)

    def _leave_open(self, at: int, how: int, book: Book) -> None:
        """Closed or expired: a running wait ends unanswered, its clocks void."""
        for clock in self.clocks[:]:
            self._end_clock(clock.sla, at, book, agent=None)
        self._end_wait(at, book)
        counts = book.cell(self.scope, at).counts
        counts[how] += 1
        counts[BACKLOG] -= 1

    def _reopened(self, event: Event, at: int, book: Book) -> None:
        if self.closed_at is not None:
            self._reopen(at, book)
            self._start_wait(at, book)  # without a post, the wait starts at the reopen

    def _reopen(self, at: int, book: Book) -> None:
        self.closed_at = self.closed_by = self.closing_agent = self.resolution = None
        self.messages_to_resolution = None
        self.reopen_count += 1
        book.cell(self.scope, at).counts[BACKLOG] += 1

    def ends_at(self, book: Book) -> int:
        """The instant after which nothing belongs to it any more: final, or expired in silence."""
        if self.closed_at is not None:
            return min(self.closed_at + book.policy.reopen_window, NEVER)
        return min(self.last_at + book.policy.expire_after, NEVER)

    def is_over(self, at: int, book: Book) -> bool:
        """Whether an event at `at` comes too late to belong to it."""
        if self.closed_at is None and at - self.last_at <= book.policy.expire_after:
            return False
        return self.ends_at(book) < at

    def end(self, book: Book) -> None:
        """Make it final; one still open expires at `ends_at`."""
        end = self.ends_at(book)
        self.pass_deadlines(end, book)
        if self.closed_at is None and self.opened_at is not None:
            self._leave_open(end, EXPIRED, book)
            self.resolution = "expired"
        self.is_ended = True
        self.revision += 1

    def _take_scope(self, event: Event, at: int, book: Book) -> None:
        self.priority = event.priority or self.priority
        self.language = event.language or self.language
        brand, channel, queue = self.scope
        scope = (event.brand or brand, event.channel or channel, event.queue or queue)
        if scope != self.scope:
            if self.opened_at is not None and self.closed_at is None:
                self._count_state(book.cell(self.scope, at), -1)
                self._count_state(book.cell(scope, at), 1)
            self.scope = scope

    def _count_state(self, cell: Cell, sign: int) -> None:
        """Let the open conversation, as it stands, enter (1) or leave (-1) a scope."""
        cell.counts[BACKLOG] += sign
        if self.wait_at is not None:
            self._count_wait(cell, sign)
        for clock in self.clocks:
            if clock.is_missed:
                cell.counts[OVERDUE + clock.sla] += sign
            else:
                dues = cell.dues if sign > 0 else cell.dues_left
                dues.append((clock.sla, clock.due_at))

    def _count_wait(self, cell: Cell, sign: int) -> None:
        counts = cell.counts
        counts[WAITING] += sign
        if self.agent is None:
            counts[UNASSIGNED] += sign
        (cell.waits if sign > 0 else cell.waits_left).append(self.wait_at or 0)

    def row(self) -> ConversationRow:
        """The conversation as the history has it at this revision."""
        opened, closed = self.opened_at or 0, self.closed_at
        starts = (self.first_assigned_at, self.first_human_at)
        handled = next((s for s in starts if s is not None and s <= (closed or 0)), None)
        self.written = self.revision

        def since(start: int | None, end: int | None) -> float | None:
            return None if start is None or end is None else (end - start) / SECOND

        return ConversationRow(
            self.id,
            opened,
            *self.scope,
            self.priority,
            self.language,
            self.region,
            self.customer,
            self.opened_by,
            self.is_complete,
            self.first_post_at,
            self.first_reply_at,
            self.first_agent,
            self.first_response,
            self.first_response_assigned,
            self.agent,
            self.first_assigned_at,
            closed,
            self.closed_by,
            self.closing_agent,
            self.resolution,
            since(opened, self.first_closed_at),
            since(opened, closed),
            since(handled, closed),
            self.post_count,
            self.reply_count,
            self.bot_reply_count,
            self.reopen_count,
            self.transfer_count,
            self.messages_to_resolution,
            self.wait_at,
            self.last_at,
            self.is_late,
            self.is_ended,
            self.revision,
            self.generation,
        )


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
