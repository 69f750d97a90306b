"""The live service on a Kafka topic: librdkafka's own mock cluster stands in for a broker.

`REPLYWATCH_TEST_KAFKA` names a real one (bootstrap servers) to test on instead.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from replays import policy_text
from test_live import Service, event

from replywatch.flows.kafka_client import ask

kafka = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")


class Broker:
    """A cluster with a topic of its own for each test; `produce` waits until it is written."""

    def __init__(self) -> None:
        real = os.environ.get("REPLYWATCH_TEST_KAFKA")
        config = {"bootstrap.servers": real} if real else {"test.mock.num.brokers": 3}
        self.producer = kafka.Producer(config)
        brokers = self.producer.list_topics(timeout=30).brokers.values()
        self.servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        self.topic = f"care-{uuid.uuid4().hex[:8]}"

    def produce(self, *values: dict[str, Any] | bytes, partition: int = 0) -> None:
        """Write messages, in order, to one partition."""
        for value in values:
            raw = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.producer.produce(self.topic, raw, partition=partition)
        assert 0 == self.producer.flush(30)


class OnKafka(Service):
    """A live service that reads a topic."""

    def __init__(self, folder: Path, servers: str, topic: str, more: str = "") -> None:
        super().__init__(folder)
        (folder / "policy.toml").write_text(policy_text(2, 2))
        text = self.config.read_text().replace('source = { folder = "inbox" }\n', "")
        self.config.write_text(
            f'{text}[source.kafka]\nbrokers = "{servers}"\ntopic = "{topic}"\n{more}'
        )


@pytest.fixture
def broker() -> Broker:
    """A cluster of three brokers with nothing on it."""
    return Broker()


@pytest.fixture
def service(tmp_path: Path, broker: Broker) -> Iterator[OnKafka]:
    """A service on the topic, not started yet."""
    service = OnKafka(tmp_path, broker.servers, broker.topic)
    yield service
    for process in service.processes:
        process.close()


def test_silence_breaches_on_a_topic_where_nothing_more_comes(
    service: OnKafka, broker: Broker
) -> None:
    """A post, then silence on every partition: missed and overdue in seconds; a reply ends it."""
    scope = {"brand": "acme", "channel": "chat", "queue": "default"}
    broker.produce(event("post", "c1", brand="acme", channel="chat"))
    process = service.start()
    assert service.sees("care_conversations_overdue", 1, sla="first_response", **scope)
    broker.produce(event("reply", "c1", agent="ann"), partition=0)
    assert service.sees("care_conversations_waiting", 0, **scope)
    assert 0 == process.stop()
    found = service.sql("select outcome from sla union all select agent from responses")
    assert [("missed",), ("ann",)] == found


def test_a_killed_service_reads_each_message_once(service: OnKafka, broker: Broker) -> None:
    """Killed twice in the middle of a topic and started again: every post once, none missing."""
    posts = [event("post", f"c{number}", ago=1, id=f"m{number}") for number in range(3000)]
    broker.produce(*posts[:1000], partition=0)
    process = service.start()
    assert service.sees("care_messages_total", 1000, direction="inbound")
    process.kill_after(0)
    broker.produce(*posts[1000:2000], partition=1)
    process = service.start()
    process.kill_after(0)
    broker.produce(*posts[2000:], partition=2)
    process = service.start()
    assert service.sees("care_conversations_waiting", 3000)
    assert 0 == process.stop()
    found = service.sql("select count(*), count(distinct id) from messages")
    assert [(3000, 3000)] == found


def test_what_is_no_event_is_kept_with_its_offset(service: OnKafka, broker: Broker) -> None:
    """Not JSON, not UTF-8, empty, and a good one after them."""
    broker.produce(b"{", b"\xff\xfe", b"", event("post", "c1"), partition=1)
    process = service.start()
    assert service.sees("care_conversations_waiting", 1)
    assert 0 == process.stop()
    found = service.sql("select source, position, reason, raw from rejected order by position")
    source = f"kafka:{broker.topic}/1"
    assert [
        (source, "0", "malformed", b"{"),
        (source, "1", "malformed", b"\xff\xfe"),
        (source, "2", "malformed", b""),
    ] == found


def test_a_question_outlives_the_broker_that_was_asked() -> None:
    """The library lets go of a broker that left the cluster; another one answers."""
    error = kafka.KafkaError
    ends = iter([error._DESTROY_BROKER, error._TRANSPORT])

    def question() -> str:
        for code in ends:
            raise kafka.KafkaException(error(code))
        return "here"

    assert ask(question) == "here"


def test_a_topic_that_is_another_one_stops_the_service(
    service: OnKafka, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Offsets beyond the end of what is there: nothing is read in their place."""
    broker.produce(*(event("post", f"c{number}") for number in range(50)))
    process = service.start()
    assert service.sees("care_conversations_waiting", 50)
    assert 0 == process.stop()
    other = Broker()
    other.topic = broker.topic
    other.produce(event("post", "c1"))
    text = service.config.read_text().replace(broker.servers, other.servers)
    service.config.write_text(text)
    process = service.start()
    assert process.finish() > 0
    assert "this is another topic" in capsys.readouterr().err


def test_a_secret_comes_from_a_file_or_the_environment(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings go to the library as they are; what a secret names is read, and missed if absent."""
    from replywatch.flows.settings import SettingsError, load_settings

    (tmp_path / "password").write_text("s3cret\n")
    service = OnKafka(
        tmp_path,
        broker.servers,
        broker.topic,
        '[source.kafka.settings]\n"security.protocol" = "SASL_SSL"\n'
        '"sasl.password" = { file = "password" }\n'
        '"sasl.username" = { env = "CARE_USER" }\n"socket.keepalive.enable" = true\n',
    )
    read = load_settings(service.config).source.kafka
    assert read is not None
    with pytest.raises(SettingsError, match="CARE_USER"):
        read.resolved("source.kafka")
    monkeypatch.setenv("CARE_USER", "replywatch")
    assert {
        "security.protocol": "SASL_SSL",
        "sasl.password": "s3cret",
        "sasl.username": "replywatch",
        "socket.keepalive.enable": "true",
    } == read.resolved("source.kafka")
