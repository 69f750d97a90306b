"""Notices of missed deadlines and volume episodes on Kafka topics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from replays import Line, policy_text, wait_for
from test_kafka import OnKafka
from test_live import event

pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")

from mock_kafka import PRODUCE, Cluster

from replywatch.flows.kafka_settings import NoticeTopics
from replywatch.flows.kafka_sink import KafkaSink, SinkError, SinkOptions
from replywatch.flows.notices import NOTICES, Notice, breaches_of, spikes_of
from replywatch.flows.routing import shard_key
from replywatch.flows.steps import Told
from replywatch.metrics.times import HOUR, SECOND

Said = list[dict[str, Any]]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Three brokers with a topic for breaches and one for spikes."""
    cluster = Cluster()
    cluster.create("breaches", 3)
    cluster.create("spikes", 1)
    yield cluster
    cluster.close()


@dataclass
class Sink:
    """The writer of notices, without an engine."""

    cluster: Cluster
    timeout: str = "20s"
    notes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        kafka = NoticeTopics(
            brokers=self.cluster.servers,
            breaches="breaches",
            spikes="spikes",
            timeout=self.timeout,
        )
        sent = self.notes[-1] if self.notes else 0
        self.sink = KafkaSink(SinkOptions(kafka, {}, sent, self.notes.append))

    def start(self, resume: bytes | None = None) -> Any:
        """Its one partition."""
        return self.sink.build_part("notices", NOTICES, resume)


def breaches(policy: str, *batches: list[dict[str, Any]], until: float = 0) -> list[Said]:
    """What is told of breaches after each batch of events, and at the end."""
    line = Line(policy, shards=1)
    said: list[Said] = []
    whole: list[Notice] = []
    step = line.steps[shard_key(0)]
    real = step.on_batch

    def listening(values: list[Any]) -> Any:
        told, retain = real(values)
        told = list(told)
        assert all(isinstance(one, Told) for one in told)
        whole.extend(notice for one in told for notice in breaches_of(one))
        return told, retain

    step.on_batch = listening
    for batch in batches:
        line.feed(*batch)
        said.append([json.loads(encode_value(notice)) for notice in whole])
        whole.clear()
    line.end(round(until * SECOND))
    said.append([json.loads(encode_value(notice)) for notice in whole])
    return said


def encode_value(notice: Notice) -> bytes:
    """The value of a message."""
    from replywatch.flows.notices import encode

    return encode(notice)[2]


def at(clock: str) -> str:
    """An instant of one day."""
    return f"2026-03-03T{clock}Z"


def post(name: str, clock: str) -> dict[str, Any]:
    """A customer's post."""
    return {"id": f"{name}{clock}", "at": at(clock), "kind": "post", "conversation": name}


def reply(name: str, clock: str) -> dict[str, Any]:
    """An agent's reply."""
    return post(name, clock) | {"id": f"r{name}{clock}", "kind": "reply", "agent": "ann"}


def test_a_breach_is_told_once_with_all_its_columns() -> None:
    """When its deadline passes, in the documented shape; what comes later in order adds nothing."""
    said = breaches(
        policy_text(60, 600),
        [post("a", "12:00:00")],
        [post("b", "12:00:30"), post("b", "12:02:00")],
        [reply("a", "12:03:00")],
    )
    assert [] == said[0]
    told, other = said[1]
    assert 32 == len(told.pop("id"))
    assert {
        "type": "breach",
        "conversation_id": "a",
        "opened_at": at("12:00:00"),
        "sla": "first_response",
        "started_at": at("12:00:00"),
        "due_at": at("12:01:00"),
        "missed_at": at("12:01:00"),
        "outcome": "missed",
        "policy_version": "v1",
        "rule": "all",
        "target_seconds": 60.0,
        "elapsed_seconds": 60.0,
        "agent": None,
        "brand": "default",
        "channel": "default",
        "queue": "default",
        "priority": "normal",
        "generation": 0,
        "is_taken_back": False,
    } == told
    assert "b" == other["conversation_id"]
    assert [[], []] == said[2:]


def test_a_late_reply_takes_a_breach_back() -> None:
    """In time but late to arrive: the same clock, the next generation, and another id."""
    first, told = breaches(
        policy_text(60, 600),
        [post("a", "12:00:00"), post("z", "12:02:00"), post("z", "12:02:01")],
        [reply("a", "12:00:50")],
    )[:2]
    (missed,), (taken,) = first, told
    assert (False, True) == (missed["is_taken_back"], taken["is_taken_back"])
    assert (0, 1) == (missed["generation"], taken["generation"])
    assert missed["id"] != taken["id"]
    apart = {"id", "generation", "is_taken_back"}
    assert {name: missed[name] for name in missed.keys() - apart} == {
        name: taken[name] for name in taken.keys() - apart
    }


def test_a_late_event_that_changes_no_breach_tells_nothing() -> None:
    """A restatement writes all rows of a conversation anew; only what differs is told."""
    said = breaches(
        policy_text(60, 600),
        [post("a", "12:00:00"), post("z", "12:02:00"), post("z", "12:02:01")],
        [post("a", "12:00:20")],
    )
    assert (1, 0) == (len(said[0]), len(said[1]))


def test_a_late_first_post_moves_a_breach() -> None:
    """The conversation opened earlier than was known: one breach goes and another one comes."""
    _, told = breaches(
        policy_text(60, 600),
        [post("a", "12:00:00"), post("z", "12:02:00"), post("z", "12:02:01")],
        [post("a", "11:59:30")],
    )[:2]
    assert [(at("12:00:00"), True), (at("11:59:30"), False)] == [
        (one["opened_at"], one["is_taken_back"]) for one in told
    ]


