"""Ways to run events through the project in tests: a whole replay or service, or its bare steps.

`replay` runs the real thing in this process, `Process` in one of its own that can be killed, and
`Line` the steps of the dataflow without the engine, for thousands of small cases. Durations are
seconds.
"""

from __future__ import annotations

import gc
import gzip
import json
import random
import signal
import subprocess
import sys
import time
import tomllib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import duckdb
import msgspec

from replywatch.flows import stream
from replywatch.flows.dataflow import Plan
from replywatch.flows.live import LiveMetrics
from replywatch.flows.routing import ROSTER, THREADS, Router, shard_key
from replywatch.flows.settings import Settings
from replywatch.flows.sources import PARTITION
from replywatch.flows.state_store import StateStore, StateStores
from replywatch.flows.steps import DeskLogic
from replywatch.flows.ways import news_of, partials_of, rows_of
from replywatch.metrics.board import ScopeBoard
from replywatch.metrics.events import Decoder
from replywatch.metrics.kept import Keeps
from replywatch.metrics.policy import PolicyBook, read_policy
from replywatch.metrics.times import NEVER, SECOND
from replywatch.sql.history import DATABASE
from replywatch.sql.unsealed import Unsealed
from replywatch.sql.writer import HistoryWriter

EventLine = Mapping[str, Any] | bytes
HOUR = 3600.0
CHILD = str(Path(__file__).with_name("child.py"))


def policy_text(
    first: float = 300,
    following: float = 600,
    *,
    reopen_window: str = "7d",
    expire_after: str = "30d",
    min_outcomes: int = 2,
) -> str:
    """A policy of one rule for all, as TOML."""
    return f"""
        version = "v1"
        effective_from = 2000-01-01T00:00:00Z
        reopen_window = "{reopen_window}"
        expire_after = "{expire_after}"
        [[rules]]
        name = "all"
        targets = {{ first_response = {first}, next_response = {following} }}
        objective = {{ ratio = 0.9, window = "5m", min_outcomes = {min_outcomes} }}
    """


def to_line(event: EventLine) -> bytes:
    """An event as a line with its newline; bytes stay as they are."""
    return event if isinstance(event, bytes) else json.dumps(event).encode() + b"\n"


def write_lines(path: Path, events: Iterable[EventLine]) -> Path:
    """Write a file of events, compressed where its name ends in `.gz`."""
    data = b"".join(map(to_line, events))
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


# -- the whole thing --------------------------------------------------------------------------


def a_replay(out: Path, inputs: Sequence[Path], **options: Any) -> stream.Replay:
    """A replay to be run; `lateness` and `until` (an instant) in seconds, `policy` a path."""
    settings = options.pop("settings", Settings())
    if (policy := options.pop("policy", None)) is not None:
        settings = msgspec.structs.replace(settings, policy=Path(policy))
    lateness = round(options.pop("lateness", HOUR) * SECOND)
    until = round(options.pop("until", 0) * SECOND)
    return stream.Replay(list(inputs), out, settings, lateness=lateness, until=until, **options)


def run(asked: stream.Replay) -> tuple[bool, LiveMetrics]:
    """Run a replay in this process; whether it came to its end, and what it exports."""
    policy = stream.replay_policy(asked)
    live = stream.live_metrics(asked.settings, policy, "replay")
    try:
        return stream.run_replay(asked, policy, live), live
    finally:  # the replay has its process to itself and stops the collector
        gc.unfreeze()
        gc.enable()


def replay(out: Path, *inputs: Path, **options: Any) -> Path:
    """Replay `inputs` into `out` to the end, in this process."""
    is_finished, _ = run(a_replay(out, inputs, **options))
    assert is_finished
    return out


