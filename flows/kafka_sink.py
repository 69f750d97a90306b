"""Notices to Kafka topics: each at least once, only of what is durable, under an id of its own.

At a snapshot the notices of the epoch go into it, and those of the epoch before, which can't come
undone any more, are sent and waited for. So nothing is told that a crash would take back; what a
crash leaves untold, or told and not noted, is told at the next start under the same ids.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from replywatch.flows.damage import checked, with_checksum
from replywatch.flows.kafka_client import MISSING, RECONNECT_MS, ask, said
from replywatch.flows.kafka_settings import NoticeTopics
from replywatch.flows.notices import NOTICES, Notice, Spike, encode
from replywatch.metrics.times import SECOND

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer


class SinkError(RuntimeError):
    """A notice that did not arrive; the message says where it should have gone."""


class _State(msgspec.Struct, array_like=True):
    sequence: int  # counts what was waiting
    waiting: list[Notice]
    stages: list[tuple[tuple[str, str, str, bool], tuple[str, str, bool]]]


@dataclass
class SinkOptions:
    """`settings` are librdkafka's, secrets filled in.

    `sent` is how many times what was waiting was sent to the end of a clean stop, and `note_sent`
    keeps that number.
    """

    kafka: NoticeTopics
    settings: dict[str, str]
    sent: int
    note_sent: Callable[[int], None]


class Outlet:
    """A producer that is idempotent and says at once if a message did not arrive."""

    def __init__(self, options: SinkOptions) -> None:
        self._kafka, self._settings = options.kafka, options.settings
        self._topics = options.kafka.topics
        self._timeout = options.kafka.timeout_us / SECOND
        self._error: KafkaError | None = None
        self._producer = self._open()

    def _open(self) -> Producer:
        try:
            from confluent_kafka import KafkaException, Producer
        except ImportError:
            raise SinkError(MISSING) from None
        try:
            producer = Producer(
                {
                    "linger.ms": 5,
                    "reconnect.backoff.max.ms": RECONNECT_MS,
                    **self._settings,
                    "bootstrap.servers": self._kafka.brokers,
                    "enable.idempotence": True,
                    "acks": "all",
                    "delivery.timeout.ms": max(round(self._timeout * 1000), 1000),
                    "error_cb": self._note_error,
                }
            )
            for topic in self._topics.values():
                self._find(producer, topic)
        except KafkaException as error:
            raise SinkError(said(self._kafka, self._settings, error.args[0])) from None
        return producer

    def _find(self, producer: Producer, topic: str) -> None:
        """Make sure that there is a topic of this name."""
        from confluent_kafka import KafkaError

        about = ask(lambda: producer.list_topics(topic, timeout=self._timeout), self._timeout)
        wrong = about.topics[topic].error
        # A topic that the brokers create just now has no leader yet.
        if wrong is not None and wrong.code() != KafkaError.LEADER_NOT_AVAILABLE:
            raise SinkError(f"kafka topic {topic!r}: {wrong.str()}; create it first")

    def _note_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._error = error

    def _note_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and self._error is None:
            self._error = error

    def send(self, notices: list[Notice]) -> None:
        """Send them and wait until the brokers have them all, or `SinkError`."""
        for notice in notices:
            kind, key, value = encode(notice)
            if kind in self._topics:
                self._hand_over(self._topics[kind], key, value)
        self._wait()

    def _hand_over(self, topic: str, key: bytes, value: bytes) -> None:
        while True:
            try:
                return self._producer.produce(topic, value, key, on_delivery=self._note_delivery)
            except BufferError:  # the library's queue is full
                self._producer.poll(0.1)
                self._check()

    def _wait(self) -> None:
        left = self._producer.flush(self._timeout + 5)
        self._check()
        if left:
            where = f"kafka at {self._kafka.brokers}"
            raise SinkError(
                f"{where}: {left} notices did not arrive in time; a new start sends them"
            )

    def _check(self) -> None:
        if self._error is not None:
            reason = said(self._kafka, self._settings, self._error)
            raise SinkError(f"{reason}; notices did not arrive, a new start sends them again")


def _read_state(resume: bytes) -> _State:
    return msgspec.msgpack.decode(checked(resume, "the notices"), type=_State)


class _NoticesPartition(StatefulSinkPartition[list[Notice], bytes]):
    def __init__(self, options: SinkOptions, resume: bytes | None) -> None:
        self._options = options
        state = _State(0, [], []) if resume is None else _read_state(resume)
        self._sequence, self._waiting = state.sequence, state.waiting
        self._stages = dict(state.stages)
        self._fresh: list[Notice] = []  # of this epoch
        self._outlet = Outlet(options)
        if self._sequence <= options.sent:
            self._waiting = []
        self.send()

    def send(self) -> None:
        """Send what waits: it is durable by now."""
        if self._waiting:
            self._outlet.send(self._waiting)
        self._waiting = []

    def write_batch(self, values: list[list[Notice]]) -> None:
        for notices in values:
            for notice in notices:
                if isinstance(notice, Spike):
                    if self._stages.get(notice.episode) == notice.stage:
                        continue
                    self._stages[notice.episode] = notice.stage
                self._fresh.append(notice)

    def snapshot(self) -> bytes:
        self.send()
        if self._fresh:
            self._sequence += 1
        self._waiting, self._fresh = self._fresh, []
        state = _State(self._sequence, self._waiting, list(self._stages.items()))
        return with_checksum(msgspec.msgpack.encode(state))

    def finish(self) -> None:
        """The stream stopped cleanly, so that its last epoch is durable as well."""
        if self._waiting:
            self.send()
            self._options.note_sent(self._sequence)


class KafkaSink(FixedPartitionedSink[list[Notice], bytes]):
    """The topics of notices; delivery: at least once, and what comes again has the same id.

    A notice is sent one to two epochs after it came about.
    """

    def __init__(self, options: SinkOptions, *, is_here: bool = True) -> None:
        self._options = options
        self._is_here = is_here
        self._part: _NoticesPartition | None = None

    def list_parts(self) -> list[str]:
        """One writer, in the one process whose sink `is_here`."""
        return [NOTICES] if self._is_here else []

    def build_part(
        self, step_id: str, for_part: str, resume_state: bytes | None
    ) -> StatefulSinkPartition[list[Notice], bytes]:
        """The writer, with what the last run may have left untold sent."""
        self._part = _NoticesPartition(self._options, resume_state)
        return self._part

    def finish(self) -> None:
        """Send the rest, after the stream stopped cleanly."""
        if self._part is not None:
            self._part.finish()
