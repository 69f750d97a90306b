"""`replywatch run` on a topic, read slowly so that it can be killed on the way; a process to kill.

Its one argument is JSON: `config`, `processes`, `workers` (threads of each), and where it shall be
slow `messages` at once and `pause` (seconds) between them. `spoil` breaks it on purpose, to see
that it is found out.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from replywatch.flows import kafka_reader, stream
from replywatch.flows.cluster import Cluster, in_processes
from replywatch.flows.exporter import serve
from replywatch.flows.kafka_sink import Outlet
from replywatch.flows.runner import StopFlag, run_flow
from replywatch.flows.settings import load_policy, load_settings


def _slow_down(messages: int, pause: float) -> None:
    kafka_reader.MESSAGES = messages
    real = kafka_reader.Reader.next_batch

    def next_batch(reader: kafka_reader.Reader) -> Any:
        time.sleep(pause)
        return real(reader)

    setattr(kafka_reader.Reader, "next_batch", next_batch)  # noqa: B010


def _read_one_too_far() -> None:
    """Write down offsets one beyond what was read."""
    real = kafka_reader.Reader.snapshot

    def snapshot(reader: kafka_reader.Reader) -> bytes:
        for read in reader._read.values():
            read.offset += 1
        state = real(reader)
        for read in reader._read.values():
            read.offset -= 1
        return state

    setattr(kafka_reader.Reader, "snapshot", snapshot)  # noqa: B010


def _do_not_wait() -> None:
    """Hand notices over to the library, and don't wait until they have arrived."""
    setattr(Outlet, "_wait", lambda outlet: None)  # noqa: B010


SPOILS = {"offset": _read_one_too_far, "flush": _do_not_wait}


def main(options: dict[str, Any]) -> int:
    """Run until stopped."""
    settings = load_settings(Path(options["config"]))
    policy = load_policy(settings.policy)
    if "messages" in options:
        _slow_down(options["messages"], options["pause"])
    if "spoil" in options:
        SPOILS[options["spoil"]]()
    workers = options["workers"]

    def with_workers(flow: Any, folder: Path, _: int, *more: Any) -> None:
        run_flow(flow, folder, workers, *more)

    setattr(stream, "run_flow", with_workers)  # noqa: B010

    def part(cluster: Cluster) -> int:
        live = stream.live_metrics(settings, policy, "run")
        url, stop_serving = serve(live, "127.0.0.1", 0)
        if cluster.is_first:
            print(url, flush=True)
        stream.run_live(settings, policy, live, StopFlag(), cluster)
        stop_serving()
        return 0

    return in_processes(options["processes"], part)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
