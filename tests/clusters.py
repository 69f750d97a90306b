"""Clusters of processes in tests: which processes there are, and how to lose some of them."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from replays import Process, wait_for


def read_lock(path: Path) -> dict[str, Any]:
    """What a lock file says; nothing if it says nothing yet."""
    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return said


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Cluster:
    """The processes that one command has started over `folder`."""

    def __init__(self, process: Process, folder: Path, size: int) -> None:
        self.process, self.folder, self.size = process, folder, size

    def is_complete(self) -> bool:
        """Whether all of its processes are there."""
        if read_lock(self.folder / "lock").get("pid") != self.process.process.pid:
            return False
        return self.size == 1 or len(self.pids()) == self.size

    def wait(self) -> bool:
        """Wait until all are there; `False` if the command ended before."""
        process = self.process.process
        wait_for(lambda: self.is_complete() or process.poll() is not None, 30)
        return process.poll() is None

    def pids(self) -> list[int]:
        """Those that are there, the first process first."""
        others = (read_lock(self.folder / f"lock.{index}") for index in range(1, self.size))
        there = [one["pid"] for one in others if one and is_running(one["pid"])]
        return [self.process.process.pid, *there]

    def kill(self, *indexes: int) -> int:
        """Kill some of them (SIGKILL); the exit code of the command, once none is left."""
        pids = self.pids()
        for pid in (pid for index, pid in enumerate(pids) if index in indexes):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        code = self.process.finish(15)
        assert wait_for(lambda: not any(map(is_running, pids)))
        return code
