"""From bytes of a source to batches for the shards: decoded, refused or threaded."""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

from replywatch.flows.lines import CHUNK, LINE_CAP, split_lines
from replywatch.metrics.events import Decoder, Event, Refused
from replywatch.metrics.rows import RejectedRow
from replywatch.metrics.shard import Rows
from replywatch.metrics.times import DAY, NEVER, to_text
from replywatch.metrics.watermark import EventBatch

THREADS = "threads"
"""Key of the step that names conversations, and partition name of what it sends on."""

ROSTER = "roster"
"""Key of the one roster of agents."""

Item = tuple[str, EventBatch | Rows]
"""A keyed item of the stream: events for one shard, or for `THREADS`; or refused rows."""

REFUSED = "refused"

LEAP = 30 * DAY
"""In a replay, a line this far ahead of those before it is refused if the next one is back among
those: one wrong date would move the clock, and all that follows be too late to be told."""

WITNESS_WITHIN = 64 * 1024
"""Bytes from the start of such a line to the end of the next one that can speak against it."""


class _Doubted(NamedTuple):
    """An event that leaps ahead: where its line starts, and how many events came before it."""

    start: int
    line: bytes
    event: Event
    place: int


def too_long() -> Refused:
    """Why a line is refused that was never held whole."""
    return Refused("malformed", f"the line is longer than {LINE_CAP:,} bytes")


def shard_key(index: int) -> str:
    """Engine key of a shard."""
    return f"shard-{index:04d}"


class Router:
    """Splits what one source partition reads into one batch a shard, each with the watermark.

    With `has_threads`, some events name no conversation: those go to `THREADS`, and a copy of
    every other message too, since it may be their parent. An event is late if its own stream had
    gone `lateness` past it when it came, which the order of the lines alone decides.
    """

    def __init__(
        self,
        partition: str,
        shards: int,
        decoder: Decoder,
        has_threads: bool,
        lateness: int = NEVER,
    ) -> None:
        self.partition = partition
        self.shards = shards
        self.decoder = decoder
        self.has_threads = has_threads
        self.keys = [shard_key(index) for index in range(shards)]
        self._batches: list[list[Event]] = [[] for _ in range(shards)]
        self._unthreaded: list[Event] = []
        self.refused: list[RejectedRow] = []
        self.doubtful = b""  # the end of the last chunk, to be given again with the line after it
        self.lateness = lateness
        self.leap = max(LEAP, lateness)
        self.highest = 0  # latest event time seen
        self.floor = 0  # in live service, what was last said to be complete

    def take_lines(
        self, chunk: bytes, source: str, offset: int, now: int | None, *, following: int = CHUNK
    ) -> list[Event]:
        """Take whole lines in; the events among them.

        In a replay (`now` is `None`) a last event that leaps ahead is left in `doubtful`, with what
        stands after it, while one may speak against it: `following` bytes of the next line are
        known.
        """
        self.doubtful = b""
        events = self.decoder.decode_chunk(chunk, now)
        if events is None or (now is None and self._has_leap(events)):
            events = self._take_singly(chunk, source, offset, now, following)
        self.take(events)
        return events

    def _has_leap(self, events: list[Event]) -> bool:
        highest = self.highest
        for event in events:
            if event.time > highest:
                if highest and event.time > highest + self.leap:
                    return True
                highest = event.time
        return False

    def _take_singly(
        self, chunk: bytes, source: str, offset: int, now: int | None, following: int
    ) -> list[Event]:
        events: list[Event] = []
        refusals: list[tuple[int, Refused, bytes, int]] = []
        latest, leap = self.highest, self.leap
        doubted: _Doubted | None = None
        for position, line in split_lines(chunk, offset):
            try:
                event = self.decoder.decode_line(line, now)
            except Refused as refusal:
                refusals.append((position, refusal, line, latest))
                continue
            if doubted is not None:
                is_near = position + len(line) - doubted.start <= WITNESS_WITHIN
                if is_near and event.time < latest - leap:
                    events.append(event)  # it is itself far from the others, and says nothing
                    continue
                if is_near and event.time < doubted.event.time - leap:
                    why = _leapt(doubted.event, event)
                    refusals.append((doubted.start, why, doubted.line, latest))
                else:
                    events.append(doubted.event)
                    latest = doubted.event.time
                doubted = None
            if now is None and latest and event.time > latest + leap:
                doubted = _Doubted(position, line, event, len(events))
            else:
                events.append(event)
                latest = max(latest, event.time)
        if doubted is not None:
            rest = chunk[doubted.start - offset :]
            if len(rest) + following > WITNESS_WITHIN:
                events.append(doubted.event)
            else:  # what follows it is given again, too
                self.doubtful = rest
                del events[doubted.place :]
                refusals = [one for one in refusals if one[0] < doubted.start]
        first = events[0].time if events else 0
        for place, why, line, before in refusals:  # in a replay, received with what is around
            self.refuse(source, str(place), why, line, (before or first) if now is None else now)
        return events

    def refuse(
        self, source: str, position: str, refusal: Refused, raw: bytes, received: int
    ) -> None:
        """Keep a refused row with where it stood, why, and what may be kept of it."""
        self.refused.append(
            (source, position, refusal.reason, refusal.detail, received, self.decoder.keep(raw))
        )

    def refuse_long(self, lines: list[tuple[int, bytes]], source: str, received: int) -> None:
        """Refuse lines that were too long to be read: where each began, and its first bytes."""
        for position, head in lines:
            self.refuse(source, str(position), too_long(), head, received)

    def take(self, events: list[Event]) -> None:
        """Route decoded events."""
        batches, shards, highest = self._batches, self.shards, self.highest
        lateness, floor = self.lateness, self.floor
        for event in events:
            at = event.time
            if at > highest:
                highest = at
            if at < highest - lateness or at < floor:
                event.is_late = True
            name = event.conversation
            if name is None and event.kind == "agent_state":
                name = event.agent or ""
            if name is None:
                self._unthreaded.append(event)
                continue
            batches[crc32(name.encode()) % shards].append(event)
        self.highest = highest
        if self.has_threads:
            self._unthreaded += [event for event in events if event.conversation is not None]

    def flush(self, as_of: int, is_end: bool = False, is_stop: bool = False) -> list[Item]:
        """Everything taken in since the last time, with the tick that nothing older comes.

        `is_end`: the stream ends here. `is_stop`: the process does, and seals what it has.
        """
        items: list[Item] = [
            (key, EventBatch(index, self.partition, as_of, events, is_stop, is_end))
            for index, (key, events) in enumerate(zip(self.keys, self._batches, strict=True))
        ]
        items.append(
            (THREADS, EventBatch(0, self.partition, as_of, self._unthreaded, is_stop, is_end))
        )
        items.append((REFUSED, Rows("rejected", list(self.refused), is_end or is_stop)))
        self._batches = [[] for _ in range(self.shards)]
        self._unthreaded, self.refused = [], []
        return items


def _leapt(event: Event, following: Event) -> Refused:
    at, after = to_text(event.time), to_text(following.time)
    return Refused("ahead", f"`at` is {at}, that of the next line {after}")


def route_threaded(
    events: list[Event], as_of: int, is_end: bool, shards: int
) -> list[tuple[str, EventBatch]]:
    """Batches of events whose conversation was found by threading."""
    batches: list[list[Event]] = [[] for _ in range(shards)]
    for event in events:
        batches[crc32((event.conversation or "").encode()) % shards].append(event)
    return [
        (shard_key(index), EventBatch(index, THREADS, as_of, batch, is_end=is_end))
        for index, batch in enumerate(batches)
    ]
