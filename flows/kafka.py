"""Live input from a Kafka topic, one event a message.

Offsets stand in the recovery state with everything that follows from them, never in a consumer
group: what is read and what is written can't come apart. A fixed number of readers share the
topic's partitions, so that several workers, or processes, can read it; each says how far it is,
and the slowest partition of all holds the watermark.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from replywatch.flows.kafka_client import KafkaOptions
from replywatch.flows.kafka_ends import Readers
from replywatch.flows.kafka_reader import Reader
from replywatch.flows.routing import Item, Router
from replywatch.flows.sources import PARTITION

if TYPE_CHECKING:
    from replywatch.flows.kafka_settings import Kafka


def reader_keys(kafka: Kafka) -> list[str]:
    """The engine's partitions, one a reader: fixed, since a resumed flow must find them again."""
    return [f"{PARTITION}-{number:02d}" for number in range(kafka.readers)]


class KafkaSource(FixedPartitionedSource[Item, bytes]):
    """One topic, its partitions shared by readers, from the offsets in the recovery state.

    A partition belongs to the reader that its number modulo `readers` names; so does one that is
    added to the topic later. Delivery: after a crash it goes on at the message after the last
    durable epoch's. Messages that expired unread stop it, or are kept on record as lost.
    """

    def __init__(self, options: KafkaOptions, make_router: Callable[[str], Router]) -> None:
        self._options = options
        self._make_router = make_router
        self._keys = reader_keys(options.kafka)
        self._readers = Readers()

    def list_parts(self) -> list[str]:
        """One partition of the engine's for each reader."""
        return self._keys

    def build_part(
        self, step_id: str, for_part: str, resume_state: bytes | None
    ) -> StatefulSourcePartition[Item, bytes]:
        """A reader of its share of the topic, from where `resume_state` says."""
        number = self._keys.index(for_part)
        router = self._make_router(for_part)
        return Reader(self._options, number, router, self._readers, resume_state)
