"""A topic whose brokers fail, and what the reader of it then says of the time.

The reader runs without an engine, on librdkafka's mock cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from test_live import event

pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")

from mock_kafka import FETCH, LIST_OFFSETS, METADATA, Cluster

from replywatch.flows import kafka_reader
from replywatch.flows.kafka_client import KafkaOptions, open_consumer
from replywatch.flows.kafka_ends import Readers
from replywatch.flows.kafka_reader import Reader
from replywatch.flows.kafka_settings import Kafka, Secret
from replywatch.flows.routing import Router
from replywatch.flows.sources import SourceError
from replywatch.metrics.events import Decoder
from replywatch.metrics.shard import Rows
from replywatch.metrics.times import NEVER, SECOND
from replywatch.metrics.watermark import EventBatch

TOPIC = "care"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Three brokers; a topic of three partitions, each led by another one."""
    cluster = Cluster()
    make(cluster, 3)
    yield cluster
    cluster.close()


def make(cluster: Cluster, partitions: int) -> None:
    """Make the topic, its partitions led by one broker after the other."""
    cluster.create(TOPIC, partitions)
    for partition in range(partitions):
        cluster.lead(TOPIC, partition, 1 + partition % 3)


def now() -> int:
    """The wall clock."""
    return time.time_ns() // 1000


@dataclass
class Reading:
    """A reader of the topic, and what it gave so far."""

    cluster: Cluster
    resume: bytes | None = None
    number: int = 0
    readers: int = 1
    lateness: int = 0
    credit: int = NEVER
    on_gap: Any = "stop"
    together: Readers = field(default_factory=Readers)
    ids: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    refused: list[tuple[Any, ...]] = field(default_factory=list)
    as_of: int = 0

    def __post_init__(self) -> None:
        kafka = Kafka(
            brokers=self.cluster.servers, topic=TOPIC, readers=self.readers, on_gap=self.on_gap
        )
        options = KafkaOptions(
            lateness=self.lateness,
            now=now,
            steady=lambda _: now(),
            stop=lambda: False,
            observe_delay=lambda _: None,
            credit=self.credit,
            kafka=kafka,
            settings={},
        )
        router = Router("events", 1, Decoder(600 * SECOND), True, self.lateness)
        self.reader = Reader(options, self.number, router, self.together, self.resume)

    def look(self) -> None:
        """Take one batch in."""
        for _, value in self.reader.next_batch():
            if isinstance(value, Rows):
                self.refused += value.rows
            elif isinstance(value, EventBatch):
                self.as_of = value.as_of
                if value.partition == "events" and value.bucket == 0:
                    self.ids += [one.id for one in value.events if one.id not in self.ids]
                    self.late += [one.id for one in value.events if one.is_late]

    def until(self, found: Callable[[], Any], seconds: float = 20) -> bool:
        """Read on until something is so."""
        end = time.monotonic() + seconds
        while not found() and time.monotonic() < end:
            self.look()
            time.sleep(0.02)
        return bool(found())

    def follows(self, since: int | None = None) -> bool:
        """Whether the clock comes past this instant (now), with everything read."""
        at = now() if since is None else since
        return self.until(lambda: self.as_of > at)

    def stands(self, seconds: float = 1.5) -> bool:
        """Whether the clock stands still that long."""
        self.until(lambda: False, seconds / 2)
        before = self.as_of
        self.until(lambda: False, seconds)
        return before == self.as_of


@pytest.fixture
def reading(cluster: Cluster) -> Iterator[Reading]:
    """A reader of the whole topic."""
    reading = Reading(cluster)
    yield reading
    reading.reader.close()


def posts(name: str, count: int, ago: float = 0) -> list[dict[str, Any]]:
    """Posts of so many conversations."""
    return [event("post", f"{name}{n}", ago, id=f"{name}{n}") for n in range(count)]


def test_a_silent_partition_holds_nobody(cluster: Cluster, reading: Reading) -> None:
    """Events on one partition, nothing on two: the clock follows the wall's."""
    assert reading.follows()
    cluster.produce(TOPIC, posts("a", 3))
    assert reading.follows()
    assert 3 == len(reading.ids)


