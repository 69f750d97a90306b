"""One conversation with one customer: the state machine behind every number.

Events are applied in their order (`events.by_order`); nothing here knows when they arrived. Each
method below is one rule of the dictionary: what starts and ends a wait, which reply is the first
response, what a close ends. Its SLA clocks are in `clocks`, its opening hours and pauses in
`spans`, its surveys in `satisfaction`, what is written of it in `conversation_rows`. Applied
twice to the same events it says the same twice, which is how late events are put right: see
`shard.Shard`.
"""

from __future__ import annotations

from replywatch.metrics import clocks
from replywatch.metrics.answers import Timed
from replywatch.metrics.book import Book
from replywatch.metrics.cells import (
    CLOSED,
    ENTERED,
    EXPIRED,
    FIRST_RESPONSE,
    NEXT_RESPONSE,
    OPENED,
    POSTS,
    REPLIES,
    TAKEN,
    UNASSIGNED,
    Cell,
    note_survey,
    note_volume,
)
from replywatch.metrics.cells import RESOLUTION as RESOLUTION_TIME
from replywatch.metrics.clocks import Clock
from replywatch.metrics.conversation_rows import (
    action_row,
    answer_of,
    focus_of,
    message_row,
    response_row,
)
from replywatch.metrics.events import SOMEBODY, Event
from replywatch.metrics.life import Life
from replywatch.metrics.policy import CLOSED as CLOSE
from replywatch.metrics.policy import FIRST, NEXT, RESOLUTION

UNNAMED_PAUSE = "pending"
"""The reason of a pause that gives none."""


