"""Reads a share of a topic's partitions, each with a clock of its own.

Who can say that a partition is read to its end is its broker alone. It is asked all the time
(`kafka_ends`): a partition is complete up to when it was last asked, if all it then had is read.
While no broker answers, the clock stands still and nobody's deadline passes falsely.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from bytewax.inputs import StatefulSourcePartition

from replywatch.flows.damage import checked, with_checksum
from replywatch.flows.kafka_client import (
    PATIENCE,
    KafkaOptions,
    ask,
    is_passing,
    open_consumer,
    said,
)
from replywatch.flows.kafka_ends import Readers
from replywatch.flows.routing import Item, Router
from replywatch.flows.sources import LOOK_EVERY, SourceError
from replywatch.metrics.events import Event, Refused
from replywatch.metrics.times import SECOND

if TYPE_CHECKING:
    from confluent_kafka import Message

MESSAGES = 5000
"""Messages taken in at once."""

AHEAD = 32 * 1024 * 1024
"""Bytes of messages that may wait for a partition further behind; then its brothers wait."""


class _Read(msgspec.Struct):
    """How far a partition is read: the next offset, and the latest event time."""

    offset: int
    highest: int = 0
    reached: int = 0  # the same, no later than what the broker says of when it came


class _State(msgspec.Struct):
    read: dict[int, _Read]
    floor: int


def _read_state(resume: bytes) -> _State:
    return msgspec.json.decode(checked(resume, "the topic"), type=_State)


class Reader(StatefulSourcePartition[Item, bytes]):
    """A share of the topic's partitions: those whose number modulo `readers` is its own."""

    def __init__(
        self,
        options: KafkaOptions,
        number: int,
        router: Router,
        readers: Readers,
        resume: bytes | None,
    ) -> None:
        self._options, self._number, self._router = options, number, router
        self._topic, self._readers = options.kafka.topic, readers
        self._consumer = open_consumer(options.kafka, options.settings, options.kafka.readers)
        state = None if resume is None else _read_state(resume)
        self._read = self._begin(state)
        router.highest = max((one.highest for one in self._read.values()), default=0)
        router.floor = 0 if state is None else state.floor
        self._eof: dict[int, int] = {}  # by partition: the end that was last come to
        self._waiting: dict[int, deque[tuple[int, int]]] = {}  # latest event time, bytes
        self._held: set[int] = set()
        self._sent = 0  # events of this epoch
        self._ends = readers.join(number, options)
        self._awake = datetime.now(UTC)
        self._is_stopped = False

    def _is_mine(self, partition: int) -> bool:
        return partition % self._options.kafka.readers == self._number

    # -- where to read ------------------------------------------------------------------------

    def _begin(self, state: _State | None) -> dict[int, _Read]:
        """Go on where `state` says, elsewhere begin as configured.

        Whether what comes next is still there is for the broker to say, when it is asked for it.
        """
        from confluent_kafka import KafkaException, TopicPartition

        known = {} if state is None else state.read
        try:
            topics = ask(lambda: self._consumer.list_topics(self._topic, timeout=PATIENCE)).topics
            about = topics[self._topic]
            if about.error is not None or not about.partitions:
                what = about.error.str() if about.error is not None else "it has no partitions"
                raise SourceError(f"kafka topic {self._topic!r}: {what}")
            if missing := known.keys() - about.partitions.keys():
                raise SourceError(
                    f"kafka topic {self._topic!r} no longer has partition {min(missing)}, which "
                    "was read before: this is another topic; name the old one or a new history"
                )
            read = dict(known)
            for partition in filter(self._is_mine, sorted(about.partitions)):
                if partition not in known:
                    first, end = self._ask_ends(partition)
                    # One added to the topic meanwhile is read from its beginning in any case.
                    at_end = self._options.kafka.start == "latest" and state is None
                    read[partition] = _Read(end if at_end else first)
            self._consumer.assign(
                [TopicPartition(self._topic, number, one.offset) for number, one in read.items()]
            )
        except KafkaException as error:
            options = self._options
            raise SourceError(said(options.kafka, options.settings, error.args[0])) from None
        return read

    def _ask_ends(self, partition: int) -> tuple[int, int]:
        """The first offset that a partition still has, and the next that it will have."""
        from confluent_kafka import TopicPartition

        place = TopicPartition(self._topic, partition)
        return ask(lambda: self._consumer.get_watermark_offsets(place, timeout=PATIENCE))

    def _add_partitions(self) -> None:
        """Read partitions that were added to the topic, from their beginning."""
        from confluent_kafka import TopicPartition

        for partition in filter(self._is_mine, self._ends.partitions):
            if partition not in self._read:
                self._read[partition] = _Read(0)
                place = TopicPartition(self._topic, partition, 0)
                self._consumer.incremental_assign([place])

    # -- reading ------------------------------------------------------------------------------

    def next_batch(self) -> list[Item]:
        """One batch for every shard, with the tick of how far it is."""
        router, options = self._router, self._options
        if self._is_stopped:
            raise StopIteration
        if options.stop():
            self._is_stopped = True
            return router.flush(router.floor, is_stop=True)
        self._add_partitions()
        has_credit = self._sent < options.credit
        messages = self._consumer.consume(MESSAGES, timeout=0) if has_credit else []
        now = options.now()
        by_partition: dict[int, list[Message]] = {}
        for message in messages:
            if message.error() is not None:
                self._fail(message)
            else:
                by_partition.setdefault(message.partition() or 0, []).append(message)
        for partition, some in by_partition.items():
            self._take(partition, some, now)
        self._awake = datetime.now(UTC)
        if not messages:
            self._awake += LOOK_EVERY
        seen = {partition: self._seen(partition, now) for partition in self._read}
        low = min([self._looked(now), options.steady(router.highest), *seen.values()])
        self._readers.say(self._number, low)
        self._hold_back(seen)
        router.floor = max(router.floor, low - options.lateness)
        return router.flush(router.floor)

    def _looked(self, now: int) -> int:
        """The instant up to which all partitions are known; a reader of none has no other."""
        looked_at = self._ends.looked_at
        return (now if looked_at is None else looked_at) if self._read else (looked_at or 0)

    def _seen(self, partition: int, now: int) -> int:
        """The instant up to which the partition is read."""
        read, asked = self._read[partition], self._ends.of(partition)
        reached = max(read.offset, self._eof.get(partition, 0))  # past marks of transactions
        if asked is not None and reached >= asked[1]:
            return asked[0]
        # Behind, or not known: no further than what was read, and never ahead of the wall.
        return min(read.reached, now)

    def _take(self, partition: int, messages: list[Message], now: int) -> None:
        router, read = self._router, self._read[partition]
        events: list[Event] = []
        size = came = 0
        for message in messages:
            value = message.value() or b""
            offset = message.offset() or 0
            size += len(value)
            came = max(came, message.timestamp()[1])
            try:
                event = router.decoder.decode_line(value, now)
            except Refused as refusal:
                router.refuse(self._name(partition), str(offset), refusal, value, now)
            else:
                events.append(event)
                self._options.observe_delay(max(now - event.time, 0) / SECOND)
            read.offset = offset + 1
        before, router.highest = router.highest, read.highest
        router.take(events)
        read.highest, router.highest = router.highest, max(before, router.highest)
        # In a backlog an event stamped ahead of its time must not hurry the clock.
        came_at = came * 1000 if came > 0 else now
        read.reached = max(read.reached, min(read.highest, came_at))
        self._sent += len(events)
        self._waiting.setdefault(partition, deque()).append((read.highest, size))

    def _hold_back(self, seen: dict[int, int]) -> None:
        """Let partitions wait while too much of what they gave waits for one further behind."""
        from confluent_kafka import TopicPartition

        low, size = self._readers.low(), 0
        for waiting in self._waiting.values():
            while waiting and waiting[0][0] < low:
                waiting.popleft()
            size += sum(some for _, some in waiting)
        held = {one for one, at in seen.items() if at > low} if size > AHEAD else set[int]()
        for change, places in (
            (self._consumer.pause, held - self._held),
            (self._consumer.resume, self._held - held),
        ):
            if places:
                change([TopicPartition(self._topic, place) for place in places])
        self._held = held

    # -- what goes wrong ----------------------------------------------------------------------

    def _lose(self, partition: int, read: _Read, first: int) -> None:
        """Messages are gone unread: stop, or keep what was lost on record and go on."""
        lost = f"messages {read.offset} to {first - 1} of partition {partition} expired unread"
        if self._options.kafka.on_gap == "stop":
            raise SourceError(
                f"kafka topic {self._topic!r}: {lost}; to go on without them set on_gap = 'skip'"
            )
        source = self._name(partition)
        refusal = Refused("lost", lost)
        self._router.refuse(source, str(read.offset), refusal, b"", self._options.now())
        read.offset = first

    def _name(self, partition: int) -> str:
        return f"kafka:{self._topic}/{partition}"

    def _fail(self, message: Message) -> None:
        """An error instead of a message: one that passes by itself, a gap, or a reason to stop."""
        from confluent_kafka import KafkaError

        error = message.error()
        if error is None:
            return
        partition = message.partition()
        if error.code() == KafkaError._AUTO_OFFSET_RESET and partition in self._read:
            self._go_on_behind_gap(partition)
        elif error.code() == KafkaError._PARTITION_EOF:
            self._eof[partition or 0] = message.offset() or 0
        elif not is_passing(error):
            options = self._options
            raise SourceError(said(options.kafka, options.settings, error))

    def _go_on_behind_gap(self, partition: int) -> None:
        """Where the broker has nothing: behind the gap if that is wanted, or nowhere."""
        from confluent_kafka import KafkaException, TopicPartition

        place, read = TopicPartition(self._topic, partition), self._read[partition]
        try:
            first, _ = self._ask_ends(partition)
            if read.offset >= first:
                raise SourceError(
                    f"kafka topic {self._topic!r}: partition {partition} ends before offset "
                    f"{read.offset}, which was read before: this is another topic"
                )
            self._lose(partition, read, first)
            self._held.discard(partition)
            self._consumer.incremental_unassign([place])
            self._consumer.incremental_assign([TopicPartition(self._topic, partition, first)])
        except KafkaException as error:
            options = self._options
            raise SourceError(said(options.kafka, options.settings, error.args[0])) from None

    # -- the engine's -------------------------------------------------------------------------

    def next_awake(self) -> datetime | None:
        """At once while there is something to read, else after a look's rest."""
        return self._awake

    def snapshot(self) -> bytes:
        """Where to go on."""
        self._sent = 0
        return with_checksum(msgspec.json.encode(_State(self._read, self._router.floor)))

    def close(self) -> None:
        """Let go of the brokers."""
        self._readers.leave(self._number)
        self._consumer.close()
