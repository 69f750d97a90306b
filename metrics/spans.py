"""The time of one conversation: which rule was in force when, and when its clocks stood still.

Durations exist twice: elapsed, and business, which is the time within the opening hours in force,
added up piece by piece. Active time is business time less the stops of an SLA's clock.

Definitions with worked examples: docs/dictionary.md, "Elapsed and business time".
"""

from __future__ import annotations

import msgspec

from replywatch.metrics.policy import PolicyBook, RuleInForce
from replywatch.metrics.times import NEVER


class Spans(msgspec.Struct, array_like=True):
    """Pieces of a conversation's time, by the instant at which each begins (microseconds, UTC)."""

    rules: list[tuple[int, str]] = []  # tag of the rule in force from then on
    stops: list[tuple[int, int]] = []  # which SLAs' clocks stand still from then on: a bit each
    until: int = -NEVER  # a later version of the policy may be in force from here on

    def enter(self, at: int, rule: RuleInForce) -> bool:
        """`rule` is in force from `at` on; whether it wasn't before."""
        self.until = rule.until
        if self.rules and self.rules[-1][1] == rule.tag:
            return False
        self.rules.append((at, rule.tag))
        return True

    def rule(self, policy: PolicyBook) -> RuleInForce:
        """The rule in force now."""
        return policy.tagged(self.rules[-1][1])

    def stop(self, at: int, mask: int) -> None:
        """From `at` on, the clocks in `mask` stand still and no others."""
        if mask != (self.stops[-1][1] if self.stops else 0):
            self.stops.append((at, mask))

    def business(self, start: int, end: int, policy: PolicyBook) -> int:
        """Business microseconds in `[start, end)`."""
        rules = self.rules
        if len(rules) == 1:
            calendar = policy.tagged(rules[0][1]).calendar
            return end - start if calendar is None else calendar.between(start, end)
        total = 0
        for index, (begin, tag) in enumerate(rules):
            low = max(begin, start) if index else start
            high = min(rules[index + 1][0], end) if index + 1 < len(rules) else end
            if low < high:
                calendar = policy.tagged(tag).calendar
                total += high - low if calendar is None else calendar.between(low, high)
        return total

    def active(self, start: int, end: int, sla: int, policy: PolicyBook) -> int:
        """Business microseconds in `[start, end)`, less those in which the clock stood still."""
        total = self.business(start, end, policy)
        for index, (begin, mask) in enumerate(self.stops):
            if mask >> sla & 1:
                after = self.stops[index + 1][0] if index + 1 < len(self.stops) else end
                low, high = max(begin, start), min(after, end)
                if low < high:
                    total -= self.business(low, high, policy)
        return total
