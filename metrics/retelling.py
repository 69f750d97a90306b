"""Telling a conversation from its events, and once more when some of them come late."""

from __future__ import annotations

from replywatch.metrics.book import Book
from replywatch.metrics.clocks import pass_until
from replywatch.metrics.conversation import Conversation
from replywatch.metrics.conversation_rows import conversation_row
from replywatch.metrics.events import Event, put_in_order
from replywatch.metrics.finals import Finals
from replywatch.metrics.policy import PolicyBook
from replywatch.metrics.rows import RejectedRow, Row
from replywatch.metrics.times import MINUTE, SECOND

EVENTS_A_BATCH = 200
"""Of a conversation of so many events, one retelling a batch is in proportion to the rest."""

WAITS_AT_MOST = 15 * MINUTE
"""How far the watermark goes past a late event at most before it is told, in event time."""


class Pace:
    """How often long conversations are told anew: not again and again for one late event each.

    The late events of a conversation wait for each other, the more batches the longer it is. That
    changes how often it is told, never what is told last. Nothing of it needs to survive a crash.
    """

    def __init__(self) -> None:
        self.batches = 0
        self._told: dict[str, int] = {}

    def may_wait(
        self, event: Event, known: Conversation | None, before: int, now: int, policy: PolicyBook
    ) -> bool:
        """Whether a late `event` can be told with a later batch than this one.

        This one moves the watermark from `before` to `now`, in which time the conversation must
        not be able to leave memory, whatever ends it.
        """
        told = None if known is None else self._told.get(known.id)
        if known is None or told is None:
            return False
        return (
            self.batches < told + known.log.size // EVENTS_A_BATCH
            and now - event.time < WAITS_AT_MOST
            and now - before < policy.memory
            and known.ends_at(policy) > now
        )

    def tell(self, name: str, size: int) -> None:
        """A conversation of `size` events is told anew in this batch."""
        if size >= EVENTS_A_BATCH:
            self._told[name] = self.batches

    def forget(self, name: str) -> None:
        """A conversation has left memory."""
        self._told.pop(name, None)


def _forgotten(event: Event, now: int) -> RejectedRow:
    """An event so late that it can't be told from a second delivery to a final conversation."""
    late = (now - event.time) / SECOND
    detail = f"{event.kind} of conversation {event.conversation!r} came {late:.0f} s late"
    return (event.source or "default", event.id, "forgotten", detail, now, b"")


def finish(conversation: Conversation, book: Book, written: list[Row], finals: Finals) -> None:
    """A final conversation is written once more; of what it was, only its end is remembered."""
    finals.note(conversation.id, conversation.ends_at(book.policy))
    conversation.end(book)
    if conversation.opened_at is not None:
        written.append(conversation_row(conversation, book.policy))


def tell(
    name: str,
    generation: int,
    events: list[Event],
    until: int,
    book: Book,
    written: list[Row],
    finals: Finals,
) -> Conversation:
    """What became of these events by `until`; conversations that ended before are written."""
    conversation = Conversation(name, generation=generation)
    put_in_order(events)
    for event in events:
        if conversation.revision and conversation.ends_at(book.policy) < event.time:
            finish(conversation, book, written, finals)
            conversation = Conversation(name, generation=generation)
        conversation.log.add(event)
        conversation.apply(event, book)
    pass_until(conversation, until, book)
    return conversation


def not_forgotten(
    events: list[Event], now: Conversation | None, final: int, before: int, book: Book
) -> list[Event]:
    """Those late events that can still be told; the others are refused.

    A final conversation has left memory (`final` is when the last one of that name did): what
    belongs to it, or may do, can't be told from a second delivery, and telling it alone would
    hide what was written of it. `before` is the watermark.
    """
    memory = before - book.policy.memory
    kept = []
    for event in events:
        is_in_memory = now is not None and event.time >= now.first_at
        if is_in_memory or event.time > max(final, memory):
            kept.append(event)
        else:
            book.refused.append(_forgotten(event, before))
    return kept
