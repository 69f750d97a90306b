"""Exports that `run` makes by itself, each in a process of its own beside the dataflow.

A process, not a thread: the dataflow keeps its interpreter to itself, and an export that fails or
hangs takes nothing with it. Files appear whole or not at all, so a stop may cut one at any moment.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from replywatch.flows.cli_errors import complain
from replywatch.flows.live import LiveMetrics
from replywatch.flows.settings import ScheduledExport
from replywatch.metrics.policy import parse_duration
from replywatch.metrics.times import SECOND

_LOOK_EVERY = 0.2  # seconds between two looks at a process that may have to stop


def command_of(export: ScheduledExport, config: Path, now: datetime) -> list[str]:
    """The command that makes an export of the last days, at the lowest priority."""
    first = now.astimezone(ZoneInfo(export.tz)).date() - timedelta(days=export.days - 1)
    polite = ["nice", "-n", "19"] if shutil.which("nice") else []
    return [
        *polite,
        *(sys.executable, "-m", "replywatch.flows.cli", "export", "wfm"),
        *("--config", str(config), "--format", export.format, "--interval", export.interval),
        *("--tz", export.tz, "--from", first.isoformat(), "--output", f"{export.folder}/"),
    ]


@contextmanager
def exporting(
    exports: Sequence[ScheduledExport], config: Path | None, live: LiveMetrics
) -> Iterator[None]:
    """Make the `exports` of the configuration file `config` while it lasts."""
    is_over = threading.Event()
    threads = [
        threading.Thread(target=_keep_exporting, args=(export, config, live, is_over), daemon=True)
        for export in exports
        if config is not None
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def _keep_exporting(
    export: ScheduledExport, config: Path, live: LiveMetrics, is_over: threading.Event
) -> None:
    every = parse_duration(export.every) / SECOND
    while not is_over.wait(every):
        error = _export(command_of(export, config, datetime.now(UTC)), is_over)
        if error is None:
            with live.lock:
                live.wfm_exported_at[export.format] = time.time()
        elif not is_over.is_set():
            complain(f"scheduled export {export.format} to {export.folder} failed: {error}")


def _export(command: list[str], is_over: threading.Event) -> str | None:
    """Run one export; what it complained of, `None` if it succeeded."""
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