class Conversation(Life, array_like=True):
    """A conversation from its first message until it is final. Instants in microseconds (UTC)."""

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
        answers = self.answers
        if answers.first_post_at is None:
            answers.first_post_at = at
        self.tally.message(event)
        cell.facts.append(POSTS)
        note_volume(cell, event, at)
        book.messages.append(message_row(self, event, "inbound"))
        if self.customer is None and event.customer != SOMEBODY:
            self.customer = event.customer
        if event.sentiment is not None:
            self.said.score(event.sentiment)
        if self.wait_at is None:  # further posts neither restart nor add a wait
            self._start_wait(at, book, cell)
        self.wait_posts += 1
        if answers.first_reply_at is None:
            self.first_posts += 1

    def _reply(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is None:
            self._open(event, at, "agent" if event.bot is None else "bot", book, cell)
        self.tally.message(event)
        cell.facts.append(REPLIES)
        book.messages.append(message_row(self, event, "outbound"))
        agent = event.agent
        if agent is None:  # a bot ends the wait, gives no sample and stops no first response
            clocks.end(self, at, book, cell, _BOT_REPLIES, None)
            self._end_wait(cell)
            return
        self.holding.last_human = agent
        if self.first_human_at is None:
            self.first_human_at = at
        ended = clocks.end(self, at, book, cell, _REPLIES, agent) if self.clocks else []
        answers = self.answers
        if answers.first_reply_at is None and answers.first_post_at is not None:
            self._answer("first", agent, answers.first_post_at, at, book, ended)
            cell.values.append((FIRST_RESPONSE, at - answers.first_post_at))
        elif answers.first_reply_at is not None and self.wait_at is not None:
            self._answer("next", agent, self.wait_at, at, book, ended)
            cell.values.append((NEXT_RESPONSE, at - self.wait_at))
        self._end_wait(cell)

    def _answer(
        self, kind: str, agent: str, start: int, at: int, book: Book, ended: list[Clock]
    ) -> None:
        """A person answers a wait: the one sample it gives. `ended` are the clocks it ended."""
        policy, spans, holding = book.policy, self.spans, self.holding
        business = spans.business(start, at, policy)
        # Agents are compared from when somebody could have answered: a bot may have ended the wait
        # that the first response counts from.
        begun = start if self.wait_at is None else self.wait_at
        assigned_business = None
        if holding.agent is not None:
            begun = max(holding.assigned_at, begun)
            assigned_business = business if begun == start else spans.business(begun, at, policy)
        timed = Timed(start, at, begun, business, assigned_business)
        posts = self.first_posts if kind == "first" else self.wait_posts
        book.responses.append(response_row(self, kind, agent, timed, posts, policy))
        book.answers.append(answer_of(self, agent, timed))
        if kind == "first":
            self.answers.first(agent, timed, spans, policy)
        margins = {clock.sla: clock.target - clock.used for clock in ended}
        self.answers.compare(timed, margins, spans, policy)

    def _note(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        self.tally.notes += 1

    # -- people -----------------------------------------------------------------------------

    def _assigned(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if event.agent != self.holding.agent:  # to the same person again: that one goes on
            self._set_agent(event.agent, at, book, cell)  # no name: to a team, nobody has it yet

    def _unassigned(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        self._set_agent(None, at, book, cell)

    def _set_agent(self, agent: str | None, at: int, book: Book, cell: Cell) -> None:
        if self.wait_at is not None and (agent is None) != (self.holding.agent is None):
            cell.facts.append(UNASSIGNED if agent is None else TAKEN)
        self.holding.assign(agent, at)
        self.holding.count(at, self.is_open, self.spans, book.policy)

    def _transferred(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is not None:
            self.transfer_count += 1
        if event.agent is not None:
            self._assigned(event, at, book, cell)

    def _handed_off(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        self.had_bot = True
        if self.handed_off_at is None and self.opened_at is not None:
            self.handed_off_at = at
            self.answers.await_human(at)
        if self.is_open and self.wait_at is None:
            self._start_wait(at, book, cell)

    def _focused(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if event.agent is not None:
            book.focus.append(focus_of(event, self.id, event.agent, is_on=True))
            if event.agent not in self.holding.focused:
                self.holding.focused.append(event.agent)

    def _unfocused(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if event.agent is not None and event.agent in self.holding.focused:
            self.holding.focused.remove(event.agent)
            book.focus.append(focus_of(event, self.id, event.agent, is_on=False))

    # -- pauses -----------------------------------------------------------------------------

    def _paused(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        self._set_pause(event.reason or UNNAMED_PAUSE, at, book, cell)

    def _resumed(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        self._set_pause(None, at, book, cell)

    def _set_pause(self, reason: str | None, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is not None and reason != self.holding.paused_for:
            self.holding.pause(reason, at, self.is_open)
            self._settle(at, book, cell)

    # -- life -------------------------------------------------------------------------------

    def _open(self, event: Event, at: int, by: str, book: Book, cell: Cell) -> None:
        self.opened_at, self.opened_by = at, by
        self.is_complete = by == "customer" and event.in_reply_to is None
        cell.facts.append(OPENED)
        self.holding.count(at, True, self.spans, book.policy)
        clocks.start(self, RESOLUTION, at, self.spans.rule(book.policy), cell)

    def _closed(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.opened_at is None or self.closed_at is not None:
            return
        cell.facts.append(CLOSED)
        cell.values.append((RESOLUTION_TIME, at - self.opened_at))
        self.tally.close()
        self._end_wait(cell)
        self.holding.end_pause(at, is_open=True)
        self.closed_at = at
        self._end_or_stop_clocks(event.agent, at, book, cell)
        self._settle(at, book, cell)
        first = self.holding.first_assigned_at
        self.handled_from = self.first_human_at if first is None else first
        if self.first_closed_at is None:
            self.first_closed_at = at
        named = ("agent", event.agent), ("bot", event.bot), ("customer", event.customer)
        self.closed_by = next((who for who, name in named if name is not None), None)
        self.closing_agent = event.agent
        self.resolution = event.resolution
        for agent in self.holding.focused:
            book.focus.append(focus_of(event, self.id, agent, is_on=False))
        self.holding.focused.clear()

    def _end_or_stop_clocks(self, agent: str | None, at: int, book: Book, cell: Cell) -> None:
        """Where the policy pauses on a close, first response and resolution only stand still."""
        outcomes = dict(_CLOSES)
        for clock in self.clocks:
            pauses = book.policy.tagged(clock.tag).rule.pauses(clock.sla)
            if clock.sla == RESOLUTION:
                self.answers.margins[RESOLUTION] = clock.target - clock.counted(at, book.policy)
            if clock.sla != NEXT and CLOSE in pauses:
                del outcomes[clock.sla]
        clocks.end(self, at, book, cell, outcomes, agent)

    def _reopened(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        if self.closed_at is not None:
            self._reopen(at, book, cell)
            self._start_wait(at, book, cell)  # without a post, the wait starts at the reopen

    def _reopen(self, at: int, book: Book, cell: Cell) -> None:
        closed_at = self.closed_at or at
        gap = self.spans.business(closed_at, at, book.policy)
        self.reopen_gaps.append((at - closed_at, gap))
        self.closed_at = self.closed_by = self.closing_agent = self.resolution = None
        self.holding.paused_for = None
        self.answers.margins.pop(RESOLUTION, None)
        self.answers.await_human(at)
        cell.facts.append(ENTERED)
        self._settle(at, book, cell)
        if not any(clock.sla == RESOLUTION for clock in self.clocks):
            clocks.start(self, RESOLUTION, at, self.spans.rule(book.policy), cell)

    # -- what is said of it -----------------------------------------------------------------

    def _tagged(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        self.said.tag(event)

    def _surveyed(self, event: Event, at: int, book: Book, cell: Cell) -> None:
        scales = book.policy.surveys_at(at)
        self.said.survey(event, self.holding.handler, scales)
        note_survey(cell, event, scales)

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
    "survey_sent": Conversation._surveyed,
    "survey_answered": Conversation._surveyed,
}
"""What each kind of event does."""
