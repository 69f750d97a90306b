"""An agent's active time: each moment shared equally among the conversations worked on in it.

What an answered wait cost its agent is estimated by the time before the reply, from where the
agent's part may have begun and at most the policy's `active_cap`; where focus events say what the
agent looked at, they replace the estimate. Moments that several of an agent's conversations claim
are divided, so that the sum never exceeds the time on the wall.

Definitions with worked examples: docs/dictionary.md, "Active".
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import accumulate
from math import lcm

from replywatch.metrics.book import Answer, Focus
from replywatch.metrics.times import DAY, NEVER

LOOK_BACK = DAY
"""How long before a reply what the agent looked at still counts."""

Segment = tuple[int, int]
"""A half-open span of time in microseconds (UTC)."""


def focus_spans(events: list[Focus]) -> list[tuple[int, int, str]]:
    """From when to when which conversation was in focus; `NEVER` ends one that still is.

    `events` are one agent's, in order. Turning to a conversation turns away from every other.

    >>> order = (True, 0, 0, "", "")
    >>> focus_spans([Focus("ann", 0, order, "a", True), Focus("ann", 9, order, "b", True)])[0]
    (0, 9, 'a')
    """
    spans: list[tuple[int, int, str]] = []
    current, since = None, 0
    for event in events:
        if event.is_on:
            if current == event.conversation:
                continue
            if current is not None and since < event.at:
                spans.append((since, event.at, current))
            current, since = event.conversation, event.at
        elif current == event.conversation:
            if since < event.at:
                spans.append((since, event.at, current))
            current = None
    if current is not None:
        spans.append((since, NEVER, current))
    return spans


def focus_in_force(events: list[Focus]) -> list[Focus]:
    """The event, if any, since which one conversation is in focus after all of them."""
    current: Focus | None = None
    for event in events:
        if event.is_on:
            if current is None or current.conversation != event.conversation:
                current = event
        elif current is not None and current.conversation == event.conversation:
            current = None
    return [] if current is None else [current]


class Attention:
    """What one agent worked on: `answers` by the time of the reply, and what was in focus."""

    def __init__(self, answers: list[Answer], focus: list[Focus], cap: int) -> None:
        self._spans = focus_spans(focus)
        self._span_ends = [end for _, end, _ in self._spans]
        self._claims: list[tuple[Segment, ...]] = []
        self._methods: list[str] = []
        estimates: list[Segment] = []
        for answer in answers:
            looked = self._looked_at(answer)
            estimate = (max(answer.since, answer.replied_at - cap), answer.replied_at)
            self._claims.append(looked or (estimate,))
            self._methods.append("focus" if looked else "estimated")
            if not looked:
                estimates.append(estimate)
        self._cuts, self._counts = _timeline(estimates, self._spans)

    def _looked_at(self, answer: Answer) -> tuple[Segment, ...]:
        """When the answered conversation was in focus during the agent's part of the wait."""
        if not self._spans:
            return ()
        since = max(answer.since, answer.replied_at - LOOK_BACK)
        first = bisect_right(self._span_ends, since)
        found = []
        for start, end, conversation in self._spans[first:]:
            if start >= answer.replied_at:
                break
            if conversation == answer.conversation:
                found.append((max(start, since), min(end, answer.replied_at)))
        return tuple(segment for segment in found if segment[0] < segment[1])

    def share(self, index: int) -> tuple[int, str]:
        """Active microseconds of the answer at `index` (rounded down), and how they are known."""
        times: Counter[int] = Counter()  # how long the agent's time was divided by how many
        for start, end in self._claims[index]:
            self._divide(start, end, times)
        whole = lcm(*times) if times else 1
        shared = sum(length * (whole // n) for n, length in times.items())
        return shared // whole, self._methods[index]

    def _divide(self, start: int, end: int, times: Counter[int]) -> None:
        place = bisect_right(self._cuts, start)
        while start < end:
            following = min(self._cuts[place], end)
            times[self._counts[place - 1]] += following - start
            start, place = following, place + 1


def _timeline(
    estimates: list[Segment], spans: list[tuple[int, int, str]]
) -> tuple[list[int], list[int]]:
    """When it changes how many conversations claim the time, and how many do from then on."""
    changes = Counter[int]()
    for start, end in [*estimates, *((start, end) for start, end, _ in spans)]:
        changes[start] += 1
        changes[end] -= 1
    cuts = sorted(changes)
    return cuts, list(accumulate(changes[at] for at in cuts))
