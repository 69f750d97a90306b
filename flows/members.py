"""Who writes a history folder: one process, or the processes of one cluster.

`DIR/lock` is held by the only process, or by the cluster's first one; `DIR/lock.N` by each process
of a cluster. A lock file also says who holds it and how far that process is. So processes find
each other, stop together and end together, on one host or on several that share the folder.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import msgspec

from replywatch.flows.cli_errors import FAILURE, OK, complain, sentence, unwrapped
from replywatch.flows.cluster import ALONE, Cluster
from replywatch.flows.runner import StopFlag
from replywatch.sql.history import HistoryError

LOCK = "lock"
LOOK_EVERY = 0.2
"""Seconds between two looks at the other processes: how fast a stop reaches them."""

_PATIENCE = 0.4
"""Seconds for which a lock is tried: somebody may just be looking whether it is held."""

State = Literal["starting", "running", "stopping", "ended", "done"]
"""`done` is said by the first process of a replay that was finished before."""


class _Said(msgspec.Struct, frozen=True):
    pid: int
    host: str
    addresses: tuple[str, ...]
    state: State


class _Lock:
    """A lock file that this process holds, and says how far it is in."""

    def __init__(self, file: IO[bytes], cluster: Cluster) -> None:
        self._file = file
        self._said = _Said(os.getpid(), socket.gethostname(), cluster.addresses, "starting")
        self._is_saying = threading.Lock()

    def say(self, state: State, *, after: State | None = None) -> bool:
        """Let the others read it, right after `after` if that is given; whether it was right."""
        with self._is_saying:
            if after not in (None, self._said.state):
                return False
            self._said = msgspec.structs.replace(self._said, state=state)
            self._file.truncate(0)
            self._file.write(msgspec.json.encode(self._said))
            self._file.flush()
        return True


def _read(path: Path) -> _Said | None:
    """What a lock file says; `None` if nothing, or while it is being written."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Said)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def is_in_use(folder: Path) -> bool:
    """Whether a process writes this history now."""
    return _is_held(folder / LOCK)


