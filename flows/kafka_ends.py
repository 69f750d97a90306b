"""Where the partitions of a topic end, asked of the brokers in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from confluent_kafka import Consumer

ASK_EVERY = 0.25
"""Seconds between two questions to the brokers: which partitions there are, where each ends."""

ANSWER_WITHIN = 5.0
"""Seconds to wait for an answer of a broker."""


class Ends:
    """Asks in the background where each partition ends, and when that was so.

    `is_mine` says which partitions of the topic are asked about; `is_over` ends it, as `close`
    does. A partition added to the topic is found within a second.
    """

    def __init__(
        self,
        consumer: Consumer,
        topic: str,
        now: Callable[[], int],
        is_mine: Callable[[int], bool],
        is_over: Callable[[], bool],
    ) -> None:
        self._consumer, self._topic, self._now = consumer, topic, now
        self._is_mine, self._is_over = is_mine, is_over
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
        """The topic's partitions that are its own, as far as is known."""
        return self._partitions

    @property
    def looked_at(self) -> int | None:
        """When the brokers last said which partitions there are; `None` before they did."""
        return self._looked_at

    def _ask(self) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        while not self._is_closed.wait(ASK_EVERY) and not self._is_over():
            asked = self._now()
            with suppress(KafkaException):
                about = self._consumer.list_topics(self._topic, timeout=ANSWER_WITHIN)
                found = about.topics[self._topic]
                if found.error is None:
                    mine = filter(self._is_mine, found.partitions or {})
                    self._partitions = sorted({*self._partitions, *mine})
                    self._looked_at = asked
            for partition in self._partitions:
                if self._is_closed.is_set() or self._is_over():
                    return
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
        self._is_closed.set()
        self._thread.join()