def some_spike(revision: int, kind: str = "spike", ended: int | None = None) -> list[Notice]:
    """An episode as it stands."""
    row = (0, "acme", "x", "social", kind, 300 * SECOND, ended, 0, 99, 2.5, 39.6, 7.0, 0, None)
    return spikes_of([(*row, revision, kind == "surge")])


def test_an_episode_is_told_when_it_begins_turns_and_ends(cluster: Cluster) -> None:
    """Not with every window in between, also across a restart."""
    part = Sink(cluster).start()
    part.write_batch([some_spike(1), some_spike(2), some_spike(3, "crisis")])
    part.write_batch([some_spike(4, "crisis")])
    part.snapshot()
    state = part.snapshot()
    part = Sink(cluster).start(state)
    part.write_batch([some_spike(5, "crisis"), some_spike(6, "crisis", HOUR), []])
    part.write_batch([some_spike(7, "crisis"), some_spike(1, "surge")])
    part.snapshot()
    part.snapshot()
    said = [(one["revision"], one["kind"], one["ended_at"]) for _, one in cluster.read("spikes")]
    hour = "1970-01-01T01:00:00Z"
    assert [
        (1, "spike", None),
        (3, "crisis", None),
        (6, "crisis", hour),
        (7, "crisis", None),
        (1, "surge", None),
    ] == said
    assert {"acme/x/social"} == {key for key, _ in cluster.read("spikes")}
    assert [] == cluster.read("breaches")


def test_what_is_not_durable_is_not_told_and_what_is_comes_again_under_its_id(
    cluster: Cluster,
) -> None:
    """At the second snapshot the first is durable; a crash before that tells nothing too much."""
    part = Sink(cluster).start()
    part.write_batch([some_spike(1)])
    first = part.snapshot()
    assert [] == cluster.read("spikes")
    part.snapshot()
    (told,) = cluster.read("spikes")
    Sink(cluster).start(first).snapshot()
    assert [told, told] == cluster.read("spikes")


def test_a_clean_stop_tells_the_rest_once(cluster: Cluster) -> None:
    """The last epoch is told when the stream has stopped, and not again at the next start."""
    sink = Sink(cluster)
    part = sink.start()
    part.write_batch([some_spike(1)])
    state = part.snapshot()
    sink.sink.finish()
    assert (1, [1]) == (len(cluster.read("spikes")), sink.notes)
    again = Sink(cluster, notes=sink.notes)
    part = again.start(state)
    part.write_batch([some_spike(2, ended=HOUR)])
    part.snapshot()
    again.sink.finish()
    assert [1, 2] == [one["revision"] for _, one in cluster.read("spikes")]
    assert [1, 2] == sink.notes


def test_brokers_that_fail_for_a_moment_get_each_notice_once(cluster: Cluster) -> None:
    """Errors that pass, a leader that moves: the producer tries again and doubles nothing."""
    part = Sink(cluster).start()
    part.write_batch([some_spike(1)])
    part.snapshot()
    cluster.fail(PRODUCE, 7, 6, 19)  # timed out, not the leader, too few replicas
    cluster.lead("spikes", 0, 2)
    part.snapshot()
    assert 1 == len(cluster.read("spikes"))


def test_brokers_that_stay_away_stop_it(cluster: Cluster) -> None:
    """No answer within the timeout, or no brokers at all, is an error that says whose."""
    part = Sink(cluster, "1s").start()
    part.write_batch([some_spike(1)])
    state = part.snapshot()
    cluster.down()
    with pytest.raises(SinkError, match=r"a new start sends them"):
        part.snapshot()
    with pytest.raises(SinkError, match=cluster.servers):
        Sink(cluster, "1s").start()
    cluster.up()
    Sink(cluster).start(state)
    assert 1 == len(cluster.read("spikes"))


def test_a_topic_that_refuses_stops_it(cluster: Cluster) -> None:
    """A message that a broker will never take is a delivery error, not a silence."""
    part = Sink(cluster).start()
    part.write_batch([some_spike(1)])
    part.snapshot()
    cluster.fail(PRODUCE, *[29] * 10)  # topic authorization failed
    with pytest.raises(SinkError, match="uthoriz"):
        part.snapshot()


def test_a_live_service_tells_of_silence_in_seconds(tmp_path: Path, cluster: Cluster) -> None:
    """Missed, killed, started and stopped: every breach is told, and repeats carry the same id."""
    cluster.create("care", 2)
    more = (
        f'[sink.kafka]\nbrokers = "{cluster.servers}"\nbreaches = "breaches"\nspikes = "spikes"\n'
    )
    service = OnKafka(tmp_path, cluster.servers, "care", more)
    try:
        process = service.start()
        cluster.produce("care", [event("post", f"a{n}", customer="@jo") for n in range(5)])
        assert wait_for(lambda: len(cluster.read("breaches")) == 5, 20)
        cluster.produce("care", [event("post", f"b{n}") for n in range(5)], 1)
        process.kill_after(2.5)
        process = service.start()
        names = {f"{row}{n}" for row in "ab" for n in range(5)}
        assert wait_for(lambda: names == {key for key, _ in cluster.read("breaches")}, 20)
        assert 0 == process.stop()
    finally:
        for process in service.processes:
            process.close()
    told = cluster.read("breaches")
    assert 10 == len({one["id"] for _, one in told})
    assert 10 == len({json.dumps(one) for _, one in told})
    assert "@jo" not in json.dumps(told)
