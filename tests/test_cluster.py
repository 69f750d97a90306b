"""One dataflow on several processes: the same tables, one stop for all, one death for all."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from clusters import Cluster, is_running, read_lock
from digest import digests
from faults.readers import DatabaseReader
from replays import Line, Process, policy_text, replay, wait_for, write_lines
from test_crash import LATENESS
from test_live import COUNT, Service, event

from replywatch.flows import cluster as flows_cluster
from replywatch.flows.cli import main
from replywatch.flows.members import claim, membership
from replywatch.flows.runner import StopFlag
from replywatch.flows.settings import Exporter, Settings
from replywatch.flows.settings_cluster import ClusterSettings
from replywatch.flows.steps import Shown, Staffed, Told
from replywatch.metrics.cells import Partial
from replywatch.metrics.roster import AgentNews
from replywatch.metrics.shard import Rows
from replywatch.metrics.watermark import EventBatch
from replywatch.sample_data import write_sample
from replywatch.sql.history import HistoryError


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The first 2,000 lines of the sample, and one that is refused."""
    path = tmp_path_factory.mktemp("sample") / "all.jsonl"
    write_sample(path, 7)
    lines = path.read_bytes().splitlines(keepends=True)[:2000]
    return [*lines[:100], b"{}\n", *lines[100:]]


# -- what crosses the wire --------------------------------------------------------------------


class Wire(Line):
    """Steps of which each lies in a process of its own: whatever they say travels as pickle."""

    def __init__(self, policy: str) -> None:
        super().__init__(policy, lateness=LATENESS)
        self.kinds: set[type] = set()
        self.has_corrections = self.has_boards = False

    def _pass_on(self, item: tuple[str, Any]) -> None:
        received = pickle.loads(pickle.dumps(item))
        sent, value = item[1], received[1]
        if isinstance(sent, Shown) and sent.fresh is not None:  # counts, of no equality
            assert vars(value.fresh) == vars(sent.fresh)
            value.fresh = sent.fresh
        assert received == item
        self.kinds.add(type(value))
        if isinstance(value, Told):
            self.kinds |= {Partial, AgentNews}
            self.has_corrections |= any(partial.corrections for _, partial in value.partials)
        if isinstance(value, Shown):
            self.has_boards |= bool(value.boards and value.fresh)
        super()._pass_on(received)


def test_whatever_steps_say_to_each_other_can_cross_processes(lines: list[bytes]) -> None:
    """Each kind of item arrives as it was sent: events, corrections of late ones, live state."""
    late = [line.replace(b'"id":"', b'"id":"again-') for line in lines[:1000:25]]
    wire = Wire(policy_text())
    for line in [*lines, *late]:
        wire.feed(line)
    wire.end()
    assert wire.kinds == {EventBatch, Told, Partial, AgentNews, Rows, Shown, Staffed}
    assert wire.has_corrections
    assert wire.has_boards


# -- the same tables --------------------------------------------------------------------------


def test_killed_and_rescaled_it_writes_the_same_tables(lines: list[bytes], tmp_path: Path) -> None:
    """One process, then two, three and one again, each time some killed; a reader sees no fault."""
    out, sample = tmp_path / "out", write_lines(tmp_path / "sample.jsonl", lines)
    expected = digests(replay(tmp_path / "whole", sample, lateness=LATENESS))
    options: dict[str, Any] = {"out": out, "inputs": [str(sample)], "lateness": LATENESS}
    codes = []
    with DatabaseReader(out) as reader:
        for size, victims in ((1, [0]), (2, [1]), (3, [0, 1, 2])):
            process = Process("replay", processes=size, speed=20_000, epoch=0.25, **options)
            cluster = Cluster(process, out, size)
            assert cluster.wait()
            time.sleep(0.8)
            codes.append(cluster.kill(*victims))
        assert codes == [-9, 1, -9]
        assert Process("replay", processes=1, **options).finish() == 0
    assert expected == digests(out)
    assert [] == reader.faults
    assert reader.looks > 3


# -- the live service -------------------------------------------------------------------------


