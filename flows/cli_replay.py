"""`replywatch replay`."""

from __future__ import annotations

import argparse
import os
import shlex
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from replywatch.flows.cli_args import (
    Commands,
    add_command,
    add_config,
    add_processes,
    count,
    duration,
    instant,
    policy_of,
    program_name,
    read_settings,
    speed,
)
from replywatch.flows.cli_errors import OK, Failure, UsageError, counted
from replywatch.metrics.times import HOUR

if TYPE_CHECKING:
    from replywatch.flows.stream import Replay

_EXAMPLES = """
replywatch replay events.jsonl --out out
replywatch replay monday.jsonl.gz tuesday.jsonl.gz --out out --lateness 10m
replywatch replay twcs.csv --format twcs --out out
replywatch replay events.jsonl --out out --until 2026-03-06T00:00:00Z
"""


LATE_SHARE = 0.1
"""Of the events: if more came late, it is said what that may come from."""

_LEAPT = (
    "so much is late where one line is stamped far ahead of those around it, which moves the clock "
    "there: look for such a line, or give --order time, which sorts an archive first"
)


def add_commands(commands: Commands) -> None:
    """Add `replay`."""
    parser = add_command(
        commands,
        "replay",
        _replay,
        help="turn files of events into a history, as fast as it goes",
        description="Replay files in event time into a history folder. The same input gives the "
        "same tables, whatever the order of arrival inside the lateness, the number of workers or "
        "the crashes between: given again, the command goes on where it was stopped.",
        examples=_EXAMPLES,
    )
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="files to replay")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="history folder")
    add_config(parser)
    parser.add_argument(
        "--format",
        choices=("events", "twcs"),
        default="events",
        help="JSON lines, or Kaggle's Customer Support on Twitter (default: events)",
    )
    parser.add_argument(
        "--order",
        choices=("time", "arrival"),
        help="time sorts an archive in memory first (default for twcs), arrival takes the lines as "
        "they came (default for events)",
    )
    parser.add_argument(
        "--lateness",
        type=duration,
        metavar="DURATION",
        help="how long the watermark waits for late events (default: 1h; 0 with --order time)",
    )
    parser.add_argument(
        "--until",
        type=instant,
        default=0,
        metavar="TIME",
        help="move the clock on to here after the last event, so that silence breaches",
    )
    parser.add_argument(
        "--workers", type=count, default=1, metavar="N", help="threads of the engine (default: 1)"
    )
    add_processes(parser)
    parser.add_argument(
        "--speed",
        type=speed,
        metavar="N",
        help="N times as fast as it happened (default: max, as fast as it goes)",
    )


def _replay(given: argparse.Namespace) -> int:
    from replywatch.flows.cluster import in_processes
    from replywatch.flows.members import claim

    asked = _asked_for(given)
    with claim(asked.out):  # if somebody else has it, say so before anything else
        pass
    return in_processes(
        given.processes, lambda cluster: _replay_in(replace(asked, cluster=cluster))
    )


def _replay_in(replay: Replay) -> int:
    from replywatch.flows.cli_engine_log import engine_log
    from replywatch.flows.cli_progress import ProgressLine
    from replywatch.flows.damage import refuse_damaged
    from replywatch.flows.runner import FINISHED
    from replywatch.flows.stream import live_metrics, replay_policy, run_replay
    from replywatch.sql.manifest import Manifest

    policy = policy_of(lambda: replay_policy(replay), replay.settings)
    live = live_metrics(replay.settings, policy, "replay")
    cluster = replay.cluster
    if not cluster.is_first:
        with engine_log(replay.out, cluster.index):
            run_replay(replay, policy, live)
        return OK
    refuse_damaged(replay.out)
    manifest = Manifest(replay.out)
    is_resumed = manifest.exists()
    is_old = is_resumed and manifest.fact(FINISHED) is not None
    began = time.monotonic()
    with engine_log(replay.out), ProgressLine(live, replay.progress):
        is_finished = run_replay(replay, policy, live)
    seconds = time.monotonic() - began
    if is_old:
        print("this replay was finished before: nothing to do")
    elif not is_finished:
        print("stopped; give the same command again to go on from here")
    if not is_old and not cluster.is_alone:
        print(f"{cluster.size} processes took {seconds:.1f} s")
    elif not is_old:
        since = " since it was resumed" if is_resumed else ""
        rejected = sum(live.rejected.values())
        print(f"{counted(live.events, 'event')} counted{since} in {seconds:.1f} s")
        print(f"{live.late:,} late, {rejected:,} rejected{since}")
        if live.late + live.rejected["forgotten"] > LATE_SHARE * live.events:
            print(_LEAPT)
    print(summary(replay.out))
    return OK


def _asked_for(given: argparse.Namespace) -> Replay:
    from replywatch.flows.formats import ORDERS
    from replywatch.flows.stream import Replay

    order = given.order or ORDERS[given.format]
    if given.format == "twcs" and order == "arrival":
        raise UsageError(
            "a twcs file does not lie in the order of arrival: leave --order arrival out"
        )
    lateness = given.lateness
    if lateness is None:
        lateness = 0 if order == "time" else HOUR
    check_inputs(given.inputs, given.format)
    return Replay(
        inputs=given.inputs,
        out=given.out,
        settings=read_settings(given),
        format=given.format,
        order=order,
        lateness=lateness,
        until=given.until,
        workers=given.workers,
        speed=given.speed,
    )


def check_inputs(paths: list[Path], form: str) -> None:
    """Raise what is wrong with the inputs of a replay before anything is written.

    They may be absent, no files, given twice, or of another format.
    """
    from replywatch.flows.lines import open_bytes
    from replywatch.flows.twcs_rows import read_twcs

    seen: dict[tuple[int, int], Path] = {}
    for path in paths:
        if not path.exists():
            raise Failure(f"no file at {path}; name one that exists")
        if path.is_dir():
            raise Failure(f"{path} is a folder; name the files in it, such as {path / '*.jsonl'}")
        if not path.is_file():
            raise Failure(f"{path} is no regular file, so a replay couldn't resume; save it first")
        status = path.stat()
        twin = seen.setdefault((status.st_dev, status.st_ino), path)
        if twin is not path:
            same = "is given twice" if twin == path else f"and {twin} are the same file"
            raise UsageError(f"{path} {same}; each input once")
        if not os.access(path, os.R_OK):
            raise Failure(f"{path} can't be read: permission denied; change its mode or its owner")
        try:
            with open_bytes(path) as file:
                file.read(1)
        except OSError as error:
            raise Failure(f"{path} can't be read: {error}; give it anew") from None
        if form == "twcs":
            next(read_twcs(path), None)


def summary(folder: Path) -> str:
    """What a history holds, and where it lies."""
    from replywatch.sql.history import open_history

    with closing(open_history(folder)) as con:
        row = con.execute(
            """
            select
                (select count(*) from conversations),
                (select count(*) from sla where outcome = 'missed'),
                (select count(*) from rejected)
            """
        ).fetchall()[0]
    conversations, missed, rejected = row
    return (
        f"{folder} holds {counted(conversations, 'conversation')}, "
        f"{counted(missed, 'missed deadline')}, {counted(rejected, 'rejected event')}\n"
        f"read it: {program_name()} report agents --history {shlex.quote(str(folder))}"
    )
