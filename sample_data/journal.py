"""The record of the sample days: conversations, the events they emit, and their order of arrival.

Instants are milliseconds since `START` (2026-03-03 00:00 UTC, a Tuesday); the record ends after
`DAYS` days, and an event beyond them is left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from replywatch.sample_data.draws import Draws
from replywatch.sample_data.roster import DAY, DAYS, HOUR, MINUTE, SECOND

Event = dict[str, Any]
START = "2026-03-03"
BRAND = "acme"
WINDOW = 5 * MINUTE
MAX_DELAY = 4_000  # ms from an event to its arrival: inside the default lateness of `run`
_MESSAGES = ("post", "reply")


def instant(at: int, is_local: bool = False) -> str:
    """RFC 3339 with milliseconds: UTC as `Z`, or Berlin's winter time as `+01:00`."""
    if is_local:
        at += HOUR
    day, rest = divmod(at, DAY)
    hour, rest = divmod(rest, HOUR)
    minute, rest = divmod(rest, MINUTE)
    second, milli = divmod(rest, SECOND)
    zone = "+01:00" if is_local else "Z"
    return f"{START[:-2]}{3 + day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}{zone}"


@dataclass(slots=True, eq=False)
class Case:
    """One conversation as the simulation knows it.

    `style` says how its events name it: `tool` by `conversation`; `thread` by `in_reply_to` alone,
    and nothing but messages (answered outside of the tool); `mixed` like `tool`, but what the
    customer writes later carries only `in_reply_to`.
    """

    id: str
    channel: str
    queue: str
    customer: str
    topic: str
    style: str = "tool"
    language: str = "en"
    priority: str = "normal"
    turns: int = 0  # posts the customer will still write after answers
    mood: int = 0  # -100 to 100
    is_viral: bool = False
    is_open: bool = True
    is_private: bool = False
    is_paused: bool = False
    is_thanks: bool = False  # the running wait is but a word of thanks
    in_work: bool = False  # an agent is at it right now
    agent: str | None = None
    waiting_since: int | None = None
    replies: int = 0
    last_at: int = -1
    last_message: str | None = None
    marks: dict[str, int] = field(default_factory=dict)


class Journal:
    """Takes the events of the simulation down and gives them back in order of arrival."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self._rows: list[tuple[int, int, Event]] = []  # arrival, number, event
        self._number = 0
        self.window_posts: Counter[tuple[str, int]] = Counter()  # by channel and window number

    def emit(self, kind: str, case: Case, at: int, **fields: Any) -> int:
        """Write an event of a conversation down and return its instant.

        Within a conversation time never stands still: an event is put at least 1 ms after the one
        before, unless it carries `seq`.
        """
        if case.style == "thread" and kind not in _MESSAGES:
            return at
        at = max(at, case.last_at + (0 if fields.get("seq", 1) > 1 else 1))
        is_first = case.last_at < 0
        case.last_at = at
        event = self._head(kind, at, case.channel == "instagram")
        if case.style == "tool" or (case.style == "mixed" and (is_first or kind != "post")):
            event["conversation"] = case.id
        if kind in _MESSAGES:
            if case.channel == "x" and case.last_message is not None:
                event["in_reply_to"] = case.last_message
            case.last_message = event["id"]
            event["channel"] = case.channel
            if case.is_private or case.channel == "instagram":
                event["visibility"] = "private" if case.is_private else "public"
        if is_first:
            event |= {"brand": BRAND, "queue": case.queue, "language": case.language}
            if case.priority != "normal":
                event["priority"] = case.priority
        if kind == "post":
            event["customer"] = case.customer
            if case.channel != "chat":
                event["sentiment"] = max(-100, min(100, case.mood)) / 100
            self.window_posts[case.channel, at // WINDOW] += 1
        event |= fields
        self._keep(event, at, MAX_DELAY if case.style == "thread" and is_first else None)
        return at

    def emit_state(self, agent: str, state: str, at: int) -> None:
        """Write down that an agent's state changed; belongs to no conversation."""
        self._keep(self._head("agent_state", at) | {"agent": agent, "state": state}, at, 0)

    def lines(self, duplicates: int) -> list[Event]:
        """All events in order of arrival, with that many of them delivered twice.

        A second delivery comes within seconds, equal but for `arrived_at`.
        """
        rows = sorted(self._rows, key=lambda row: row[:2])
        again: list[tuple[int, int, Event]] = []
        for _ in range(duplicates):
            arrival, number, event = self._draws.pick(rows)
            arrival += self._draws.between(40, 900)
            again.append((arrival, number, event | {"arrived_at": instant(arrival)}))
        return [event for _, _, event in sorted(rows + again, key=lambda row: row[:2])]

    def _head(self, kind: str, at: int, is_local: bool = False) -> Event:
        self._number += 1
        return {"id": f"e{self._number:06}", "at": instant(at, is_local), "kind": kind}

    def _keep(self, event: Event, at: int, delay: int | None) -> None:
        """File an event under its arrival: mostly at once, some late, a few out of order."""
        luck = self._draws.between(1, 100)
        if delay is None:
            delay = 0
            if luck <= 4:
                delay = self._draws.between(1_000, 3_500)
            elif luck <= 30:
                delay = self._draws.between(30, 600)
        if at >= DAYS * DAY:
            return
        if delay:
            event["arrived_at"] = instant(at + delay)
        self._rows.append((at + delay, self._number, event))