class Services(Service):
    """A live service on several processes."""

    urls: list[str]

    def start_cluster(self, size: int) -> Cluster:
        """Start it on this host and wait until all of it serves."""
        process = Process("run", config=self.config, processes=size)
        self.processes.append(process)
        self.urls = [process.line() for _ in range(size)]
        cluster = Cluster(process, self.history, size)
        assert cluster.wait()
        return cluster

    def metric(self, name: str, **labels: str) -> float | None:
        """The sum over all processes, as PromQL's."""
        found = []
        for url in self.urls:
            self.url = url
            value = super().metric(name, **labels)
            found += [] if value is None else [value]
        return sum(found) if found else None


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Services]:
    """A service that is not started yet."""
    service = Services(tmp_path)
    yield service
    for process in service.processes:
        process.close()


def test_a_stop_of_one_process_stops_all_and_nothing_is_read_twice(service: Services) -> None:
    """SIGTERM to a process that reads nothing seals what all have, and the next run goes on.

    Sums over the processes say what one process would.
    """
    posts = [event("post", f"a{n}", queue=f"q{n % 5}") for n in range(20)]
    cluster = service.start_cluster(3)
    service.write(*posts)
    assert service.sees("care_messages_total", 20, direction="inbound")
    assert service.sees("care_conversations_waiting", 20)
    assert service.sees("care_sla_outcomes_total", 20, outcome="missed")
    assert service.sees("care_conversations_overdue", 20, sla="first_response")
    began = time.monotonic()
    os.kill(cluster.pids()[2], signal.SIGTERM)
    assert cluster.process.finish(10) == 0
    assert time.monotonic() - began < 10
    assert [(20, 20)] == service.sql(COUNT)
    cluster = service.start_cluster(2)
    service.write(*(event("post", f"b{n}") for n in range(10)))
    assert service.sees("care_messages_total", 10, direction="inbound")
    assert cluster.process.stop() == 0
    assert [(30, 30)] == service.sql(COUNT)


def test_a_signal_that_comes_after_the_news_of_it_interrupts_nothing() -> None:
    """A signal to all processes may reach one that has heard of it; a second one is meant."""
    stop = StopFlag()
    with stop.on_signals():
        stop.is_set = True  # another process was told, and said so
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_a_process_that_comes_when_all_is_done_ends(tmp_path: Path) -> None:
    """The first process of a replay that was finished before may be gone before others look."""
    addresses = ("127.0.0.1:1", "127.0.0.1:2")
    first, second = flows_cluster.Cluster(addresses, 0), flows_cluster.Cluster(addresses, 1)
    found: list[bool] = []
    with membership(tmp_path, first, StopFlag()) as one, one.running(is_done=True) as is_needed:
        found.append(is_needed)

    def come_late() -> None:
        with membership(tmp_path, second, StopFlag()) as other, other.running() as is_needed:
            found.append(is_needed)

    late = threading.Thread(target=come_late, daemon=True)
    late.start()
    late.join(10)
    assert found == [False, False]


def test_when_one_process_dies_all_do(service: Services) -> None:
    """The others end by themselves with exit code 1; when the first dies, its children do too."""
    assert service.start_cluster(3).kill(1) == 1
    assert service.start_cluster(2).kill(0) == -9


