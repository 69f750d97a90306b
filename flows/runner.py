"""Runs a dataflow over a history folder: one instance at a time, resumed where it stopped.

`DIR` holds `history/` and `replywatch.duckdb` for readers, `manifest.sqlite`, and for the writer
`staging/`, `recovery/` (the engine's store; it is pickle, so its folder is private and must not
come from a stranger) and `lock`, with `lock.N` for each process of a cluster.
"""

from __future__ import annotations

import cProfile
import gc
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from replywatch.flows.dataflow import Plan, build
from replywatch.flows.state_store import RECOVERY
from replywatch.sql.history import HistoryError, write_database
from replywatch.sql.manifest import Manifest
from replywatch.sql.writer import HistoryWriter

if TYPE_CHECKING:
    from replywatch.flows.members import Membership

RECOVERY_PARTITIONS = 64
MADE_FROM, FINISHED = "made_from", "finished"


class StopFlag:
    """Set by SIGINT or SIGTERM; sources ask it before each batch, so that a stop is clean.

    In a cluster it is also set because another process was told to stop.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._has_caught = False

    def __call__(self) -> bool:
        return self.is_set

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Catch the signals while the flow runs; a second one interrupts at once.

        A first one doesn't, even if another process was heard of before: one that goes to all
        processes may reach this one late.
        """

        def stop(number: int, frame: object) -> None:
            if self._has_caught:
                raise KeyboardInterrupt
            self._has_caught = self.is_set = True

        before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def begin(folder: Path, made_from: str) -> bool:
    """Begin a history in `folder`, or check that it can be continued; whether it is finished.

    `made_from` names everything that decides what comes out; another one is refused, as is a
    history whose recovery state is gone.
    """
    writer = HistoryWriter(folder)
    recovery = folder / RECOVERY
    if recovery.is_dir():
        check_private(recovery)
    known = writer.manifest.fact(MADE_FROM) if writer.manifest.exists() else None
    if known is not None:  # a crash while it was made leaves a manifest without facts
        if known != made_from:
            raise HistoryError(
                f"{folder} holds a history that differs in {_difference(known, made_from)}; "
                "name another folder, or remove that one"
            )
        if not recovery.is_dir():
            raise HistoryError(
                f"{folder} has a history but no recovery state: continuing would double it; "
                "name another folder"
            )
        return writer.manifest.fact(FINISHED) is not None
    if not recovery.is_dir():
        fresh = folder / f"{RECOVERY}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        init_db_dir(fresh, RECOVERY_PARTITIONS)
        fresh.rename(recovery)
    writer.manifest.create({MADE_FROM: made_from})
    write_database(folder)
    return False


def check_private(recovery: Path) -> None:
    """Refuse a recovery folder that somebody else owns or can write to: the engine's part of it is
    pickle, so that whoever writes there has this process run what he likes."""
    status = recovery.stat()
    if status.st_uid != os.geteuid():
        raise HistoryError(
            f"{recovery} belongs to user {status.st_uid}, not to {os.geteuid()} who runs this: it "
            "could run commands here; let its owner run this, or name another folder"
        )
    if status.st_mode & 0o022:
        raise HistoryError(
            f"{recovery} can be written by others (mode {status.st_mode & 0o777:o}), who could "
            f"run commands here; if you trust what lies in it, chmod 700 {recovery}"
        )
    if status.st_mode & 0o077:
        recovery.chmod(0o700)


def is_cut_off(folder: Path) -> bool:
    """Whether the history in `folder` is that of a replay that has not come to its end."""
    manifest = Manifest(folder)
    known = manifest.fact(MADE_FROM)
    return known is not None and "run" not in json.loads(known) and not manifest.fact(FINISHED)


def _difference(known: str | None, wanted: str) -> str:
    """What two descriptions of a history, JSON objects, say differently."""
    was, is_now = json.loads(known or "{}"), json.loads(wanted)
    if ("run" in was) != ("run" in is_now):
        return "kind: one is a live service's, the other a replay's"
    return ", ".join(name for name in sorted({*was, *is_now}) if was.get(name) != is_now.get(name))


def run_flow(plan: Plan, folder: Path, workers: int, epoch: timedelta, member: Membership) -> None:
    """Run the dataflow of `plan` until its source ends or is stopped, then publish what was sealed.

    In a cluster that is once all processes have ended: until then a state may not be durable.
    `REPLYWATCH_PROFILE=FILE` writes a profile of it.
    """
    check_private(folder / RECOVERY)  # whichever process of a cluster this is
    # The heap grows with open conversations, which the collector would walk again and again.
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 1000)
    recovery = RecoveryConfig(str(folder / RECOVERY))
    flow, cluster = build(plan), member.cluster

    def go() -> None:
        cli_main(
            flow,
            workers_per_process=workers,
            process_id=None if cluster.is_alone else cluster.index,
            addresses=None if cluster.is_alone else list(cluster.addresses),
            epoch_interval=epoch,
            recovery_config=recovery,
        )

    try:
        profiled(go)
    except BaseException as error:
        if cluster.is_alone or plan.failures.first is None:
            raise
        raise plan.failures.first from error
    finally:
        # What stays frozen is never freed, and DuckDB complains of that at the interpreter's end.
        gc.unfreeze()
        gc.set_threshold(*before)
    member.end()
    if cluster.is_first:
        HistoryWriter(folder).publish_all()


def profiled(go: Callable[[], None]) -> None:
    """Call `go`, under the profiler where the environment asks for it."""
    target = os.environ.get("REPLYWATCH_PROFILE")
    if not target:
        go()
        return
    profile = cProfile.Profile()
    try:
        profile.runcall(go)
    finally:
        profile.dump_stats(target)