def test_a_broker_that_is_gone_holds_the_clock(cluster: Cluster, reading: Reading) -> None:
    """What its partition may hold could answer anybody; when it is back, all is read."""
    assert reading.follows()
    cluster.down(2)
    cluster.produce(TOPIC, posts("a", 2), 0)
    assert reading.stands()
    assert reading.until(lambda: len(reading.ids) == 2)
    went_at = reading.as_of
    cluster.up(2)
    cluster.produce(TOPIC, posts("b", 2), 1)
    assert reading.follows()
    assert went_at < reading.as_of
    assert {"a0", "a1", "b0", "b1"} == set(reading.ids)


def test_a_leader_that_moves_is_followed(cluster: Cluster, reading: Reading) -> None:
    """Its broker goes down for good, another one leads: nothing is lost and the clock goes on."""
    cluster.produce(TOPIC, posts("a", 5), 1)
    assert reading.follows()
    cluster.down(2)
    cluster.lead(TOPIC, 1, 3)
    cluster.produce(TOPIC, posts("b", 5), 1)
    assert reading.follows()
    assert 10 == len(reading.ids)


def test_all_brokers_gone_for_a_while_are_waited_for(cluster: Cluster, reading: Reading) -> None:
    """The clock stands, nothing fails, and afterwards it goes on."""
    cluster.produce(TOPIC, posts("a", 5))
    assert reading.follows()
    cluster.down()
    assert reading.stands()
    cluster.up()
    cluster.produce(TOPIC, posts("b", 5), 2)
    assert reading.follows()
    assert 10 == len(reading.ids)


def test_slow_and_failing_answers_are_asked_for_again(cluster: Cluster, reading: Reading) -> None:
    """Half a second for each answer, and errors that pass: all is read, once."""
    cluster.delay(500)
    cluster.fail(FETCH, 6, 7, 5)  # not the leader, timed out, no leader
    cluster.fail(LIST_OFFSETS, 6, 7)
    cluster.fail(METADATA, 7, 7)
    cluster.produce(TOPIC, posts("a", 5), 1)
    assert reading.follows()
    assert 5 == len(reading.ids)


def test_failing_answers_at_the_start_are_asked_for_again(cluster: Cluster) -> None:
    """A leader that just moved, a broker that took too long: no reason not to begin."""
    cluster.produce(TOPIC, posts("a", 5), 1)
    cluster.fail(METADATA, 7)
    cluster.fail(LIST_OFFSETS, 6, 7, 5, 6, 7)
    reading = Reading(cluster)
    assert reading.follows()
    reading.reader.close()
    assert 5 == len(reading.ids)


def test_messages_that_expired_while_it_was_down_stop_it(cluster: Cluster) -> None:
    """Unless told otherwise; then the gap is on record and what is left is read."""
    cluster.produce(TOPIC, posts("a", 5))
    reading = Reading(cluster)
    assert reading.follows()
    state = reading.reader.snapshot()
    reading.reader.close()
    cluster.produce(TOPIC, posts("b", 5))
    cluster.expire(TOPIC, 0, 8)
    again = Reading(cluster, state)
    with pytest.raises(SourceError, match="messages 5 to 7 of partition 0 expired unread"):
        again.follows()
    again.reader.close()
    skipping = Reading(cluster, state, on_gap="skip")
    assert skipping.until(lambda: len(skipping.ids) == 2)
    skipping.reader.close()
    assert ["b3", "b4"] == skipping.ids
    assert [(f"kafka:{TOPIC}/0", "5", "lost")] == [row[:3] for row in skipping.refused]