def test_what_fails_in_one_process_is_told_in_a_sentence(
    service: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    """The engine only knows that a connection closed; the reason is told all the same."""
    cluster = service.start_cluster(2)
    service.write(*(event("post", f"c{n}") for n in range(5)))
    assert service.sees("care_messages_total", 5, direction="inbound")
    (service.inbox / "events.jsonl").write_bytes(b"\n")
    assert cluster.process.finish(15) == 1
    said = capsys.readouterr().err
    assert "events.jsonl shrank from" in said
    assert "fault in replywatch" not in said


def test_nobody_else_can_have_the_folder_of_a_cluster(service: Services) -> None:
    """Another one is refused within a second and told who has it, also by an orphan of it."""
    cluster = service.start_cluster(2)
    first, second = cluster.pids()
    began = time.monotonic()
    with pytest.raises(HistoryError, match=f"in use by process {first}, one of a cluster of 2"):
        claim(service.history).__enter__()
    assert time.monotonic() - began < 1
    os.kill(second, signal.SIGSTOP)
    cluster.process.process.kill()
    with pytest.raises(HistoryError, match=f"in use by process {second}, one of a cluster of 2"):
        claim(service.history).__enter__()
    os.kill(second, signal.SIGCONT)
    assert wait_for(lambda: not is_running(second))
    with claim(service.history):
        pass


def _addresses(count: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def test_processes_started_one_by_one_find_each_other(service: Services) -> None:
    """As on several hosts: by the addresses of the configuration, in any order of starting."""
    with service.config.open("a") as config:
        config.write(f"[cluster]\naddresses = {_addresses(2)}\n")
    second = Process("run", config=service.config, index=1)
    service.processes.append(second)
    second_url = second.line()
    first = Process("run", config=service.config, index=0)
    service.processes.append(first)
    service.urls = [first.line(), second_url]
    service.write(*(event("post", f"a{n}") for n in range(20)))
    assert service.sees("care_messages_total", 20, direction="inbound")
    assert read_lock(service.history / "lock.1")["pid"] == second.process.pid
    assert second.stop() == 0
    assert first.finish(10) == 0
    assert [(20, 20)] == service.sql(COUNT)


def test_hosts_that_were_told_different_things_do_not_start(
    service: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One with another key or policy is told so, and neither runs; with the same both do."""
    with service.config.open("a") as config:
        config.write(f"[cluster]\naddresses = {_addresses(2)}\n")
    elsewhere = service.config.with_name("elsewhere.toml")
    elsewhere.write_text(service.config.read_text().replace("policy.toml", "other.toml"))
    elsewhere.with_name("other.toml").write_text(policy_text(299))
    first = Process("run", config=service.config, index=0)
    monkeypatch.setenv("REPLYWATCH_CUSTOMER_KEY", "another")
    second = Process("run", config=elsewhere, index=1)
    service.processes += [first, second]
    assert (1, 1) == (second.finish(20), first.finish(20))
    said = capsys.readouterr().err
    assert (
        "process 1 of the cluster was told otherwise than process 0: policy, customer key;" in said
    )
    monkeypatch.delenv("REPLYWATCH_CUSTOMER_KEY")
    again = [Process("run", config=service.config, index=index) for index in (0, 1)]
    service.processes += again
    service.urls = [process.line() for process in again]
    service.write(event("post", "a"))
    assert service.sees("care_messages_total", 1, direction="inbound")


# -- what a user may set wrong ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"addresses": ("a:1",)}, "two or more"),
        ({"addresses": ("a:1", "a:1")}, "two processes"),
        ({"addresses": ("a:1", "b")}, "write host:port"),
        ({"addresses": ("a:1", "b:70000")}, "write host:port"),
        ({"addresses": ("a:1", "b:1"), "exporters": ("a:2",)}, "give one a process"),
    ],
)
def test_a_wrong_cluster_is_told(wrong: dict[str, Any], says: str) -> None:
    """Addresses that can't be a cluster's are a fault of the configuration."""
    with pytest.raises(ValueError, match=says):
        ClusterSettings(**wrong)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "REPLYWATCH_PROCESS_ID"),
        (["--process-id", "2"], "no process 2"),
        (["--processes", "2", "--process-id", "0"], "leave --processes out"),
    ],
)
def test_a_process_that_is_none_of_the_cluster_is_told(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which process it is has to be said, and to exist; exit code 2."""
    (tmp_path / "c.toml").write_text('[cluster]\naddresses = ["a:1", "b:1"]\n')
    assert main(["run", "--config", str(tmp_path / "c.toml"), *arguments]) == 2
    assert says in capsys.readouterr().err


def test_each_process_serves_metrics_at_a_port_of_its_own() -> None:
    """The exporter's port plus the process's number, unless the configuration lists them."""
    settings = Settings(exporter=Exporter(port=9464))
    assert ("127.0.0.1", 9466) == settings.exporter_of(2)
    assert ("127.0.0.1", 0) == Settings(exporter=Exporter(port=0)).exporter_of(2)
    cluster = ClusterSettings(addresses=("a:1", "b:1"), exporters=("a:2", "[::1]:3"))
    assert ("::1", 3) == msgspec.structs.replace(settings, cluster=cluster).exporter_of(1)
