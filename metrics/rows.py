"""Rows of the history as the rules emit them; fields stand in the order of the tables' columns.

Instants are integer microseconds (UTC), durations seconds, `None` means "no data".
"""

from __future__ import annotations

import msgspec


class ConversationRow(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One conversation at one revision; the highest revision is its latest."""

    conversation_id: str
    opened_at: int
    brand: str
    channel: str
    queue: str
    priority: str
    language: str
    region: str
    customer_key: str | None
    opened_by: str
    is_complete: bool
    first_post_at: int | None
    first_reply_at: int | None
    first_agent: str | None
    first_response_seconds: float | None
    first_response_assigned_seconds: float | None
    assigned_agent: str | None
    first_assigned_at: int | None
    closed_at: int | None
    closed_by: str | None
    closing_agent: str | None
    resolution: str | None
    first_resolution_seconds: float | None
    full_resolution_seconds: float | None
    handle_elapsed_seconds: float | None
    post_count: int
    reply_count: int
    bot_reply_count: int
    reopen_count: int
    transfer_count: int
    messages_to_resolution: int | None
    waiting_since: int | None
    last_event_at: int
    is_late: bool
    is_final: bool
    revision: int
    generation: int


class ResponseRow(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One answered wait."""

    conversation_id: str
    opened_at: int
    wait_started_at: int
    replied_at: int
    kind: str
    agent: str
    brand: str
    channel: str
    queue: str
    priority: str
    response_seconds: float
    response_assigned_seconds: float | None
    posts_answered: int
    generation: int


class MessageRow(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One post or reply, without its text."""

    conversation_id: str
    opened_at: int
    id: str
    source: str
    at: int
    direction: str
    agent: str | None
    bot: str | None
    visibility: str
    sentiment: float | None
    brand: str
    channel: str
    queue: str
    is_late: bool
    generation: int


class SlaRow(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One SLA clock that ended."""

    conversation_id: str
    opened_at: int
    sla: str
    started_at: int
    due_at: int
    ended_at: int
    outcome: str
    policy_version: str
    rule: str
    target_seconds: float
    agent: str | None
    brand: str
    channel: str
    queue: str
    priority: str
    generation: int


class WindowRow(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One 5-minute window of one scope."""

    window_start: int
    brand: str
    channel: str
    queue: str
    posts: int
    replies: int
    opened: int
    closed: int
    answered: int
    met: int
    missed: int
    attainment: float | None
    is_breached: bool
    first_response_p50: float | None
    first_response_p90: float | None
    first_response_mean: float | None
    waiting: int
    oldest_wait_seconds: float | None
    posts_expected: float | None
    spike_score: float | None
    is_spike: bool
    revision: int


class RejectedRow(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One input row that was refused, with the bytes it had (capped)."""

    source: str
    position: str
    reason: str
    detail: str
    received_at: int
    raw: bytes


class RestatementRow(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Voids the older generations of a conversation, opened at `from_opened_at` or later."""

    conversation_id: str
    from_opened_at: int
    generation: int
    restated_at: int


Row = (
    ConversationRow
    | ResponseRow
    | MessageRow
    | SlaRow
    | WindowRow
    | RejectedRow
    | RestatementRow
)

ROWS: dict[str, type[Row]] = {
    "conversations": ConversationRow,
    "responses": ResponseRow,
    "messages": MessageRow,
    "sla": SlaRow,
    "windows": WindowRow,
    "rejected": RejectedRow,
    "restatements": RestatementRow,
}
"""Row type of each table."""
