"""Who has a conversation, and for how long: assignment, pauses and what agents look at.

Assigned-open handle time is the time a conversation is open, with a person and not paused; time
with a bot or in a team's queue doesn't count.

Definitions with worked examples: docs/dictionary.md, "Handle time".
"""

from __future__ import annotations

import msgspec

from replywatch.metrics.policy import PolicyBook
from replywatch.metrics.spans import Spans


class Holding(msgspec.Struct, array_like=True):
    """Assignment and pause in force, and the time counted so far. Microseconds (UTC)."""

    agent: str | None = None
    assigned_at: int = 0
    first_assigned_at: int | None = None
    last_human: str | None = None  # the last person who wrote to the customer
    paused_for: str | None = None
    paused_at: int = 0
    paused: int = 0  # elapsed, while open and paused
    held_from: int | None = None  # open, with a person and not paused since then
    held: int = 0
    held_business: int = 0
    focused: list[str] = []

    @property
    def handler(self) -> str | None:
        """Who has it: the person it is assigned to, else the last one who wrote."""
        return self.agent if self.agent is not None else self.last_human

    def assign(self, agent: str | None, at: int) -> None:
        """It goes to `agent`, or with `None` to nobody yet."""
        if self.first_assigned_at is None and agent is not None:
            self.first_assigned_at = at
        self.agent, self.assigned_at = agent, at

    def pause(self, reason: str | None, at: int, is_open: bool) -> None:
        """It is paused for `reason` from `at` on, or with `None` no longer."""
        self.end_pause(at, is_open)
        self.paused_for = reason
        self.paused_at = at

    def end_pause(self, at: int, is_open: bool) -> None:
        """Count the pause that ran, if any, while the conversation was open."""
        if is_open and self.paused_for is not None:
            self.paused += at - self.paused_at

    def count(self, at: int, is_open: bool, spans: Spans, policy: PolicyBook) -> None:
        """Count what was held up to `at`; `is_open` says whether it is open from then on."""
        if self.held_from is not None:
            self.held += at - self.held_from
            self.held_business += spans.business(self.held_from, at, policy)
        is_held = is_open and self.agent is not None and self.paused_for is None
        self.held_from = at if is_held else None
