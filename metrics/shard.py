"""A shard: the conversations of one hash bucket, kept in event time by an in-band watermark.

Sources say how far they are (`EventBatch.as_of`); the shard's watermark is the least of them.
It holds events back until the watermark has passed them, applies them in their order, lets
deadlines pass in silence, and restates a conversation for which an event comes late. It knows
neither the wall clock nor the engine, so live service and replay share every line.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from heapq import heapify, heappop, heappush

import msgspec

from replywatch.metrics.book import Book
from replywatch.metrics.cells import Partial
from replywatch.metrics.clocks import note_running, pass_until
from replywatch.metrics.conversation import Conversation
from replywatch.metrics.conversation_rows import conversation_row
from replywatch.metrics.events import Event, by_time, settle_ties
from replywatch.metrics.finals import Finals
from replywatch.metrics.kept import Changes, Kept, ResumeError
from replywatch.metrics.policy import PolicyBook
from replywatch.metrics.residents import Residents
from replywatch.metrics.retelling import Pace, finish, not_forgotten, tell
from replywatch.metrics.roster import AgentNews
from replywatch.metrics.rows import RestatementRow, Row
from replywatch.metrics.times import NEVER
from replywatch.metrics.watermark import EventBatch, Marks


class Rows(msgspec.Struct, array_like=True, gc=False):
    """Rows for one table of the history."""

    table: str
    rows: Sequence[Row]
    is_last: bool = False  # said by the source with its last rows: no epoch comes after this one


class _Core(msgspec.Struct, array_like=True):
    """What a shard remembers beside conversations and ends."""

    shards: int
    marks: Marks
    watermark: int
    rows_due_at: int
    pending: list[Event]


_ENDS = 2  # a part beside those of `residents`
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Core)


class Shard:
    """The conversations of one bucket.

    `partitions` names every partition that sends to it: nothing is released before each has been
    heard of. Open conversations are written to the history every `rows_every` microseconds of
    event time, and once when they are final; `NEVER` writes them at the end of the stream only.
    `most_awake` of them stay in memory between checkpoints.
    """

    def __init__(
        self,
        shards: int,
        partitions: list[str],
        policy: PolicyBook,
        rows_every: int,
        most_awake: int,
    ) -> None:
        self.index = -1  # which bucket it has; its batches say
        self.shards = shards
        self.policy = policy
        self.rows_every = rows_every
        self.marks = Marks.of(partitions)
        self.watermark = -NEVER
        self.pending: list[Event] = []
        self.conversations = Residents(most_awake)
        self.changed: set[str] = set()  # whose row is to be written
        self.rows_due_at = NEVER if rows_every == NEVER else -NEVER
        self.finals = Finals(_ENDS, policy.memory)
        self.is_stopping = False
        self._pace = Pace()
        self.undone: list[Row] = []  # rows of SLA clocks that restatements took back
        self._heap: list[tuple[int, str]] = []

    # -- taking part in the stream ------------------------------------------------------------

    def receive(self, batch: EventBatch) -> None:
        """Take a batch in; nothing happens before `advance`."""
        self.index = batch.bucket
        if batch.events:
            self.pending += batch.events
        self.marks.hear(batch.partition, batch.as_of, batch.is_end)
        self.is_stopping = self.is_stopping or batch.is_stop

    def advance(self) -> tuple[Partial, AgentNews, list[Rows]]:
        """Move to the watermark: apply what it passed, miss what is due, write what is final."""
        before, now = self.watermark, max(self.watermark, self.marks.watermark())
        self.watermark = now
        self._pace.batches += 1
        book = Book(self.policy)
        restated: list[RestatementRow] = []
        written: list[Row] = []
        late: list[Event] = []
        released: list[Event] = []
        if self.pending:
            self.pending.sort(key=by_time)
            end = bisect_left(self.pending, now, key=by_time)
            if self.marks.is_end:
                end = len(self.pending)
            released, self.pending = self.pending[:end], self.pending[end:]
            settle_ties(released)
            first = bisect_left(released, before, key=by_time)
            late, released = released[:first], released[first:]
            if not self.marks.is_end:
                late = self._put_off(late, before, now)
        if late:
            self._restate(late, before, book, restated, written)
        self._apply(released, book, written)
        self._wake_until(now, book, written)
        self._write_changed(now, written)
        if self.marks.is_end:
            for conversation in self.conversations.all():
                note_running(conversation, book)
        self.finals.sweep(now)
        added = [(scope, window, cell) for (scope, window), cell in book.cells.items()]
        partial = Partial(
            0,
            self.index,
            now,
            self.marks.is_end,
            added,
            book.corrections,
            book.counted,
            events=len(released) + len(late),
            late=sum(event.is_late for event in released) + len(late),
            forgotten=len(book.refused),
        )
        tables: tuple[tuple[str, Sequence[Row]], ...] = (
            ("restatements", restated),
            ("messages", book.messages),
            ("actions", book.actions),
            ("responses", book.responses),
            ("sla", book.sla),
            ("conversations", written),
            ("rejected", book.refused),
        )
        news = AgentNews(
            self.index,
            now,
            self.marks.is_end,
            book.answers,
            book.answers_taken_back,
            book.focus,
            book.focus_taken_back,
            book.agent_states,
        )
        return partial, news, [Rows(table, rows) for table, rows in tables if rows]

    def _put_off(self, late: list[Event], before: int, now: int) -> list[Event]:
        """Those late events that are told now; the others are pending again."""
        told: list[Event] = []
        waiting: list[Event] = []
        for event in late:
            known = self.conversations.get(event.conversation or "")
            may_wait = self._pace.may_wait(event, known, before, now, self.policy)
            (waiting if may_wait else told).append(event)
        self.pending += waiting
        return told

    # -- events and deadlines -----------------------------------------------------------------

    def _apply(self, events: list[Event], book: Book, written: list[Row]) -> None:
        conversations, touched = self.conversations, set[str]()
        awake = conversations.awake
        expire_after = self.policy.expire_after
        for event in events:
            name = event.conversation
            if name is None:
                book.agent_states.append(event)  # belongs to no conversation
                continue
            at = event.time
            conversation = awake.get(name) or conversations.get(name)
            if (
                conversation is not None
                and (conversation.closed_at is not None or at - conversation.last_at > expire_after)
                and conversation.ends_at(self.policy) < at
            ):
                self._end(conversation, book, written)
                conversation = None
            if conversation is None:
                conversation = Conversation(name, last_at=at)
                conversations.add(conversation)
                self._wake_at(conversation, at + expire_after)
            if not conversation.log.add(event):
                continue  # a duplicate counts once
            conversation.apply(event, book)
            touched.add(name)
            if conversation.next_due < conversation.wake_at:
                self._wake_at(conversation, conversation.next_due)
            elif event.kind == "closed":
                self._wake_at(conversation, conversation.ends_at(self.policy))

        for name in touched:
            awake[name].log.pack()  # live events would stay in memory for long
            conversations.touch(name)
        self.changed |= touched

    def _wake_until(self, now: int, book: Book, written: list[Row]) -> None:
        """Let every deadline and every end before `now` pass."""
        heap = self._heap
        while heap and heap[0][0] < now:
            at, name = heappop(heap)
            if self.conversations.wakes_at(name) != at:
                continue  # it ended, or an earlier entry stood in for this one
            conversation = self.conversations.get(name)
            assert conversation is not None
            if conversation.next_due < now:
                pass_until(conversation, now, book)
                self.conversations.touch(name)
            if conversation.ends_at(self.policy) < now:
                self._end(conversation, book, written)
                continue
            self._schedule(conversation)

    def _schedule(self, conversation: Conversation) -> None:
        """Note when to look at it next. An entry that is not its `wake_at` is void; one that comes
        too early, because a reply came in time, is made anew."""
        self._wake_at(conversation, min(conversation.next_due, conversation.ends_at(self.policy)))

    def _wake_at(self, conversation: Conversation, at: int) -> None:
        conversation.wake_at = at
        if at < NEVER:
            heappush(self._heap, (at, conversation.id))

    def _end(self, conversation: Conversation, book: Book, written: list[Row]) -> None:
        """A final conversation leaves memory."""
        finish(conversation, book, written, self.finals)
        self.conversations.remove(conversation.id)
        self._pace.forget(conversation.id)
        self.changed.discard(conversation.id)

    # -- late events --------------------------------------------------------------------------

    def _restate(
        self,
        late: list[Event],
        before: int,
        book: Book,
        restated: list[RestatementRow],
        written: list[Row],
    ) -> None:
        """Apply events older than the watermark `before` as if they had been in time.

        The conversation's log is told twice, without and with them: the first telling is taken
        back from the windows, and the second one's rows supersede all earlier ones.
        """
        news: dict[str, list[Event]] = {}
        for event in late:
            if event.conversation is None:
                book.agent_states.append(event)
            else:
                news.setdefault(event.conversation, []).append(event)
        for name, events in news.items():
            old = self.conversations.get(name)
            events = not_forgotten(events, old, self.finals.of(name), before, book)
            log = [] if old is None else old.log.events()
            known = {event.key for event in log}
            # of two deliveries the earlier counts, as among events in time
            fresh = {event.key: event for event in reversed(events) if event.key not in known}
            if not fresh:
                continue
            generation = 0 if old is None else old.generation + 1
            undone, redone = Book(self.policy), Book(self.policy)
            if old is not None:
                tell(name, old.generation, log, before, undone, [], Finals())
                self.undone += undone.sla
            told = [*log, *fresh.values()]
            self._pace.tell(name, len(told))
            new = tell(name, generation, told, before, redone, written, self.finals)
            book.restate(new.scope, undone, redone)
            new.revision += 0 if old is None else old.revision
            self.conversations.add(new)
            self.conversations.touch(name)
            self.changed.add(name)
            self._schedule(new)
            if old is not None:
                first = min(event.time for event in events)
                restated.append((name, min(old.first_at, first), generation, before))

    # -- writing ------------------------------------------------------------------------------

    def _write_changed(self, now: int, written: list[Row]) -> None:
        if now >= self.rows_due_at:
            self.rows_due_at = min(now + self.rows_every, NEVER)
        elif not self.marks.is_end and not self.is_stopping:
            return
        for name in sorted(self.changed):
            conversation = self.conversations.get(name)
            if conversation is not None and conversation.opened_at is not None:
                written.append(conversation_row(conversation, self.policy))
                self.conversations.touch(name)
        self.changed.clear()

    # -- recovery -----------------------------------------------------------------------------

    def changes(self, kept: Kept) -> Changes:
        """What is to be kept since the last time."""
        core = _Core(self.shards, self.marks, self.watermark, self.rows_due_at, self.pending)
        if self.marks.is_end:  # nobody will ask for a conversation any more
            return Changes(_ENCODER.encode(core), [], [])
        conversations, gone = self.conversations.changes(kept, self.changed)
        ends, forgotten = self.finals.changes()
        return Changes(_ENCODER.encode(core), [*conversations, *ends], [*gone, *forgotten])

    def load(self, core: bytes, kept: Kept) -> None:
        """Continue from `changes`, or `ResumeError` if the number of shards changed since."""
        state = _DECODER.decode(core)
        if state.shards != self.shards:
            raise ResumeError(
                f"the recovery state was written with {state.shards} shards, not {self.shards}; "
                "use as many, or a new folder"
            )
        self.marks, self.pending = state.marks, state.pending
        self.watermark, self.rows_due_at = state.watermark, state.rows_due_at
        self.changed = self.conversations.load(kept)
        self.finals.load(kept)
        self._heap = [(at, name) for name, at in self.conversations.asleep.items() if at < NEVER]
        heapify(self._heap)