def _is_held(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def _taken(path: Path, cluster: Cluster) -> Iterator[_Lock]:
    until = time.monotonic() + _PATIENCE
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise _in_use(path) from None
                time.sleep(0.05)
        lock = _Lock(file, cluster)
        lock.say("starting")
        yield lock


def _in_use(path: Path) -> HistoryError:
    said = _read(path)
    who = "?" if said is None else str(said.pid)
    if said is not None and said.host != socket.gethostname():
        who += f" on {said.host}"
    if said is not None and said.addresses:
        who += f", one of a cluster of {len(said.addresses)}"
    return HistoryError(
        f"{path.parent} is in use by process {who}; stop it first or choose another folder"
    )


@contextmanager
def claim(folder: Path, cluster: Cluster = ALONE) -> Iterator[_Lock]:
    """Hold the folder's lock; `HistoryError` says who does if somebody else has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with _taken(folder / LOCK, cluster) as lock:
        for path in folder.glob(f"{LOCK}.*"):  # of a cluster that has lost its first process
            with _taken(path, cluster):
                path.write_bytes(b"")
        yield lock


class Membership:
    """This process as one of those that write a folder.

    While it is open it watches the others: a stop that reached one reaches all, and when one dies
    this process ends too, with exit code 1, for the dataflow can't go on without it.
    """

    def __init__(self, folder: Path, cluster: Cluster, stop: StopFlag, lock: _Lock | None) -> None:
        self.cluster = cluster
        self._folder, self._stop, self._lock = folder, stop, lock
        self._own: _Lock | None = None
        self._seen: dict[int, int] = {}  # the process of each index
        self._is_complete = False  # all were there once
        self._is_over = threading.Event()

    @contextmanager
    def running(self, *, is_done: bool = False) -> Iterator[bool]:
        """Take part while it lasts; whether there is something to do.

        The first process lets the others in, unless it has found that all `is_done`.
        """
        if self.cluster.is_alone:
            yield not is_done
            return
        if self._lock is not None:
            self._lock.say("done" if is_done else "running")
        elif not self._is_let_in():
            is_done = True
        if is_done:
            yield False
            return
        with _taken(self._slot(self.cluster.index), self.cluster) as self._own:
            self._own.say("running")
            watch = threading.Thread(target=self._watch, daemon=True)
            watch.start()
            try:
                while not all(self._others().values()):  # the engine would wait, and hear no stop
                    time.sleep(0.05)
                self._is_complete = True
                yield True
            except BaseException as error:
                if sentence(unwrapped(error)) is None:
                    watch.join(2)  # if another died, the watch says so and ends this one
                raise
            finally:
                self._is_over.set()

    def end(self) -> None:
        """The dataflow has ended here; wait until it has everywhere.

        What the engine still has to send it sends in the background, while this process lives.
        """
        if self._own is None:
            return
        self._own.say("ended")
        while not all(
            said is not None and said.state == "ended" for said in self._others().values()
        ):
            time.sleep(0.02)

    def _slot(self, index: int) -> Path:
        return self._folder / f"{LOCK}.{index}"

    def _others(self) -> dict[int, _Said | None]:
        indexes = (index for index in range(self.cluster.size) if index != self.cluster.index)
        return {index: _read(self._slot(index)) for index in indexes}

    def _is_let_in(self) -> bool:
        """Wait for the first process; `False` if there is nothing to do."""
        path, told_at = self._folder / LOCK, time.monotonic() + 5
        refused_at: float | None = None
        while True:
            is_held, said = _is_held(path), _read(path)
            is_ours = said is not None and said.addresses == self.cluster.addresses
            state = said.state if said is not None and is_ours else None
            if state == "done":  # and it may be gone by now
                return False
            if state == "running" and is_held:
                return True
            if not is_held and (self._stop.is_set or self.cluster.is_orphan()):
                return False
            if is_held and said is not None and not is_ours:
                # The first process has a moment between taking the lock and saying so, in which
                # the file still tells of whoever held it before.
                refused_at = refused_at or time.monotonic() + _PATIENCE
                if time.monotonic() > refused_at:
                    raise _in_use(path)
            if self.cluster.parent is None and time.monotonic() > told_at:
                told_at += 3600
                complain(f"process {self.cluster.index} waits for process 0 of {self._folder}")
            time.sleep(0.1)

    # -- the others ---------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._is_over.wait(LOOK_EVERY):
            assert self._own is not None
            others = self._others()
            if any(said is not None and said.state == "stopping" for said in others.values()):
                self._stop.is_set = True
            if self._stop.is_set and self._own.say("stopping", after="running"):
                continue  # the others have until the next look to read it
            if self._stop.is_set and not self._is_complete and not all(others.values()):
                os._exit(OK)  # they never were all there, so nothing has begun
            lost = self._lost(others)
            if lost is not None:
                complain(f"process {lost} of {self.cluster.size} has ended, so all do")
                os._exit(FAILURE)

    def _lost(self, others: dict[int, _Said | None]) -> int | None:
        """The index of a process that is gone before its time."""
        if (failed := self.cluster.children.look()) is not None:
            return failed
        for index, said in others.items():
            if said is None:
                continue
            if self._seen.setdefault(index, said.pid) != said.pid:
                return index  # it was started again
            if said.state != "ended" and not _is_held(self._slot(index)):
                again = _read(self._slot(index))
                if again is None or again.state != "ended":
                    return index
        return 0 if self.cluster.is_orphan() else None


@contextmanager
def membership(folder: Path, cluster: Cluster, stop: StopFlag) -> Iterator[Membership]:
    """Claim `folder` for the cluster, or in another than its first process be let in later."""
    if not cluster.is_first:
        yield Membership(folder, cluster, stop, None)
        return
    with claim(folder, cluster) as lock:
        yield Membership(folder, cluster, stop, lock)
