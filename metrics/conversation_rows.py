"""Rows of the history that a conversation writes: what it is at this moment, as tuples.

The places of each tuple are those of the types in `rows`, which are the columns of the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replywatch.metrics.events import Event
from replywatch.metrics.policy import SLAS
from replywatch.metrics.rows import ConversationRow, MessageRow, ResponseRow, SlaRow
from replywatch.metrics.times import SECOND

if TYPE_CHECKING:
    from replywatch.metrics.conversation import Clock, Conversation


def message_row(of: Conversation, event: Event, direction: str) -> MessageRow:
    """A post (`inbound`) or a reply (`outbound`)."""
    brand, channel, queue = of.scope
    return (
        of.id,
        of.opened_at or 0,
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
        of.generation,
    )


def response_row(
    of: Conversation, kind: str, agent: str, started_at: int, posts: int, at: int
) -> ResponseRow:
    """A wait that `agent` answered at `at`: credit goes to the sender of the reply."""
    assigned = None
    if of.agent is not None:  # agents are compared from when somebody could have answered
        assigned = (at - max(of.assigned_at, started_at)) / SECOND
    return (
        of.id,
        of.opened_at or 0,
        started_at,
        at,
        kind,
        agent,
        *of.scope,
        of.priority,
        (at - started_at) / SECOND,
        assigned,
        posts,
        of.generation,
    )


def sla_row(
    of: Conversation, clock: Clock, outcome: str, ended_at: int, agent: str | None
) -> SlaRow:
    """A clock that ended; `agent` met it, or had the conversation when it was missed or void."""
    return (
        of.id,
        of.opened_at or 0,
        SLAS[clock.sla],
        clock.started_at,
        clock.due_at,
        ended_at,
        outcome,
        clock.policy_version,
        clock.rule,
        clock.target / SECOND,
        agent,
        *of.scope,
        of.priority,
        of.generation,
    )


def _since(start: int | None, end: int | None) -> float | None:
    return None if start is None or end is None else (end - start) / SECOND


def conversation_row(of: Conversation) -> ConversationRow:
    """The conversation at its revision."""
    opened, closed = of.opened_at or 0, of.closed_at

    return (
        of.id,
        opened,
        *of.scope,
        of.priority,
        of.language,
        of.region,
        of.customer,
        of.opened_by,
        of.is_complete,
        of.first_post_at,
        of.first_reply_at,
        of.first_agent,
        of.first_response,
        of.first_response_assigned,
        of.agent,
        of.first_assigned_at,
        closed,
        of.closed_by,
        of.closing_agent,
        of.resolution,
        _since(opened, of.first_closed_at),
        _since(opened, closed),
        _since(of.handled_from, closed),
        of.post_count,
        of.reply_count,
        of.bot_reply_count,
        of.reopen_count,
        of.transfer_count,
        of.messages_to_resolution,
        of.wait_at,
        of.last_at,
        of.is_late,
        of.is_ended,
        of.revision,
        of.generation,
    )