class Process:
    """`child.py` as a process of its own: `replay` or `run`, its options as JSON."""

    def __init__(self, command: str, **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, CHILD, command, json.dumps(options, default=str)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill_after(self, seconds: float) -> int:
        """Kill it (SIGKILL) once that long has passed, if it still runs; its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
        return self.process.wait(10)

    def stop(self) -> int:
        """Ask it to stop (SIGTERM); its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.finish()

    def finish(self, seconds: float = 60) -> int:
        """Wait for its end; its exit code, with what it said on stderr if it failed."""
        try:
            _, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.close()
            raise
        if self.process.returncode > 0:
            print(errors, file=sys.stderr)
        return self.process.returncode

    def line(self) -> str:
        """The next line it prints, empty at its end."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        """Make sure that it is gone."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def wait_for(found: Callable[[], Any], seconds: float = 10) -> Any:
    """Ask again and again until `found` answers something true; its last answer."""
    until = time.monotonic() + seconds
    while not (answer := found()) and time.monotonic() < until:
        time.sleep(0.1)
    return answer


# -- the steps without the engine -------------------------------------------------------------


def handed_over(old: Keeps, new: Keeps) -> None:
    """Let `new` go on from what `old` keeps."""
    store = StateStore(None)
    changes = old.changes(store)
    store.save(changes)
    new.load(changes.core, store)


class Line:
    """The flow's steps, joined by queues: events in, tables out.

    Each `feed` is one batch of the source. With `shuffle` the queues are served in random order
    and portions, some only later, as a cluster may; per sender and receiver the order stays. `cut`
    continues from snapshots, as after a crash.
    """

    def __init__(
        self,
        policy: str | Sequence[str],
        *,
        lateness: float = 0,
        shards: int = 3,
        desks: int = 2,
        rows_every: int = NEVER,
        shuffle: random.Random | None = None,
        most_awake: int = 10_000,
    ) -> None:
        texts = [policy] if isinstance(policy, str) else policy
        self.lateness = round(lateness * SECOND)
        self.shuffle = shuffle
        nothing = cast(Any, None)
        self.plan = Plan(
            source=nothing,
            policy=PolicyBook([read_policy(tomllib.loads(text)) for text in texts]),
            history=nothing,
            metrics=nothing,
            stores=StateStores(None),
            shards=shards,
            desks=desks,
            rows_every=rows_every,
            restate_within=24 * 3600 * SECOND,
            remember_parents=7 * 24 * 3600 * SECOND,
            most_awake=most_awake,
        )
        decoder = Decoder(600 * SECOND)
        self.router = Router(PARTITION, shards, decoder, has_threads=True, lateness=self.lateness)
        self.position = 0
        self.rows: dict[str, list[Any]] = {}
        self.queues: dict[str, deque[Any]] = {}
        self.steps: dict[str, Any] = {}
        self.heard: set[str] = set()
        for key in (THREADS, *map(shard_key, range(shards))):
            self._step(key, None)

    def _step(self, key: str, state: bytes | None) -> Any:
        plan = self.plan
        if key not in self.steps or state is not None:
            make = {THREADS: plan.threads, ROSTER: plan.roster}.get(key, plan.desk)
            self.steps[key] = (plan.shard if key.startswith("shard") else make)(state)
        return self.steps[key]

    def feed(self, *events: EventLine) -> Line:
        """One batch of events in their order of arrival; the clock follows the latest."""
        chunk = b"".join(map(to_line, events))
        self.router.take_lines(chunk, "test.jsonl", self.position, None)
        self.position += len(chunk)
        return self._send(self.router.highest - self.lateness)

    def tick(self, at: int) -> Line:
        """Let the clock go on to `at` (microseconds) with no event."""
        self.router.floor = at - self.lateness
        return self._send(self.router.floor)

    def end(self, until: int = 0) -> Line:
        """Nothing more comes; the clock ends at the latest event, or at `until`."""
        return self._send(max(self.router.highest, until), is_end=True)

    def cut(self) -> Line:
        """Go on from snapshots in new steps; the engine takes none of a step that heard nothing."""
        for key in self.heard:
            self._step(key, self.steps[key].snapshot())
        return self

    def _send(self, as_of: int, is_end: bool = False) -> Line:
        for item in self.router.flush(as_of, is_end):
            self._pass_on(item)
        steps = -1 if is_end or self.shuffle is None else self.shuffle.randint(0, 20)
        while steps and (waiting := [key for key, queue in self.queues.items() if queue]):
            steps -= 1
            key = waiting[0] if self.shuffle is None else self.shuffle.choice(waiting)
            queue = self.queues[key]
            self.heard.add(key)
            portion = 1 if self.shuffle is None else self.shuffle.randint(1, len(queue))
            said, _ = self._step(key, None).on_batch([queue.popleft() for _ in range(portion)])
            for one in said:
                self._pass_on(one if key == THREADS else (key, one))
        return self

    def _pass_on(self, item: tuple[str, Any]) -> None:
        key, value = item
        if key.startswith("shard") and hasattr(value, "partials"):  # what a shard said
            for to, said in [*partials_of((key, value)), news_of((key, value))]:
                self.queues.setdefault(to, deque()).append(said)
        elif hasattr(value, "as_of") and not hasattr(value, "rows"):  # events for a step
            self.queues.setdefault(key, deque()).append(value)
            return
        for _, rows in rows_of((key, value)):
            self.rows.setdefault(rows.table, []).extend(rows.rows)

    def boards(self) -> list[ScopeBoard]:
        """The live state of every scope, as it stands now."""
        desks = [step for step in self.steps.values() if isinstance(step, DeskLogic)]
        return [board for desk in desks for board in desk.show()]

    def history(self, folder: Path) -> duckdb.DuckDBPyConnection:
        """What was written, through the views of a history in `folder`."""
        writer = HistoryWriter(folder)
        writer.manifest.create({})
        unsealed = Unsealed()
        for table, rows in self.rows.items():
            unsealed.add(table, rows)
        writer.stage(1, unsealed.tables())
        writer.publish(1)
        con = duckdb.connect(str(folder / DATABASE), read_only=True)  # quicker than `open_history`
        con.execute("set TimeZone = 'UTC'")
        return con
