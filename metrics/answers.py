"""First response and the answers after it, each measured in every way that is published.

The first response runs from the customer's first post, whoever opened the conversation, to the
first reply by a person. The human clock begins later where a bot handed over, or where a close
that no person had answered before was reopened.

Definitions with worked examples: docs/dictionary.md, "Waits and responses".
"""

from __future__ import annotations

import msgspec

from replywatch.metrics.policy import FIRST, NEXT, PolicyBook
from replywatch.metrics.spans import Spans
from replywatch.metrics.times import NEVER, SECOND


class Timed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One answered wait: from `start`, for its agent from `begun` on, to `at`.

    The lengths are business microseconds; that from `begun` is `None` if nobody had it.
    """

    start: int
    at: int
    begun: int
    business: int
    assigned_business: int | None

    @property
    def assigned(self) -> int | None:
        """Elapsed microseconds from assigned, if anybody had it."""
        return None if self.assigned_business is None else self.at - self.begun


class Answers(msgspec.Struct, array_like=True):
    """What is known of a conversation's answers. Instants and lengths in microseconds (UTC)."""

    first_post_at: int | None = None
    first_reply_at: int | None = None  # first reply to the customer by a person
    first_agent: str | None = None
    human_from: int = -NEVER  # a hand-off or a reopen, from which on a person was awaited
    seconds: dict[str, float] = {}  # the first response, by the way it is measured
    worst_wait: int | None = None
    worst_margin: int | None = None
    margins: dict[int, int] = {}  # by SLA: what was left of the target when its clock was ended
    dues: dict[int, int | None] = {}  # by SLA: deadline of the last clock that ended

    def await_human(self, at: int) -> None:
        """A person is awaited from `at` on, if none has replied yet."""
        if self.first_reply_at is None:
            self.human_from = max(self.human_from, at)

    def first(self, agent: str, timed: Timed, spans: Spans, policy: PolicyBook) -> None:
        """`agent` gave the first response."""
        self.first_reply_at, self.first_agent = timed.at, agent
        human = max(timed.start, self.human_from)
        lengths = {
            "elapsed": timed.at - timed.start,
            "business": timed.business,
            "human": timed.at - human,
            "human_business": spans.business(human, timed.at, policy),
            "active": spans.active(timed.start, timed.at, FIRST, policy),
        }
        if timed.assigned_business is not None:
            lengths["assigned"] = timed.at - timed.begun
            lengths["assigned_business"] = timed.assigned_business
        self.seconds = {name: length / SECOND for name, length in lengths.items()}

    def compare(
        self, timed: Timed, margins: dict[int, int], spans: Spans, policy: PolicyBook
    ) -> None:
        """Keep the longest answered wait, and the least that was left of a target.

        `margins` are those of the clocks that the answer ended. A wait without one is measured by
        the target of a next response, if the rule in force has that.
        """
        self.margins.update(margins)
        self.worst_wait = max(self.worst_wait or 0, timed.at - timed.start)
        margin = next(iter(margins.values()), None)
        target = spans.rule(policy).targets[NEXT]
        if margin is None and target is not None:
            margin = target - spans.active(timed.start, timed.at, NEXT, policy)
        if margin is not None and (self.worst_margin is None or margin < self.worst_margin):
            self.worst_margin = margin
