"""Events as they come: one flat struct, whose decoding is its validation.

A line that decodes is an event the rules can take; everything else is refused with a reason
(`Refused`) and kept by the caller. Times are converted once, to integer microseconds (`time`).
What each kind says stands in the README, what it does to the numbers in docs/dictionary.md.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Literal

import msgspec

from replywatch.metrics.masking import Kept, kept_of
from replywatch.metrics.repeats import may_repeat, repeated_key
from replywatch.metrics.times import EPOCH, LATEST, MICROSECOND, SECOND, to_instant

Kind = Literal[
    "post",
    "assigned",
    "unassigned",
    "transferred",
    "handed_off",
    "resumed",
    "focused",
    "note",
    "tagged",
    "reply",
    "unfocused",
    "paused",
    "closed",
    "reopened",
    "survey_sent",
    "survey_answered",
    "agent_state",
]

KINDS: tuple[str, ...] = Kind.__args__  # type: ignore[attr-defined]
"""Every kind, in the order in which events of one instant and one `seq` take effect."""

KIND_RANK = {kind: rank for rank, kind in enumerate(KINDS)}

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Event(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One thing that happened in customer care; fields as in the event contract.

    `at` is aware; `time` is the same instant in microseconds and is what the rules use.
    Absent fields are `None`: a scope field then keeps the conversation's value. `text` is not
    read at all, so it can reach neither state nor history. `customer` leaves the decoder as a
    keyed hash, or not at all when no key is configured.
    """

    id: Text
    at: datetime | None
    kind: Kind
    conversation: Text | None = None
    in_reply_to: Text | None = None
    seq: Whole | None = None
    source: Label | None = None
    brand: Label | None = None
    channel: Label | None = None
    queue: Label | None = None
    priority: Literal["low", "normal", "high", "critical"] | None = None
    language: Label | None = None
    region: Label | None = None
    customer: Text | None = None
    agent: Label | None = None
    bot: Label | None = None
    visibility: Literal["public", "private"] = "public"
    sentiment: Annotated[float, msgspec.Meta(ge=-1, le=1)] | None = None
    survey: Literal["csat", "nps"] | None = None
    score: float | None = None
    scale_max: float | None = None
    resolution: Label | None = None
    reason: Label | None = None
    state: Literal["available", "busy", "away", "offline"] | None = None
    tags: list[Label] | None = None
    topic: Label | None = None
    actionable: bool | None = None
    arrived_at: datetime | None = None
    time: int = msgspec.field(default=0, name="~time")
    is_late: bool = msgspec.field(default=False, name="~late")

    @property
    def key(self) -> str:
        """Identity for duplicates: the id within its source."""
        return identity(self.source, self.id)

    def __lt__(self, other: Event) -> bool:
        """By what they say, for two that share time and identity: whether they were late is no
        part of it."""
        return _said(self) < _said(other)


def _said(event: Event) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(event, is_late=False))


_SHOWN = frozenset(Event.__struct_fields__) - {"customer"}
"""Fields whose values are kept as they are, also in a line that is refused."""


def identity(source: str | None, name: str) -> str:
    """One text for an id within its source, different for different ones whatever they contain."""
    if source is None:
        return name if "\x00" not in name else f"\x00\x00{name}"
    return f"\x00{len(source)}\x00{source}{name}"


SOMEBODY = "?"
"""Stands for a customer's handle that is not kept: that there was one says who closed."""

NEEDED = {
    "agent_state": ("agent", "state"),
    "focused": ("agent",),
    "unfocused": ("agent",),
    "survey_sent": ("survey",),
    "survey_answered": ("survey", "score"),
}
"""Fields without which an event of a kind says nothing."""


by_time: Callable[[Event], int] = attrgetter("time")


def by_order(event: Event) -> tuple[int, bool, int, int, str, str]:
    """The total order of events: time, `seq` where given, kind, id; never the order of arrival.

    At one instant an event with a `seq` comes before one without. Of two different deliveries of
    one event at one instant `settle_ties` puts the same one first, whichever arrived first.
    """
    seq = event.seq
    rank = KIND_RANK[event.kind]
    return (event.time, seq is None, seq or 0, rank, event.id, event.source or "")


def put_in_order(events: list[Event]) -> None:
    """Sort `events` in place by `by_order`; cheap where they are nearly sorted by time."""
    events.sort(key=by_time)
    settle_ties(events)


def settle_ties(events: list[Event]) -> None:
    """Put events of one instant in their order, in a list that is sorted by time."""
    start, previous = 0, -1
    for index, event in enumerate(events):
        if event.time != previous:
            if index - start > 1:
                events[start:index] = sorted(events[start:index], key=_in_full)
            start, previous = index, event.time
    if len(events) - start > 1:
        events[start:] = sorted(events[start:], key=_in_full)


def _in_full(event: Event) -> tuple[tuple[int, bool, int, int, str, str], Event]:
    return by_order(event), event


DETAIL_CAP = 500
"""Characters kept of what a refusal says: it may quote a value of any length."""


