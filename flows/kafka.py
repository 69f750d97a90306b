"""Live input from a Kafka topic, one event a message.

Offsets stand in the recovery state with everything that follows from them, never in a consumer
group: what is read and what is written can't come apart. All partitions of the topic are read by
one source, each with a clock of its own; the slowest one holds the watermark.

Who can say that a partition is read to its end is its broker alone. It is asked all the time
(`kafka_ends`): a partition is complete up to when it was last asked, if all it then had is read.
While no broker answers, the clock stands still and nobody's deadline passes falsely.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from replywatch.flows.kafka_ends import Ends
from replywatch.flows.routing import Item, Router
from replywatch.flows.settings import Kafka
from replywatch.flows.sources import LOOK_EVERY, PARTITION, LiveOptions, SourceError
from replywatch.metrics.events import Event, Refused
from replywatch.metrics.times import SECOND

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

MESSAGES = 5000
"""Messages taken in at once."""


@dataclass
class KafkaOptions(LiveOptions):
    """What the source of a topic is told; `settings` are librdkafka's, secrets filled in."""

    kafka: Kafka
    settings: dict[str, str]


class _Read(msgspec.Struct):
    """How far a partition is read: the next offset, and the latest event time."""

    offset: int
    highest: int = 0


_STATE = dict[int, _Read]


def open_consumer(options: KafkaOptions) -> Consumer:
    """A consumer that never decides by itself where to read, or `SourceError`."""
    try:
        from confluent_kafka import Consumer, KafkaException
    except ImportError:
        raise SourceError(
            "reading from Kafka needs confluent-kafka: pip install 'replywatch[kafka]'"
        ) from None
    try:
        return Consumer(
            {
                "queued.max.messages.kbytes": 16384,
                "fetch.wait.max.ms": 100,
                **options.settings,
                "bootstrap.servers": options.kafka.brokers,
                "group.id": "replywatch",  # wanted by the library; no offset is ever committed
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
            }
        )
    except KafkaException as error:
        raise SourceError(f"kafka: {error.args[0].str()}") from None


