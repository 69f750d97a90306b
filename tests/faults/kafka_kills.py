"""`kill -9` of a service on a topic, while brokers come and go and leaders move.

The topic holds the same events in every round, spread over partitions by conversation. A round
begins a history of its own, is killed some times, each time resumed with another number of
processes or threads, and read to its end. What it told of breaches stands on another topic.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from clusters import is_running, read_lock
from replays import wait_for

from faults.jsonl import LINES, sample, watched
from faults.registry import Figures, Size, Unavailable, fault
from faults.restarts import Fresh
from faults.truth import Truth
from replywatch.metrics.times import to_instant
from replywatch.sql.history import open_history

if TYPE_CHECKING:
    from mock_kafka import Hosted

SERVICE = Path(__file__).with_name("_kafka_service.py")
TOPIC = "care"
PARTITIONS = 6
SLOWLY = {"messages": 5, "pause": 0.012}
SIZES = ((1, 1), (1, 2), (1, 3), (2, 1), (3, 1))
"""Processes, and threads of each."""

UNTOLD = frozenset({"received_at"})
"""When the service received what it refused says when it ran."""


@dataclass
class Place:
    """A service's folder: configuration and history."""

    folder: Path
    cluster: Hosted
    breaches: str
    spoil: str = ""
    process: subprocess.Popen[str] | None = None
    url: str = ""
    history: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.history = self.folder / "data"
        self.cluster.do("create", self.breaches, 3)
        servers = self.cluster.servers
        (self.folder / "config.toml").write_text(
            'history = "data"\nlateness = "60s"\nseal_every = "0.3s"\ncheckpoint_every = "0.25s"\n'
            'conversations_every = "1h"\nshards = 4\ndesks = 2\n'
            f'[source.kafka]\nbrokers = "{servers}"\ntopic = "{TOPIC}"\n'
            f'[sink.kafka]\nbrokers = "{servers}"\nbreaches = "{self.breaches}"\n'
        )

    def start(
        self, processes: int, workers: int, *, is_slow: bool = False
    ) -> subprocess.Popen[str]:
        """Start the service; it has not opened anything yet."""
        config = str(self.folder / "config.toml")
        options: dict[str, Any] = {"config": config, "processes": processes, "workers": workers}
        if is_slow:
            options |= SLOWLY
        if self.spoil:
            options["spoil"] = self.spoil
        with (self.folder / "errors").open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(SERVICE), json.dumps(options)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,  # so that all of its processes can be killed at once
            )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        return self.process

    def pids(self) -> list[int]:
        """Processes that had the history."""
        return [said["pid"] for path in self.history.glob("lock*") if (said := read_lock(path))]

    def is_caught_up(self) -> bool:
        """Whether everything is counted up to about now, or the service is gone."""
        assert self.process is not None
        if self.process.poll() is not None:
            return True
        try:
            with urllib.request.urlopen(self.url, timeout=5) as answer:
                said = answer.read().decode()
        except OSError:  # it is about to be gone
            return False
        name = "care_pipeline_watermark_timestamp_seconds "
        found = [line.removeprefix(name) for line in said.splitlines() if line.startswith(name)]
        return bool(found) and float(found[0]) > time.time() - 90

    def read_to_the_end(self, workers: int) -> list[str]:
        """Run until all is read, and stop; what went wrong."""
        process = self.start(1, workers)
        is_done = wait_for(self.is_caught_up, 120)
        process.terminate()
        try:
            code = process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            return ["a service did not stop within 30 s"]
        if not is_done:
            return ["a service did not read to the end within 120 s"]
        return [] if code == 0 else [f"a service ended with {code}: {self.said()}"]

    def said(self) -> str:
        """The last things that services said of what is wrong."""
        lines = (self.folder / "errors").read_text().splitlines()
        wrong = [line for line in lines if not line.startswith(("%", " "))]
        return " / ".join(line for line in wrong[-8:] if line and "direct cause" not in line)


