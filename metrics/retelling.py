"""Telling a conversation from its events, and once more when some of them come late."""

from __future__ import annotations

from replywatch.metrics.book import Book
from replywatch.metrics.clocks import pass_until
from replywatch.metrics.conversation import Conversation
from replywatch.metrics.conversation_rows import conversation_row
from replywatch.metrics.events import Event, put_in_order
from replywatch.metrics.policy import PolicyBook
from replywatch.metrics.rows import RejectedRow, Row
from replywatch.metrics.times import SECOND


def _forgotten(event: Event, now: int) -> RejectedRow:
    """An event so late that it can't be told from a second delivery to a final conversation."""
    late = (now - event.time) / SECOND
    detail = f"{event.kind} of conversation {event.conversation!r} came {late:.0f} s late"
    return (event.source or "default", event.id, "forgotten", detail, now, b"")


def row_of(conversation: Conversation, policy: PolicyBook) -> Row:
    """The conversation's row as it stands, which counts as written from now on."""
    conversation.written = conversation.revision
    return conversation_row(conversation, policy)


def finish(
    conversation: Conversation, book: Book, written: list[Row], finals: dict[str, int]
) -> None:
    """A final conversation is written once more; of what it was, only its end is remembered."""
    finals[conversation.id] = conversation.ends_at(book.policy)
    conversation.end(book)
    if conversation.opened_at is not None:
        written.append(row_of(conversation, book.policy))


def tell(
    name: str,
    generation: int,
    events: list[Event],
    until: int,
    book: Book,
    written: list[Row],
    finals: dict[str, int],
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