def test_partitions_that_are_added_are_read_from_their_beginning(cluster: Cluster) -> None:
    """While it runs, and while it is down: also what was written before it knew of them."""
    readers = [Reading(cluster, number=number, readers=2) for number in range(2)]
    assert all(reading.follows() for reading in readers)
    cluster.delete(TOPIC)  # empty as it is, it stays the same with more partitions
    make(cluster, 5)
    cluster.produce(TOPIC, posts("a", 2), 3)
    cluster.produce(TOPIC, posts("b", 2), 4)
    assert readers[0].until(lambda: readers[0].ids == ["b0", "b1"])
    assert readers[1].until(lambda: readers[1].ids == ["a0", "a1"])
    assert all(reading.follows() for reading in readers)
    states = [reading.reader.snapshot() for reading in readers]
    for reading in readers:
        reading.reader.close()
    cluster.produce(TOPIC, posts("c", 2), 3)
    again = Reading(cluster, states[1], number=1, readers=2)
    assert again.follows()
    again.reader.close()
    assert (["c0", "c1"], []) == (again.ids, again.late)


def test_a_topic_that_lost_a_partition_stops_it(cluster: Cluster) -> None:
    """Fewer partitions than were read are another topic."""
    reading = Reading(cluster)
    assert reading.follows()
    state = reading.reader.snapshot()
    reading.reader.close()
    cluster.delete(TOPIC)
    cluster.create(TOPIC, 2)
    with pytest.raises(SourceError, match="no longer has partition 2"):
        Reading(cluster, state)


def test_a_partition_far_ahead_waits_for_one_behind(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a broker is gone the others' events are taken in up to a bound, and later the rest."""
    monkeypatch.setattr(kafka_reader, "AHEAD", 30_000)
    monkeypatch.setattr(kafka_reader, "MESSAGES", 50)
    cluster.produce(TOPIC, posts("a", 1), 1)
    reading = Reading(cluster)
    assert reading.follows()
    cluster.down(2)
    assert reading.stands(0.5)
    many = 2000
    cluster.produce(TOPIC, posts("b", many), 0)
    reading.until(lambda: False, 3)
    assert 100 < len(reading.ids) < many / 2
    cluster.up(2)
    assert reading.until(lambda: len(reading.ids) == many + 1)
    assert reading.follows()
    assert [] == reading.late
    reading.reader.close()


def test_credit_bounds_what_an_epoch_takes(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond it nothing is read before the epoch is closed."""
    monkeypatch.setattr(kafka_reader, "MESSAGES", 100)
    cluster.produce(TOPIC, posts("a", 1000))
    reading = Reading(cluster, credit=250)
    reading.until(lambda: False, 1.5)
    assert 250 <= len(reading.ids) < 350
    reading.reader.snapshot()
    reading.until(lambda: False, 1)
    assert 500 <= len(reading.ids) < 700
    reading.reader.close()


def test_a_stamp_ahead_does_not_hurry_the_clock_of_a_backlog(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a sender with a wrong clock wrote an hour ago is no reason to be late for the rest."""
    monkeypatch.setattr(kafka_reader, "MESSAGES", 2)
    cluster.produce(TOPIC, [event("post", "ahead", -300, id="ahead"), *posts("a", 99)])
    written_at = now()
    time.sleep(1)
    reading = Reading(cluster)
    while len(reading.ids) < 100:
        assert reading.as_of <= written_at
        reading.until(lambda: False, 0.02)
    assert reading.follows()
    reading.reader.close()


def test_a_secret_is_not_quoted(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library repeats what it doesn't understand; the sentence does not."""
    monkeypatch.setenv("PROTOCOL", "s3cret")
    kafka = Kafka(
        brokers=cluster.servers,
        topic=TOPIC,
        settings={"security.protocol": Secret(env="PROTOCOL")},
    )
    with pytest.raises(SourceError, match=r"security\.protocol") as raised:
        open_consumer(kafka, kafka.resolved("source.kafka"), 1)
    assert "s3cret" not in str(raised.value)


def test_brokers_that_want_tls_or_a_login_get_them(cluster: Cluster) -> None:
    """What the configuration says reaches the library: plain brokers are not understood by it."""
    settings = {"security.protocol": "SASL_SSL", "sasl.mechanisms": "PLAIN"}
    login = {"sasl.username": "replywatch", "sasl.password": "s3cret"}
    kafka = Kafka(brokers=cluster.servers, topic=TOPIC)
    consumer = open_consumer(kafka, {**settings, **login}, 1)
    consumer.close()
    with pytest.raises(SourceError, match=r"sasl\.username"):
        open_consumer(kafka, settings, 1)