@dataclass
class Weather:
    """What happens to the brokers, told by number; a `with` block starts and ends it."""

    cluster: Hosted
    chance: random.Random
    outages: int = 0
    blackouts: int = 0  # of all brokers at once
    moves: int = 0
    delays: int = 0
    errors: int = 0

    @contextmanager
    def storms(self) -> Iterator[None]:
        """Disturb the brokers until the block is left, and leave them well."""
        is_over = threading.Event()

        def blow() -> None:
            while not is_over.wait(self.chance.uniform(0.1, 0.8)):
                self._disturb(is_over)

        thread = threading.Thread(target=blow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _disturb(self, is_over: threading.Event) -> None:
        from mock_kafka import FETCH, LIST_OFFSETS, PRODUCE

        cluster, chance = self.cluster, self.chance
        broker = chance.choice(cluster.brokers)
        kind = chance.random()
        if kind < 0.3:
            self.outages += 1
            cluster.do("down", broker)
            is_over.wait(chance.uniform(0.1, 1.5))
            cluster.do("up", broker)
        elif kind < 0.4:
            self.blackouts += 1
            cluster.do("down")
            is_over.wait(chance.uniform(0.1, 1.0))
            cluster.do("up")
        elif kind < 0.8:
            self.moves += 1
            cluster.do("lead", TOPIC, chance.randrange(PARTITIONS), broker)
        elif kind < 0.9:
            self.delays += 1
            cluster.do("delay", chance.randint(20, 300))
            is_over.wait(chance.uniform(0.1, 1.0))
            cluster.do("delay", 0)
        else:
            self.errors += 1
            request = chance.choice((FETCH, LIST_OFFSETS, PRODUCE))
            cluster.do("fail", request, *chance.choices((5, 6, 7), k=3))


@fault("kafka-kills")
def kill_on_kafka(size: Size, seed: int, folder: Path, spoil: str = "") -> Figures:
    """Read the same topic again and again, killed some times before each comes to its end."""
    try:
        from mock_kafka import Hosted
    except ImportError:
        raise Unavailable("confluent_kafka", "confluent-kafka is not installed") from None
    clean, events = sample(folder, size.pick(LINES // 2, LINES))
    cluster = Hosted()
    try:
        _fill(cluster, events)
        whole = Place(folder / "whole", cluster, "whole")
        figures = Figures(mismatches=whole.read_to_the_end(1))
        truth = Truth(whole.history, [clean], until=(time.time_ns() // 1000), untold=UNTOLD)
        chance = random.Random(seed)
        weather = Weather(cluster, random.Random(seed + 1))
        kills, repeats = size.pick_kills(6, 100), 0
        rounds = 0
        while figures.times < kills:
            rounds += 1
            place = Place(folder / f"round{rounds}", cluster, f"breaches{rounds}", spoil)
            with watched(place.history, figures):
                with weather.storms():
                    _kill(place, chance, min(kills - figures.times, 8), figures)
                figures.mismatches += place.read_to_the_end(chance.randint(1, 3))
            truth.judge(place.history, figures)
            repeats += judge_notices(place, figures)
        print(
            f"    {rounds} rounds with {weather.outages} outages of a broker and "
            f"{weather.blackouts} of all, {weather.moves} leaders moved, {weather.delays} delays, "
            f"{weather.errors} times errors; {repeats} notices repeated"
        )
    finally:
        cluster.close()
    return figures


def _fill(cluster: Hosted, events: Path) -> None:
    """Spread the events over partitions, those of a conversation in their order."""
    cluster.do("create", TOPIC, PARTITIONS)
    shares: list[list[dict[str, Any] | bytes]] = [[] for _ in range(PARTITIONS)]
    for line in events.read_bytes().splitlines():
        try:
            name = json.loads(line)
            name = name.get("conversation") or name.get("agent") or name["id"]
        except (ValueError, AttributeError):
            name = "refused"
        shares[crc32(name.encode()) % PARTITIONS].append(line)
    for partition, share in enumerate(shares):
        cluster.produce(TOPIC, share, partition)


def _kill(place: Place, chance: random.Random, kills: int, figures: Figures) -> None:
    """Kill it some times: a third while it starts, the others when it has written something."""
    for _ in range(kills):
        fresh = Fresh(place.history)
        process = place.start(*chance.choice(SIZES), is_slow=True)
        if chance.random() < 0.3:
            _wait(process, chance.uniform(0.0, 3.0))
        else:
            fresh.wait(20)
            _wait(process, chance.uniform(0.0, 2.0))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            figures.times += 1
        elif "is in use by" not in (said := place.said()):  # one that is killed takes its time
            figures.mismatches.append(f"a service ended with {process.returncode}: {said}")
        process.wait()
        # Its children die with it, but a little later.
        wait_for(lambda: not any(map(is_running, place.pids())))
        figures.fresh += fresh.seconds()


def _wait(process: subprocess.Popen[str], seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def judge_notices(place: Place, figures: Figures) -> int:
    """Compare what was told of breaches with the history; how many notices were repeats."""
    con = open_history(place.history)
    try:
        clocks = "conversation_id, epoch_us(opened_at), sla, epoch_us(started_at)"
        missed = con.execute(f"select {clocks} from sla where outcome = 'missed'").fetchall()
    finally:
        con.close()
    told = [notice for _, notice in place.cluster.read(place.breaches)]
    by_id = {notice["id"]: notice for notice in told}
    if any(by_id[notice["id"]] != notice for notice in told):
        figures.mismatches.append("two notices of one id differ")
    latest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for notice in by_id.values():
        clock = (
            notice["conversation_id"],
            _micros(notice["opened_at"]),
            notice["sla"],
            _micros(notice["started_at"]),
        )
        known = latest.get(clock)
        if known is not None and known["generation"] == notice["generation"]:
            figures.doubled += 1
        if known is None or known["generation"] < notice["generation"]:
            latest[clock] = notice
    standing = {clock for clock, notice in latest.items() if not notice["is_taken_back"]}
    figures.lost += len({*missed} - standing)
    figures.retracted += len(standing - {*missed})
    return len(told) - len(by_id)


def _micros(text: str) -> int:
    return to_instant(datetime.fromisoformat(text))
