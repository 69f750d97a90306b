"""One conversation with one customer: the state machine behind every number.

Events are applied in their order (`events.by_order`); nothing here knows when they arrived. Each
method below is one rule of the dictionary: what starts and ends a wait, which reply is the first
response, what a close ends. Its SLA clocks are in `clocks`, its opening hours and pauses in
`spans`, its surveys in `satisfaction`, what is written of it in `conversation_rows`. Applied
twice to the same events it says the same twice, which is how late events are put right: see
`shard.Shard`.
"""

from __future__ import annotations

import msgspec

from replywatch.metrics import clocks
from replywatch.metrics.book import Answer, Book
from replywatch.metrics.cells import (
    CLOSED,
    ENTERED,
    EXPIRED,
    FIRST_RESPONSE,
    LEFT,
    NEXT_RESPONSE,
    OPENED,
    POSTS,
    REPLIES,
    TAKEN,
    UNASSIGNED,
    WAIT,
    WAIT_LEFT,
    Cell,
    note_volume,
)
from replywatch.metrics.cells import RESOLUTION as RESOLUTION_TIME
from replywatch.metrics.clocks import Clock
from replywatch.metrics.conversation_rows import action_row, focus_of, message_row, response_row
from replywatch.metrics.events import SOMEBODY, Event
from replywatch.metrics.log import Log
from replywatch.metrics.policy import CLOSED as CLOSE
from replywatch.metrics.policy import FIRST, NEXT, RESOLUTION, PolicyBook, RuleInForce, Scope
from replywatch.metrics.satisfaction import Surveys
from replywatch.metrics.spans import Spans
from replywatch.metrics.times import NEVER, SECOND

