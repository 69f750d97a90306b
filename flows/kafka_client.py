"""Clients of Kafka: what they are told, how they are opened, and what their errors say."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from replywatch.flows.kafka_settings import Client, Kafka
from replywatch.flows.sources import LiveOptions, SourceError

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError

T = TypeVar("T")

MISSING = "Kafka needs confluent-kafka: pip install 'replywatch[kafka]'"

BUFFERED_KB = 16384
"""Kilobytes that all readers together have fetched ahead."""

PATIENCE = 30.0
"""Seconds that brokers are given at the start."""

RECONNECT_MS = 2000
"""Milliseconds, at most, between two attempts to reach a broker that is gone."""


@dataclass
class KafkaOptions(LiveOptions):
    """What the source of a topic is told; `settings` are librdkafka's, secrets filled in."""

    kafka: Kafka
    settings: dict[str, str]


def said(client: Client, settings: dict[str, str], error: KafkaError) -> str:
    """What is wrong, with the brokers and without secrets."""
    return client.hide(f"kafka at {client.brokers}: {error.str()}", settings)


def is_passing(error: KafkaError) -> bool:
    """Whether the library goes on by itself after `error`."""
    from confluent_kafka import KafkaError

    return error.retriable() or error.code() in (
        KafkaError._TRANSPORT,
        KafkaError._DESTROY_BROKER,  # of what it knew of a broker that has left the cluster
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    )


def ask(question: Callable[[], T], patience: float = PATIENCE) -> T:
    """What brokers answer to `question`, asked again for some seconds while what fails may pass."""
    from confluent_kafka import KafkaError, KafkaException

    until = time.monotonic() + patience
    while True:
        try:
            return question()
        except KafkaException as error:
            # A partition is unknown as well while its leader's broker is gone.
            may_pass = is_passing(error.args[0]) or (
                error.args[0].code() == KafkaError._UNKNOWN_PARTITION
            )
            if not may_pass or time.monotonic() > until:
                raise
            time.sleep(0.2)


def open_consumer(client: Client, settings: dict[str, str], readers: int) -> Consumer:
    """A consumer that never decides by itself where to read, or `SourceError`."""
    try:
        from confluent_kafka import Consumer, KafkaException
    except ImportError:
        raise SourceError(MISSING) from None
    try:
        return Consumer(
            {
                "queued.max.messages.kbytes": max(BUFFERED_KB // readers, 1024),
                "fetch.max.bytes": 4 * 1024 * 1024,
                "fetch.wait.max.ms": 100,
                "reconnect.backoff.max.ms": RECONNECT_MS,
                **settings,
                "bootstrap.servers": client.brokers,
                "group.id": "replywatch",  # wanted by the library; no offset is ever committed
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
            }
        )
    except KafkaException as error:
        raise SourceError(said(client, settings, error.args[0])) from None
