"""Exports and compaction that `run` does by itself, each in a process beside the dataflow.

A process, not a thread: the dataflow keeps its interpreter to itself, and a job that fails or
hangs takes nothing with it. Whatever they write counts whole or not at all, so that a stop may cut
one at any moment.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from replywatch.flows.cli_errors import complain
from replywatch.flows.live import LiveMetrics
from replywatch.flows.settings import ScheduledExport, Settings
from replywatch.metrics.policy import parse_duration
from replywatch.metrics.times import NEVER, SECOND
from replywatch.sql.exports.intervals import DAILY

_LOOK_EVERY = 0.2  # seconds between two looks at a process that may have to stop


@dataclass(frozen=True)
class Job:
    """A command to be given every so many seconds; `name` is for messages."""

    name: str
    every: float
    command: Callable[[], list[str]]
    on_success: Callable[[], None] = lambda: None


def jobs_of(settings: Settings, config: Path | None, live: LiveMetrics) -> list[Job]:
    """The exports that the configuration file `config` names, and the compaction of its history."""
    jobs = [_export_job(export, config, live) for export in settings.exports if config is not None]
    if (every := parse_duration(settings.compact_every)) < NEVER:
        named = ["--config", str(config)] if config is not None else []
        command = _command("compact", *named, "--history", str(settings.history))
        jobs.append(Job("compaction", every / SECOND, lambda: command))
    return jobs


def command_of(export: ScheduledExport, config: Path, now: datetime) -> list[str]:
    """The command that makes an export of the last days."""
    first = now.astimezone(ZoneInfo(export.tz)).date() - timedelta(days=export.days - 1)
    return _command(
        *("export", "wfm", "--config", str(config)),
        *("--format", export.format, "--interval", export.interval, "--tz", export.tz),
        *("--from", first.isoformat(), "--output", f"{export.folder}/"),
    )


def _export_job(export: ScheduledExport, config: Path, live: LiveMetrics) -> Job:
    kind = f"{export.format}-{DAILY}" if export.interval == DAILY else export.format

    def succeeded() -> None:
        with live.lock:
            live.wfm_exported_at[kind] = time.time()

    return Job(
        f"export {kind} to {export.folder}",
        parse_duration(export.every) / SECOND,
        lambda: command_of(export, config, datetime.now(UTC)),
        succeeded,
    )


def _command(*arguments: str) -> list[str]:
    """A command of this program, at the lowest priority."""
    polite = ["nice", "-n", "19"] if shutil.which("nice") else []
    return [*polite, sys.executable, "-m", "replywatch.flows.cli", *arguments]


@contextmanager
def doing(jobs: Sequence[Job]) -> Iterator[None]:
    """Do the `jobs` while it lasts."""
    is_over = threading.Event()
    threads = [
        threading.Thread(target=_keep_doing, args=(job, is_over), daemon=True) for job in jobs
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def _keep_doing(job: Job, is_over: threading.Event) -> None:
    while not is_over.wait(job.every):
        error = _give(job.command(), is_over)
        if error is None:
            job.on_success()
        elif not is_over.is_set():
            complain(f"scheduled {job.name} failed: {error}")


def _give(command: list[str], is_over: threading.Event) -> str | None:
    """Run a command; what it complained of, `None` if it succeeded."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,  # Ctrl-C is for the service, which ends it
    )  # fmt: skip
    while True:
        try:
            _, said = process.communicate(timeout=_LOOK_EVERY)
        except subprocess.TimeoutExpired:
            if is_over.is_set():
                process.terminate()
            continue
        if process.returncode == 0:
            return None
        return (said.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
