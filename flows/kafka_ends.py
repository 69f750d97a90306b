"""Where the partitions of a topic end, asked of the brokers in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from confluent_kafka import Consumer

ASK_EVERY = 0.25
"""Seconds between two questions to the brokers: where each partition ends."""

LOOK_FOR_PARTITIONS_EVERY = 10.0
"""Seconds between two looks for partitions that were added to the topic."""

ANSWER_WITHIN = 5.0
"""Seconds to wait for an answer of a broker."""


class Ends:
    """Asks in the background where each partition ends, and when that was so."""

    def __init__(
        self, consumer: Consumer, topic: str, now: Callable[[], int], partitions: list[int]
    ) -> None:
        self._consumer, self._topic, self._now = consumer, topic, now
        self._lock = threading.Lock()
        self._known: dict[int, tuple[int, int]] = {}
        self._partitions = partitions
        self._looked = time.monotonic()
        self._is_over = threading.Event()
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

    def _ask(self) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        while not self._is_over.wait(ASK_EVERY):
            if time.monotonic() - self._looked > LOOK_FOR_PARTITIONS_EVERY:
                self._looked = time.monotonic()
                with suppress(KafkaException):
                    about = self._consumer.list_topics(self._topic, timeout=ANSWER_WITHIN)
                    found = about.topics[self._topic].partitions or {}
                    self._partitions = sorted({*self._partitions, *found})
            for partition in self._partitions:
                asked = self._now()
                place = TopicPartition(self._topic, partition)
                try:
                    _, end = self._consumer.get_watermark_offsets(place, timeout=ANSWER_WITHIN)
                except (KafkaException, TypeError):
                    continue  # no answer: what was known grows old, and the clock stands still
                with self._lock:
                    self._known[partition] = (asked, end)

    def close(self) -> None:
        """Ask no more."""
        self._is_over.set()
        self._thread.join()
