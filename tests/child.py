"""What a test runs as a process of its own, to be killed: a replay, or the live service.

`python child.py replay|run OPTIONS`, the options as JSON; `replays.Process` starts it.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from bytewax.dataflow import Dataflow
from bytewax.errors import BytewaxRuntimeError
from replays import a_replay, run

from replywatch.flows import stream
from replywatch.flows.cli_errors import report_error
from replywatch.flows.cluster import Cluster, in_processes
from replywatch.flows.exporter import serve
from replywatch.flows.pace import Pace
from replywatch.flows.runner import StopFlag
from replywatch.flows.settings import load_policy, load_settings
from replywatch.flows.sinks import HistorySink
from replywatch.flows.state_store import StateStore
from replywatch.flows.storage import StorageError
from replywatch.sql.writer import HistoryWriter


def _die_after(owner: Any, name: str, calls: int) -> None:
    """Let this process end as if killed, right after that many calls of a function."""
    real, counter = getattr(owner, name), itertools.count(1)

    def dying(*arguments: Any, **options: Any) -> Any:
        answer = real(*arguments, **options)
        if next(counter) == calls:
            os._exit(9)
        return answer

    setattr(owner, name, dying)


PLACES: dict[str, Any] = {
    "stage": HistoryWriter, "publish": HistoryWriter, "resume": HistoryWriter, "link": os,
    "fsync": os, "replace": os, "rename": Path, "rmtree": shutil,
    "save": StateStore, "go_back": StateStore,
}  # fmt: skip
"""Where `dies` lets a process die: functions of the writers of history and state, and of what the
former calls."""


def _publish_at_once() -> None:
    """Break the seal's two phases: it counts before its epoch is durable."""
    stage = HistoryWriter.stage

    def both(writer: HistoryWriter, sequence: int, tables: Any) -> None:
        stage(writer, sequence, tables)
        writer.publish(sequence)

    setattr(HistoryWriter, "stage", both)  # noqa: B010


def _forget_nothing() -> None:
    """Break the resume: seals that are not durable are published instead of made again."""

    def resume(writer: HistoryWriter, sequence: int) -> None:
        writer.staging.mkdir(parents=True, exist_ok=True)
        writer.publish_all()

    setattr(HistoryWriter, "resume", resume)  # noqa: B010


BREAKS = {"publish at once": _publish_at_once, "forget nothing": _forget_nothing}
"""Ways to break the writer on purpose, to see that a loop of kills would notice."""


def _replay_here(options: dict[str, Any]) -> int:
    """Replay; `epoch` (seconds) sets how often state is made durable. 3: stopped before the end.

    Every snapshot seals what there is; at a pace files are read in some thirty portions, so that on
    a slow machine a seal holds more than one. `dies` names a function of `PLACES`, and after which
    call of it the process is gone; `breaks` are names of `BREAKS`.
    """
    for name in options.pop("breaks", ()):
        BREAKS[name]()
    if "dies" in options:
        name, calls = options.pop("dies")
        _die_after(PLACES[name], name, calls)
    epoch = timedelta(seconds=options.pop("epoch", 5))
    stream.REPLAY_EPOCH = stream.SHARED_EPOCH = epoch

    def hasty(writer: HistoryWriter, _: float, *published: Any, **where: Any) -> HistorySink:
        return HistorySink(writer, 0, *published, **where)

    setattr(stream, "HistorySink", hasty)  # noqa: B010
    setattr(Pace, "chunk_size", lambda pace, full: full // 8)  # noqa: B010
    inputs = [Path(path) for path in options.pop("inputs")]
    print("starting", flush=True)
    out, processes = Path(options.pop("out")), options.pop("processes", 1)

    def part(cluster: Cluster) -> int:
        is_finished, _ = run(a_replay(out, inputs, cluster=cluster, **options))
        return 0 if is_finished or not cluster.is_first else 3

    return in_processes(processes, part)


def _read_the_time(clock: Path) -> None:
    """Let the wall clock that moves deadlines be the microseconds that stand in a file."""
    last = 0

    def read() -> int:
        nonlocal last
        last = max(last, int(clock.read_text() or 0))
        return last * 1000

    time.time_ns = read
    setattr(stream, "SteadyClock", lambda: lambda latest: read() // 1000)  # noqa: B010


def _run_here(options: dict[str, Any]) -> int:
    """Run the live service of a configuration; prints where its metrics are.

    `clock` names a file with the time; `workers` are threads of the engine.
    """
    if "dies" in options:
        name, calls = options["dies"]
        _die_after(PLACES[name], name, calls)
    if "clock" in options:
        _read_the_time(Path(options["clock"]))
    if "workers" in options:
        run_flow = getattr(stream, "run_flow")  # noqa: B009

        def with_more(flow: Dataflow, folder: Path, workers: int, *others: Any) -> None:
            run_flow(flow, folder, options["workers"], *others)

        setattr(stream, "run_flow", with_more)  # noqa: B010
    settings = load_settings(Path(options["config"]))
    policy = load_policy(settings.policy)

    def part(cluster: Cluster) -> int:
        live, stop = stream.live_metrics(settings, policy, "run"), StopFlag()
        with stop.on_signals():  # before anybody hears of it
            url, stop_serving = serve(live, "127.0.0.1", 0)
            sys.stdout.write(f"{url}\n")  # at once: other processes write there, too
            sys.stdout.flush()
            stream.run_live(settings, policy, live, stop, cluster)
            stop_serving()
        return 0

    if "index" in options:
        return part(Cluster(settings.cluster.addresses, options["index"]))
    return in_processes(options.get("processes", 1), part)


if __name__ == "__main__":
    try:
        sys.exit({"replay": _replay_here, "run": _run_here}[sys.argv[1]](json.loads(sys.argv[2])))
    except (StorageError, BytewaxRuntimeError) as error:  # the engine's is around one of ours
        sys.exit(report_error(error))