NO_SCOPE: Scope = ("default", "default", "default")
UNNAMED_PAUSE = "pending"
"""The reason of a pause that gives none."""


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
    spans: Spans = msgspec.field(default_factory=Spans)
    # messages
    first_post_at: int | None = None
    first_reply_at: int | None = None  # first human reply to the customer
    first_agent: str | None = None
    first_human_at: int | None = None  # first human message, outbound ones included
    last_human: str | None = None
    human_from: int = -NEVER  # the customer waits for a person from here on: hand-off, reopen
    first_seconds: dict[str, float] = {}  # first response: each of its ways to be measured
    worst_wait: int | None = None
    worst_margin: int | None = None
    margins: dict[int, int] = {}  # by SLA: left of the target when a person ended the clock
    dues: dict[int, int] = {}  # by SLA: deadline of the last clock that ended
    post_count: int = 0
    reply_count: int = 0
    bot_reply_count: int = 0
    note_count: int = 0
    replies_to_close: int = 0
    messages_to_resolution: int | None = None
    was_private: bool = False
    ends_in_public: bool = False  # its last message is a public reply
    closed_in_public: bool = False  # it was, at the last close
    sentiments: tuple[int, float, float] | None = None  # how many, the first, the last
    # waits and assignment
    wait_at: int | None = None
    wait_posts: int = 0  # posts of the running wait
    first_posts: int = 0  # posts before the first response
    agent: str | None = None
    assigned_at: int = 0
    first_assigned_at: int | None = None
    paused_for: str | None = None
    paused_at: int = 0
    paused: int = 0  # elapsed while paused
    held_from: int | None = None  # open, assigned and not paused since then
    held: int = 0
    held_business: int = 0
    focused: list[str] = []
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
    closed_waiting: bool = False
    reopen_gaps: list[tuple[int, int]] = []  # elapsed and business, each reopen
    transfer_count: int = 0
    changed_channel: bool = False
    is_actionable: bool = True
    tags: list[str] = []
    topic: str | None = None
    surveys: dict[str, Surveys] = {}
    is_ended: bool = False
    wake_at: int = NEVER  # earliest entry of this conversation in its shard's heap
    written: int = 0  # revision last written to the history

    def apply(self, event: Event, book: Book) -> None:
        """Let `event` happen; deadlines before it pass first, so one at its instant is kept."""
        at = event.time
        if self.next_due < at:
            clocks.pass_until(self, at, book)
        self.last_at = at
        if at < self.first_at:
            self.first_at = at
        self.revision += 1
        if event.is_late:
            self.is_late = True
        old_scope = self.scope
        brand, channel, queue = old_scope
        is_moved = (
            (event.channel is not None and event.channel != channel)
            or (event.queue is not None and event.queue != queue)
            or (event.brand is not None and event.brand != brand)
        )
        if is_moved:
            self._take_scope(event, at, book)
        if event.priority is not None and event.priority != self.priority:
            self.priority, is_moved = event.priority, True
        if is_moved or at >= self.spans.until:
            self._take_rule(at, book, is_moved)
        if event.language is not None:
            self.language = event.language
        if event.region is not None:
            self.region = event.region
        if event.bot is not None:
            self.had_bot = True
        cell = book.cell(self.scope, at)
        kind = event.kind
        if kind != "post" and kind != "reply":
            book.actions.append(action_row(self, event, old_scope, book.policy))
        action = ACTIONS.get(kind)
        if action is not None:
            action(self, event, at, book, cell)

    # -- messages ---------------------------------------------------------------------------

    def _post(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is None:
            self._open(event, at, "customer", book, cell)
        elif self.closed_at is not None:
            self._reopen(at, book, cell)
        if self.first_post_at is None:
            self.first_post_at = at
        self.post_count += 1
        cell.facts.append(POSTS)
        note_volume(cell, event, at)
        self._message(event, "inbound", book)
        if self.customer is None and event.customer != SOMEBODY:
            self.customer = event.customer
        score = event.sentiment
        if score is not None:
            count, first, _ = self.sentiments or (0, score, score)
            self.sentiments = (count + 1, first, score)
        if self.wait_at is None:  # further posts neither restart nor add a wait
            self._start_wait(at, book, cell)
        self.wait_posts += 1
        if self.first_reply_at is None:
            self.first_posts += 1

    def _message(self, event: Event, direction: str, book: Book) -> None:
        is_public = event.visibility == "public"
        self.was_private = self.was_private or not is_public
        self.ends_in_public = is_public and direction == "outbound"
        book.messages.append(message_row(self, event, direction))

    def _reply(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is None:
            self._open(event, at, "agent" if event.bot is None else "bot", book, cell)
        cell.facts.append(REPLIES)
        self._message(event, "outbound", book)
        agent = event.agent
        if agent is None:  # a bot ends the wait, gives no sample and stops no first response
            self.bot_reply_count += 1
            clocks.end(self, at, book, cell, _BOT_REPLIES, None)
            self._end_wait(cell)
            return
        self.reply_count += 1
        self.last_human = agent
        if self.first_human_at is None:
            self.first_human_at = at
        ended = clocks.end(self, at, book, cell, _REPLIES, agent) if self.clocks else []
        if self.first_reply_at is None and self.first_post_at is not None:
            self._answer("first", agent, self.first_post_at, self.first_posts, at, book, ended)
            cell.values.append((FIRST_RESPONSE, at - self.first_post_at))
        elif self.first_reply_at is not None and self.wait_at is not None:
            self._answer("next", agent, self.wait_at, self.wait_posts, at, book, ended)
            cell.values.append((NEXT_RESPONSE, at - self.wait_at))
        self._end_wait(cell)

    def _answer(
        self,
        kind: str,
        agent: str,
        start: int,
        posts: int,
        at: int,
        book: Book,
        ended: list[Clock],
    ) -> None:
        """A person answers a wait: the one sample it gives."""
        policy, spans = book.policy, self.spans
        # Agents are compared from when somebody could have answered.
        assigned = start if self.agent is None else max(self.assigned_at, start)
        handling = max(assigned, at - policy.active_cap)
        row = response_row(self, kind, agent, start, posts, at, assigned, handling, policy)
        book.responses.append(row)
        book.answers.append(
            Answer(agent, self.id, self.opened_at or 0, start, at, assigned, self.scope,
                   self.generation)
        )  # fmt: skip
        if kind == "first":
            self.first_reply_at, self.first_agent = at, agent
            human = max(start, self.human_from)
            named = row[10:14]
            self.first_seconds = {
                "elapsed": named[0],
                "business": named[1],
                "human": (at - human) / SECOND,
                "human_business": spans.business(human, at, policy) / SECOND,
                "active": spans.active(start, at, FIRST, policy) / SECOND,
            }
            if named[2] is not None:
                self.first_seconds["assigned"] = named[2]
                self.first_seconds["assigned_business"] = named[3]
        margin = None
        for clock in ended:
            margin = self.margins[clock.sla] = clock.target - clock.used
        rule = policy.tagged(spans.rules[-1][1])
        target = rule.targets[NEXT]
        if not ended and target is not None:
            margin = target - spans.active(start, at, NEXT, policy)
        self.worst_wait = max(self.worst_wait or 0, at - start)
        if margin is not None and (self.worst_margin is None or margin < self.worst_margin):
            self.worst_margin = margin

    def _note(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        self.note_count += 1

    # -- waits ------------------------------------------------------------------------------

    def _start_wait(self, at: int, book: Book, cell: Cell) -> None:
        self.wait_at, self.wait_posts = at, 0
        cell.values.append((WAIT, at))
        if self.agent is None:
            cell.facts.append(UNASSIGNED)
        self._start_clock(at, book, cell)

    def _start_clock(self, at: int, book: Book, cell: Cell) -> None:
        """The clock of the wait that runs; one of the first response that a bot left goes on."""
        sla = FIRST if self.first_reply_at is None else NEXT
        if not any(clock.sla == sla for clock in self.clocks):
            clocks.start(self, sla, at, self._rule(book), cell)

    def _end_wait(self, cell: Cell) -> None:
        if self.wait_at is not None:
            cell.values.append((WAIT_LEFT, self.wait_at))
            if self.agent is None:
                cell.facts.append(TAKEN)
            self.wait_at = None

    def set_next_due(self) -> None:
        """Note when one of its clocks next changes by itself."""
        self.next_due = min((clock.wakes_at for clock in self.clocks), default=NEVER)

    # -- people -----------------------------------------------------------------------------

    def _assigned(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        agent = event.agent
        if agent == self.agent:
            return  # to the same person again: that assignment goes on
        if self.first_assigned_at is None and agent is not None:
            self.first_assigned_at = at
        self._set_agent(agent, at, book, cell)  # without a name, to a team: nobody has it yet

    def _unassigned(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        self._set_agent(None, at, book, cell)

    def _set_agent(self, agent: str | None, at: int, book: Book, cell: Cell) -> None:
        if self.wait_at is not None and (agent is None) != (self.agent is None):
            cell.facts.append(UNASSIGNED if agent is None else TAKEN)
        self.agent, self.assigned_at = agent, at
        self._hold(at, book.policy)

    def _hold(self, at: int, policy: PolicyBook) -> None:
        """Count the time open, with a person and not paused."""
        is_open = self.opened_at is not None and self.closed_at is None
        is_held = is_open and self.agent is not None and self.paused_for is None
        if self.held_from is not None:
            self.held += at - self.held_from
            self.held_business += self.spans.business(self.held_from, at, policy)
        self.held_from = at if is_held else None

    def _transferred(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is not None:
            self.transfer_count += 1
        if event.agent is not None:
            self._assigned(event, at, book, cell)

    def _handed_off(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        self.had_bot = True
        if self.handed_off_at is None and self.opened_at is not None:
            self.handed_off_at = at
            if self.first_reply_at is None:
                self.human_from = max(self.human_from, at)
        if self.opened_at is not None and self.closed_at is None and self.wait_at is None:
            self._start_wait(at, book, cell)

    def _focused(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if event.agent is not None:
            book.focus.append(focus_of(event, self.id, is_on=True))
            if event.agent not in self.focused:
                self.focused.append(event.agent)

    def _unfocused(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if event.agent in self.focused:
            self.focused.remove(event.agent)
            book.focus.append(focus_of(event, self.id, is_on=False))

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
            if self.agent is None:
                old.facts.append(TAKEN)
                new.facts.append(UNASSIGNED)

    def _rule(self, book: Book) -> RuleInForce:
        return book.policy.tagged(self.spans.rules[-1][1])

    def _take_rule(self, at: int, book: Book, is_moved: bool) -> None:
        """The rule for this place and priority, in the policy's version of this instant."""
        rule = book.policy.rule_for(at, self.scope, self.priority)
        is_new = self.spans.enter(at, rule)
        if is_new:
            self._set_stops(at, book)
        if is_moved and self.opened_at is not None:
            clocks.retarget(self, at, rule, book)
            cell = book.cell(self.scope, at)
            if self.wait_at is not None:
                self._start_clock(at, book, cell)
            if self.closed_at is None and not any(c.sla == RESOLUTION for c in self.clocks):
                clocks.start(self, RESOLUTION, at, rule, cell)

    def _set_stops(self, at: int, book: Book) -> None:
        if self.opened_at is not None:
            stops = self._rule(book).stops(self.paused_for, self.closed_at is not None)
            self.spans.stop(at, stops)

    # -- pauses -----------------------------------------------------------------------------

    def _paused(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        self._set_pause(event.reason or UNNAMED_PAUSE, at, book, cell)

    def _resumed(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        self._set_pause(None, at, book, cell)

    def _set_pause(self, reason: str | None, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is None or reason == self.paused_for:
            return
        if self.closed_at is None:
            if self.paused_for is not None:
                self.paused += at - self.paused_at
            self.paused_at = at
        self.paused_for = reason
        self._hold(at, book.policy)
        self._set_stops(at, book)
        clocks.settle(self, at, book.policy, cell)

    # -- life -------------------------------------------------------------------------------

    def _open(self, event: Event, at: int, by: str, book: Book, cell: Cell) -> None:
        self.opened_at, self.opened_by = at, by
        self.is_complete = by == "customer" and event.in_reply_to is None
        cell.facts.append(OPENED)
        self._hold(at, book.policy)
        clocks.start(self, RESOLUTION, at, self._rule(book), cell)

    def _closed(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is None or self.closed_at is not None:
            return
        cell.facts.append(CLOSED)
        cell.values.append((RESOLUTION_TIME, at - self.opened_at))
        self.closed_waiting = self.wait_at is not None
        self._end_wait(cell)
        if self.paused_for is not None:
            self.paused += at - self.paused_at
        self.closed_at = at
        self._hold(at, book.policy)
        self._set_stops(at, book)
        self._end_or_stop_clocks(event.agent, at, book, cell)
        first = self.first_assigned_at
        self.handled_from = self.first_human_at if first is None else first
        if self.first_closed_at is None:
            self.first_closed_at = at
        named = ("agent", event.agent), ("bot", event.bot), ("customer", event.customer)
        self.closed_by = next((who for who, name in named if name is not None), None)
        self.closing_agent = event.agent
        self.resolution = event.resolution
        self.replies_to_close = self.reply_count
        self.closed_in_public = self.ends_in_public
        self.messages_to_resolution = self.post_count + self.reply_count + self.bot_reply_count
        for agent in self.focused:
            book.focus.append(focus_of(event, self.id, is_on=False, agent=agent))
        self.focused.clear()

    def _end_or_stop_clocks(self, agent: str | None, at: int, book: Book, cell: Cell) -> None:
        """Where the policy pauses on a close, first response and resolution only stand still."""
        outcomes = dict(_CLOSES)
        for clock in self.clocks:
            pauses = book.policy.tagged(clock.tag).rule.pauses(clock.sla)
            if clock.sla == RESOLUTION:
                self.margins[RESOLUTION] = clock.target - clock.counted(at, book.policy)
            if clock.sla != NEXT and CLOSE in pauses:
                del outcomes[clock.sla]
        clocks.end(self, at, book, cell, outcomes, agent)
        clocks.settle(self, at, book.policy, cell)

    def _reopened(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.closed_at is not None:
            self._reopen(at, book, cell)
            self._start_wait(at, book, cell)  # without a post, the wait starts at the reopen

    def _reopen(self, at: int, book: Book, cell: Cell) -> None:
        closed_at = self.closed_at or at
        gap = self.spans.business(closed_at, at, book.policy)
        self.reopen_gaps.append((at - closed_at, gap))
        self.closed_at = self.closed_by = self.closing_agent = self.resolution = None
        self.messages_to_resolution = self.paused_for = None
        self.margins.pop(RESOLUTION, None)
        if self.first_reply_at is None:
            self.human_from = max(self.human_from, at)
        cell.facts.append(ENTERED)
        self._hold(at, book.policy)
        self._set_stops(at, book)
        clocks.settle(self, at, book.policy, cell)
        if not any(clock.sla == RESOLUTION for clock in self.clocks):
            clocks.start(self, RESOLUTION, at, self._rule(book), cell)

    # -- what is said of it -----------------------------------------------------------------

    def _tagged(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        for tag in event.tags or ():
            if tag not in self.tags:
                self.tags.append(tag)
        if event.topic is not None:
            self.topic = event.topic
        if event.actionable is not None:
            self.is_actionable = event.actionable

    def _survey_sent(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        self._survey(event).send(self.handler)

    def _survey_answered(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if event.score is not None:
            scales = book.policy.surveys
            group = scales.nps_group(event.score, event.scale_max)
            is_csat = event.survey == "csat"
            positive = scales.is_positive(event.score, event.scale_max)
            self._survey(event).answer(
                event.score, positive if is_csat else group == "promoter", group, self.handler
            )

    def _survey(self, event: Event) -> Surveys:
        return self.surveys.setdefault(event.survey or "csat", Surveys())

    @property
    def handler(self) -> str | None:
        """Who has it: the person it is assigned to, else the last one who wrote."""
        return self.agent if self.agent is not None else self.last_human

    def ends_at(self, policy: PolicyBook) -> int:
        """The instant after which nothing belongs to it any more: final, or expired in silence."""
        if self.closed_at is not None:
            return min(self.closed_at + policy.reopen_window, NEVER)
        return min(self.last_at + policy.expire_after, NEVER)

    def end(self, book: Book) -> None:
        """Make it final; one still open expires at `ends_at`."""
        end = self.ends_at(book.policy)
        clocks.pass_until(self, end, book)
        if self.opened_at is not None:
            cell = book.cell(self.scope, end)
            if self.closed_at is None:
                cell.facts.append(EXPIRED)
                clocks.end(self, end, book, cell, _EXPIRES, None)
                self._end_wait(cell)
                self.resolution = "expired"
            elif self.clocks:  # they stood still since the close
                clocks.end(self, end, book, cell, _CLOSES, self.closing_agent)
        self.is_ended = True
        self.revision += 1


_BOT_REPLIES = {NEXT: "void"}
_REPLIES = {FIRST: "met", NEXT: "met"}
_CLOSES = {FIRST: "void", NEXT: "void", RESOLUTION: "met"}
_EXPIRES = {FIRST: "void", NEXT: "void", RESOLUTION: "void"}

ACTIONS = {
    "post": Conversation._post,
    "reply": Conversation._reply,
    "note": Conversation._note,
    "assigned": Conversation._assigned,
    "unassigned": Conversation._unassigned,
    "transferred": Conversation._transferred,
    "handed_off": Conversation._handed_off,
    "focused": Conversation._focused,
    "unfocused": Conversation._unfocused,
    "paused": Conversation._paused,
    "resumed": Conversation._resumed,
    "closed": Conversation._closed,
    "reopened": Conversation._reopened,
    "tagged": Conversation._tagged,
    "survey_sent": Conversation._survey_sent,
    "survey_answered": Conversation._survey_answered,
}
"""What each kind of event does."""
