"""Clients of Kafka: how they are opened, and what their errors say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replywatch.flows.kafka_settings import Client
from replywatch.flows.sources import SourceError

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError

MISSING = "Kafka needs confluent-kafka: pip install 'replywatch[kafka]'"

BUFFERED_KB = 16384
"""Kilobytes that all readers together have fetched ahead."""


def said(client: Client, settings: dict[str, str], error: KafkaError) -> str:
    """What is wrong, with the brokers and without secrets."""
    return client.hide(f"kafka at {client.brokers}: {error.str()}", settings)


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