class _KafkaPartition(StatefulSourcePartition[Item, bytes]):
    def __init__(self, options: KafkaOptions, router: Router, resume: bytes | None) -> None:
        self._options, self._router = options, router
        self._topic = options.kafka.topic
        self._consumer = open_consumer(options)
        known = {} if resume is None else msgspec.json.decode(resume, type=_STATE)
        self._read = self._begin(known)
        router.highest = max((one.highest for one in self._read.values()), default=0)
        self._eof: dict[int, int] = {}  # by partition: the end that was last come to
        self._ends = Ends(self._consumer, self._topic, options.now, sorted(self._read))
        self._awake = datetime.now(UTC)
        self._is_stopped = False

    # -- where to read ------------------------------------------------------------------------

    def _begin(self, known: _STATE) -> _STATE:
        """Go on where `known` says, elsewhere begin as configured."""
        from confluent_kafka import KafkaException, TopicPartition

        try:
            about = self._consumer.list_topics(self._topic, timeout=30).topics[self._topic]
            if about.error is not None or not about.partitions:
                said = about.error.str() if about.error is not None else "it has no partitions"
                raise SourceError(f"kafka topic {self._topic!r}: {said}")
            if missing := known.keys() - about.partitions.keys():
                raise SourceError(
                    f"kafka topic {self._topic!r} no longer has partition {min(missing)}, which "
                    "was read before: this is another topic; name the old one or a new history"
                )
            read: _STATE = {}
            for partition in sorted(about.partitions):
                place = TopicPartition(self._topic, partition)
                first, end = self._consumer.get_watermark_offsets(place, timeout=30)
                if partition in known:
                    read[partition] = known[partition]
                    if known[partition].offset < first:
                        self._lose(partition, read[partition], first)
                else:
                    is_new = bool(known)  # it was added to the topic: nothing of it was read
                    at_end = self._options.kafka.start == "latest" and not is_new
                    read[partition] = _Read(end if at_end else first)
            self._consumer.assign(
                [TopicPartition(self._topic, number, one.offset) for number, one in read.items()]
            )
        except KafkaException as error:
            raise SourceError(
                f"kafka at {self._options.kafka.brokers}: {error.args[0].str()}"
            ) from None
        return read

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

    # -- reading ------------------------------------------------------------------------------

    def next_batch(self) -> list[Item]:
        router, options = self._router, self._options
        if self._is_stopped:
            raise StopIteration
        if options.stop():
            self._is_stopped = True
            return router.flush(router.floor, is_stop=True)
        self._add_partitions()
        messages = self._consumer.consume(MESSAGES, timeout=0)
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
        router.floor = max(router.floor, min(map(self._seen, self._read)) - options.lateness)
        return router.flush(router.floor)

    def _add_partitions(self) -> None:
        """Read partitions that were added to the topic, from their beginning."""
        from confluent_kafka import TopicPartition

        for partition in self._ends.partitions:
            if partition not in self._read:
                self._read[partition] = _Read(0)
                place = TopicPartition(self._topic, partition, 0)
                self._consumer.incremental_assign([place])

    def _seen(self, partition: int) -> int:
        """The instant up to which the partition is read."""
        read, asked = self._read[partition], self._ends.of(partition)
        reached = max(read.offset, self._eof.get(partition, 0))  # past marks of transactions
        if asked is not None and reached >= asked[1]:
            return asked[0]
        # Behind, or not known: no further than what was read, and never ahead of the wall.
        return min(read.highest, self._options.now())

    def _take(self, partition: int, messages: list[Message], now: int) -> None:
        router, read = self._router, self._read[partition]
        events: list[Event] = []
        for message in messages:
            value = message.value() or b""
            offset = message.offset() or 0
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

    def _fail(self, message: Message) -> None:
        """An error instead of a message: one that passes by itself, a gap, or a reason to stop."""
        from confluent_kafka import KafkaError, TopicPartition

        error = message.error()
        if error is None:
            return
        partition = message.partition()
        if error.code() == KafkaError._AUTO_OFFSET_RESET and partition in self._read:
            place = TopicPartition(self._topic, partition)
            first, _ = self._consumer.get_watermark_offsets(place, timeout=30)
            read = self._read[partition]
            if read.offset < first:
                self._lose(partition, read, first)
                self._consumer.seek(TopicPartition(self._topic, partition, first))
                return
            raise SourceError(
                f"kafka topic {self._topic!r}: partition {partition} ends before offset "
                f"{read.offset}, which was read before: this is another topic"
            )
        if error.code() == KafkaError._PARTITION_EOF:
            self._eof[partition or 0] = message.offset() or 0
            return
        passing = (  # librdkafka goes on by itself
            KafkaError._TRANSPORT,
            KafkaError._ALL_BROKERS_DOWN,
            KafkaError._RESOLVE,
            KafkaError._TIMED_OUT,
            KafkaError.LEADER_NOT_AVAILABLE,
            KafkaError.NOT_LEADER_FOR_PARTITION,
            KafkaError.REPLICA_NOT_AVAILABLE,
        )
        if error.retriable() or error.code() in passing:
            return
        raise SourceError(f"kafka topic {self._topic!r}: {error.str()}")

    def next_awake(self) -> datetime | None:
        return self._awake

    def snapshot(self) -> bytes:
        return msgspec.json.encode(self._read)

    def close(self) -> None:
        self._ends.close()
        self._consumer.close()


class KafkaSource(FixedPartitionedSource[Item, bytes]):
    """One topic, all of its partitions, from the offsets in the recovery state.

    Delivery: after a crash it goes on at the message after the last durable epoch's. Messages that
    expired unread stop it, or are kept on record as lost.
    """

    def __init__(self, options: KafkaOptions, make_router: Callable[[str], Router]) -> None:
        self._options = options
        self._make_router = make_router

    def list_parts(self) -> list[str]:
        """One partition of the engine's for the topic."""
        return [PARTITION]

    def build_part(
        self, step_id: str, for_part: str, resume_state: bytes | None
    ) -> StatefulSourcePartition[Item, bytes]:
        """A reader of the topic, from where `resume_state` says."""
        return _KafkaPartition(self._options, self._make_router(for_part), resume_state)
