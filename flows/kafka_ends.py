"""Where the partitions of a topic end, asked of the brokers in the background for all readers."""

from __future__ import annotations

import threading
from collections.abc import Container
from contextlib import suppress
from typing import TYPE_CHECKING

from replywatch.flows.kafka_client import KafkaOptions, open_consumer

if TYPE_CHECKING:
    from confluent_kafka import Consumer

ASK_EVERY = 0.25
"""Seconds between two questions to the brokers: which partitions there are, where each ends."""

ANSWER_WITHIN = 5.0
"""Seconds to wait for an answer of a broker."""


class Ends:
    """Asks in the background where each partition ends, and when that was so.

    It asks about the partitions of those `readers` that are in this process, and has `consumer` to
    itself. A partition added to the topic is found within a second.
    """

    def __init__(self, consumer: Consumer, options: KafkaOptions, readers: Container[int]) -> None:
        self._consumer, self._options, self._readers = consumer, options, readers
        self._topic = options.kafka.topic
        self._lock = threading.Lock()
        self._known: dict[int, tuple[int, int]] = {}
        self._looked_at: int | None = None
        self._partitions: list[int] = []
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="kafka-ends", daemon=True)
        self._thread.start()

    def of(self, partition: int) -> tuple[int, int] | None:
        """When it was asked (microseconds, UTC), and the offset it then ended at."""
        with self._lock:
            return self._known.get(partition)

    @property
    def partitions(self) -> list[int]:
        """The topic's partitions, as far as is known."""
        return self._partitions

    @property
    def looked_at(self) -> int | None:
        """When the brokers last said which partitions there are; `None` before they did."""
        return self._looked_at

    def _is_over(self) -> bool:
        return self._is_closed.is_set() or self._options.stop()

    def _ask(self) -> None:
        while not self._is_closed.wait(ASK_EVERY) and not self._is_over():
            self._ask_which()
            for partition in self._partitions:
                if self._is_over():
                    break
                if partition % self._options.kafka.readers in self._readers:
                    self._ask_where(partition)
        self._consumer.close()

    def _ask_which(self) -> None:
        from confluent_kafka import KafkaException

        asked = self._options.now()
        with suppress(KafkaException):
            about = self._consumer.list_topics(self._topic, timeout=ANSWER_WITHIN)
            found = about.topics[self._topic]
            if found.error is None:
                self._partitions = sorted({*self._partitions, *(found.partitions or {})})
                self._looked_at = asked

    def _ask_where(self, partition: int) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        asked = self._options.now()
        place = TopicPartition(self._topic, partition)
        # Without an answer what was known grows old, and the clock stands still.
        with suppress(KafkaException, TypeError):
            _, end = self._consumer.get_watermark_offsets(place, timeout=ANSWER_WITHIN)
            with self._lock:
                self._known[partition] = (asked, end)

    def close(self) -> None:
        """Ask no more."""
        self._is_closed.set()
        self._thread.join()


class Readers:
    """The readers of this process: they ask for ends together, by a client of its own since a
    question without an answer holds its client up, and none runs far ahead of the others.
    """

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._ends: Ends | None = None
        self._lock = threading.Lock()

    def join(self, number: int, options: KafkaOptions) -> Ends:
        """Reader `number` begins; where the ends are told that it wants to know."""
        with self._lock:
            self._seen[number] = 0
            if self._ends is None:
                consumer = open_consumer(options.kafka, options.settings, options.kafka.readers)
                self._ends = Ends(consumer, options, self._seen)
            return self._ends

    def leave(self, number: int) -> None:
        """Reader `number` is done."""
        with self._lock:
            self._seen.pop(number, None)
            if not self._seen and self._ends is not None:
                self._ends.close()
                self._ends = None

    def say(self, number: int, seen: int) -> None:
        """Reader `number` has everything up to this instant."""
        self._seen[number] = seen

    def low(self) -> int:
        """The instant up to which all have everything."""
        return min(list(self._seen.values()), default=0)