class Refused(ValueError):
    """An input row that is no event: `reason` is a bounded label, `detail` says what and where."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail[:DETAIL_CAP]


REASONS = ("malformed", "invalid", "unthreadable", "ahead", "forgotten", "lost")
"""Every label of a refusal: not JSON; not an event; no thread; further ahead than allowed, or than
the lines around it; so late that its conversation, if it had one, is final and forgotten; expired
in a queue before it was read."""


def _is_one_a_line(chunk: bytes, count: int) -> bool:
    """Whether each of the lines is an object of its own; the decoder takes any white space."""
    ends = chunk.count(b"}\n") + chunk.endswith(b"}")
    starts = chunk.startswith(b"{") + chunk.count(b"\n{")
    lines = chunk.count(b"\n") + (not chunk.endswith(b"\n"))
    return starts == ends == lines == count


def customer_hash(key: bytes, version: str, handle: str) -> str:
    """What stands for a customer's handle: HMAC-SHA-256 under `key`, its first 16 bytes in hex.

    Prefixed with the key's version, so that hashes under two keys can't be taken for each other.
    """
    return f"{version}:{hmac.digest(key, handle.encode(), 'sha256')[:16].hex()}"


class Decoder:
    """Bytes to events.

    `customer_key` hashes customers' handles (see `customer_hash`); without one they are dropped.
    `max_ahead` (microseconds) refuses an event stamped later than that after its arrival. `kept`
    is what to keep of a line that is refused.
    """

    def __init__(
        self,
        max_ahead: int,
        customer_key: bytes | None = None,
        version: str = "1",
        kept: Kept = "masked",
    ) -> None:
        self.max_ahead = max_ahead
        self.kept = kept
        self._customer_key = customer_key
        self._version = version
        self._decoder = msgspec.json.Decoder(Event)
        self._hashes: dict[str, str] = {}

    def decode_chunk(self, chunk: bytes, now: int | None) -> list[Event] | None:
        """All events of whole lines at once, or `None` if any line needs looking at alone."""
        try:
            events = self._decoder.decode_lines(chunk)
            if not _is_one_a_line(chunk, len(events)) or may_repeat(chunk):
                return None
            for event in events:
                self.finish(event, now)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        return events

    def decode_line(self, line: bytes, now: int | None) -> Event:
        """One event, or `Refused`. `now` is the arrival where the line doesn't give one."""
        try:
            event = self._decoder.decode(line)
            key = repeated_key(line) if may_repeat(line) else None
        except msgspec.ValidationError as error:
            raise Refused("invalid", str(error)) from None
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Refused("malformed", str(error)) from None
        if key is not None:
            name = f"`{key}`" if key in Event.__struct_fields__ else "a key"
            raise Refused("invalid", f"{name} stands twice: which value was meant can't be known")
        self.finish(event, now)
        return event

    def keep(self, line: bytes) -> bytes:
        """What is kept of a line that was refused; see `replywatch.metrics.masking`."""
        return kept_of(line, self.kept, _SHOWN)

    def finish(self, event: Event, now: int | None) -> None:
        """Set `time`, hash the customer, and check what the types can't say; or `Refused`."""
        moment = event.at
        if moment is None or moment.tzinfo is None:
            raise Refused("invalid", "`at` has no UTC offset; write RFC 3339 with one")
        event.time = time = (moment - EPOCH) // MICROSECOND
        event.at = None
        if not 0 <= time <= LATEST:
            raise Refused("invalid", f"`at` is {moment.isoformat()}, not in the years 1970 to 2199")
        if event.is_late:
            event.is_late = False  # not for the input to say
        if event.source == "default":
            event.source = None
        if event.kind == "reply" and (event.agent is None) == (event.bot is None):
            raise Refused("invalid", "a reply names exactly one of `agent` and `bot`")
        if event.kind == "agent_state":
            event.conversation = None
        elif event.conversation is None:
            self._check_thread(event)
        wanted = NEEDED.get(event.kind)
        if wanted is not None:
            for name in wanted:
                if getattr(event, name) is None:
                    raise Refused("invalid", f"{event.kind} names no `{name}`")
            self._check_score(event)
        if event.customer is not None:
            event.customer = self._hash(event.customer)
        if event.arrived_at is not None:
            if event.arrived_at.tzinfo is None:
                raise Refused("invalid", "`arrived_at` has no UTC offset")
            arrived = to_instant(event.arrived_at)
            now = arrived if now is None else min(arrived, now)
            event.arrived_at = None
        if now is not None and time > now + self.max_ahead:
            ahead = (time - now) / SECOND
            raise Refused("ahead", f"stamped {ahead:.0f} s after its arrival")

    @staticmethod
    def _check_thread(event: Event) -> None:
        if event.in_reply_to is not None or event.kind in ("post", "reply"):
            return  # a message without parent opens a thread of its own
        raise Refused("unthreadable", f"{event.kind} {event.id!r} names no conversation")

    @staticmethod
    def _check_score(event: Event) -> None:
        top, score = event.scale_max, event.score
        if top is not None and not 0 < top <= 1000:
            raise Refused("invalid", f"`scale_max` is {top}, not above 0 and at most 1000")
        if score is not None and not 0 <= score <= (1000 if top is None else top):
            raise Refused("invalid", f"`score` is {score}, not within 0 and the scale")

    def _hash(self, handle: str) -> str:
        """The handle's hash; without a key, no more than that there was one."""
        if self._customer_key is None:
            return SOMEBODY
        known = self._hashes.get(handle)
        if known is None:
            if len(self._hashes) > 100_000:
                self._hashes.clear()
            known = customer_hash(self._customer_key, self._version, handle)
            self._hashes[handle] = known
        return known
