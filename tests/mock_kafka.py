"""librdkafka's own mock cluster, as a library: topics, leaders, outages, delays, retention.

It stands in this process, or in one of its own (`Hosted`). The wheel of confluent-kafka exports the
functions; the Python package doesn't.
"""

from __future__ import annotations

import ctypes
import json
import socket
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka import Consumer, Producer, TopicPartition

PRODUCE, FETCH, LIST_OFFSETS, METADATA = 0, 1, 2, 3
"""Numbers of requests, for `fail`."""
CRITICAL = 2
"""The level, of syslog's, from which on clients here say something: outages are on purpose."""


def _library() -> Any:
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka-*.so*"))))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "conf_new": (pointer, []),
        "new": (pointer, [number, pointer, text, ctypes.c_size_t]),
        "conf_set": (number, [pointer, text, text, text, ctypes.c_size_t]),
        "destroy": (None, [pointer]),
        "mock_cluster_new": (pointer, [pointer, number]),
        "mock_cluster_destroy": (None, [pointer]),
        "mock_cluster_bootstraps": (text, [pointer]),
        "mock_topic_create": (number, [pointer, text, number, number]),
        "mock_topic_delete": (number, [pointer, text]),
        "mock_topic_set_error": (None, [pointer, text, number]),
        "mock_partition_set_leader": (number, [pointer, text, ctypes.c_int32, ctypes.c_int32]),
        "mock_partition_delete_records": (
            number,
            [pointer, text, ctypes.c_int32, ctypes.c_int64],
        ),
        "mock_broker_set_down": (number, [pointer, ctypes.c_int32]),
        "mock_broker_set_up": (number, [pointer, ctypes.c_int32]),
        "mock_broker_set_rtt": (number, [pointer, ctypes.c_int32, number]),
        "mock_push_request_errors_array": (
            None,
            [pointer, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(number)],
        ),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
    return library


class Topics:
    """Writes to topics of the brokers at `servers`, and reads them."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.producer = Producer(
            {
                "bootstrap.servers": servers,
                "linger.ms": 0,
                "reconnect.backoff.max.ms": 500,
                "log_level": CRITICAL,
            }
        )

    def produce(
        self, topic: str, values: Iterable[dict[str, Any] | bytes], partition: int = 0
    ) -> None:
        """Write messages to a partition, in order, and wait until they are written."""
        for value in values:
            raw = value if isinstance(value, bytes) else json.dumps(value).encode()
            while True:
                try:
                    self.producer.produce(topic, raw, partition=partition)
                    break
                except BufferError:
                    self.producer.poll(0.1)
        assert 0 == self.producer.flush(60)

    def read(self, topic: str) -> list[tuple[str, dict[str, Any]]]:
        """Every message of a topic, by key: its partitions one after the other."""
        consumer = Consumer(
            {"bootstrap.servers": self.servers, "group.id": "reader", "enable.partition.eof": True}
        )
        found: list[tuple[str, dict[str, Any]]] = []
        try:
            about = consumer.list_topics(topic, timeout=30).topics[topic].partitions
            for partition in sorted(about):
                place = TopicPartition(topic, partition)
                first, end = consumer.get_watermark_offsets(place, timeout=30)
                consumer.assign([TopicPartition(topic, partition, first)])
                at = first
                while at < end:
                    message = consumer.poll(5)
                    assert message is not None, f"{topic}/{partition} ends at {at} of {end}"
                    if message.error() is None:
                        found.append(
                            ((message.key() or b"").decode(), json.loads(message.value() or b""))
                        )
                        at = (message.offset() or 0) + 1
        finally:
            consumer.close()
        return found


class Cluster(Topics):
    """Some brokers, numbered from 1. A topic is made by `create`."""

    def __init__(self, brokers: int = 3) -> None:
        self.brokers = range(1, brokers + 1)
        self._library = _library()
        error = ctypes.create_string_buffer(512)
        conf = self._library.rd_kafka_conf_new()
        level = str(CRITICAL).encode()
        assert not self._library.rd_kafka_conf_set(conf, b"log_level", level, error, len(error))
        self._client = self._library.rd_kafka_new(0, conf, error, len(error))
        assert self._client, error.value
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, brokers)
        assert self._cluster
        said = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        super().__init__(said.decode())

        about = self.producer.list_topics(timeout=30).brokers
        self._ports = {number: broker.port for number, broker in about.items()}
        self._kept: dict[int, socket.socket] = {}

    def _do(self, name: str, *arguments: Any) -> None:
        answer = getattr(self._library, f"rd_kafka_mock_{name}")(self._cluster, *arguments)
        assert not answer, f"{name}{arguments}: error {answer}"

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic, on all brokers."""
        self._do("topic_create", topic.encode(), partitions, len(self.brokers))

    def delete(self, topic: str) -> None:
        """Remove a topic and what is in it."""
        self._do("topic_delete", topic.encode())

    def lead(self, topic: str, partition: int, broker: int) -> None:
        """Let `broker` lead a partition."""
        self._do("partition_set_leader", topic.encode(), partition, broker)

    def expire(self, topic: str, partition: int, before: int) -> None:
        """Drop the messages of a partition before this offset."""
        self._do("partition_delete_records", topic.encode(), partition, before)

    def down(self, *brokers: int) -> None:
        """Stop brokers, all of them unless some are named."""
        for broker in brokers or self.brokers:
            self._do("broker_set_down", broker)
            with suppress(OSError):  # else another program may take its port meanwhile
                kept = socket.socket()
                kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                kept.bind(("127.0.0.1", self._ports[broker]))
                self._kept[broker] = kept

    def up(self, *brokers: int) -> None:
        """Start brokers again, all of them unless some are named."""
        for broker in brokers or self.brokers:
            if broker in self._kept:
                self._kept.pop(broker).close()
            self._do("broker_set_up", broker)

    def delay(self, milliseconds: int) -> None:
        """Let every answer take that long."""
        for broker in self.brokers:
            self._do("broker_set_rtt", broker, milliseconds)

    def fail(self, request: int, *errors: int) -> None:
        """Answer the next requests of a kind with these errors."""
        array = (ctypes.c_int * len(errors))(*errors)
        self._do("push_request_errors_array", request, len(errors), array)

    def close(self) -> None:
        """Stop it for good."""
        self.producer.flush(0)
        for kept in self._kept.values():
            kept.close()
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)


class Hosted(Topics):
    """A cluster in a process of its own, for programs that start others.

    What they start inherits the sockets of brokers for a moment, and one that was stopped then
    can't have its port back.
    """

    def __init__(self, brokers: int = 3) -> None:
        self.brokers = range(1, brokers + 1)
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(brokers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        super().__init__(self._answer())

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the cluster is gone"
        return json.loads(line)

    def do(self, name: str, *arguments: Any) -> None:
        """Call a method of the cluster."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        self._answer()

    def close(self) -> None:
        """Stop it for good."""
        self._process.communicate()


def main() -> None:
    """Host a cluster: its servers, then an answer to each line of standard input."""
    cluster = Cluster(int(sys.argv[1]))
    print(json.dumps(cluster.servers), flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        getattr(cluster, name)(*arguments)
        print("null", flush=True)
    cluster.close()


if __name__ == "__main__":
    main()
