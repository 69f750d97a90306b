"""One dataflow on several processes: which one this is, and how one command starts them all.

The processes connect to each other, and what they send is pickle: their addresses belong on
loopback, or on a network where nobody else can reach them.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from replywatch.flows.cli_errors import FAILURE, report_error
from replywatch.flows.routing import Item


class Children:
    """Processes that this one started, and how they ended."""

    def __init__(self) -> None:
        self._running: dict[int, int] = {}  # process to index
        self.codes: dict[int, int] = {}  # by index

    def add(self, pid: int, index: int) -> None:
        """Look after another one."""
        self._running[pid] = index

    def look(self, *, is_patient: bool = False) -> int | None:
        """The index of one that failed, `None` while none has; waits for all if told to."""
        for pid, index in list(self._running.items()):
            found, status = os.waitpid(pid, 0 if is_patient else os.WNOHANG)
            if found:
                del self._running[pid]
                self.codes[index] = os.waitstatus_to_exitcode(status)
        return next((index for index, code in self.codes.items() if code), None)

    def kill(self) -> None:
        """End those that still run."""
        for pid in self._running:
            os.kill(pid, signal.SIGKILL)
        self.look(is_patient=True)


@dataclass(frozen=True)
class Cluster:
    """Which process of how many this is; without `addresses` it is alone.

    `addresses` say, process by process, where each listens for the others. `parent` is the process
    that started this one and has to outlive it, if another of the cluster did.
    """

    addresses: tuple[str, ...] = ()
    index: int = 0
    parent: int | None = None
    children: Children = field(default_factory=Children)

    @property
    def size(self) -> int:
        """How many processes there are."""
        return max(len(self.addresses), 1)

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes the history and reads what only one can read."""
        return self.index == 0

    @property
    def is_alone(self) -> bool:
        """Whether there is no other process."""
        return self.size == 1

    def is_orphan(self) -> bool:
        """Whether the process that started this one is gone."""
        return self.parent is not None and os.getppid() != self.parent


ALONE = Cluster()


class Elsewhere(FixedPartitionedSource[Item, bytes]):
    """A source that the first process reads, as the others see it."""

    def list_parts(self) -> list[str]:
        """Nothing to read here."""
        return []

    def build_part(
        self, step_id: str, for_part: str, resume_state: bytes | None
    ) -> StatefulSourcePartition[Item, bytes]:
        """Never asked for."""
        raise NotImplementedError(for_part)


def in_processes(count: int, body: Callable[[Cluster], int]) -> int:
    """Call `body` in this process and in `count` - 1 children; the exit code of them all.

    When one fails all do; children die with their parent.
    """
    if count == 1:
        return body(ALONE)
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        return _in_processes(tuple(map(_free_address, sockets)), body)


def _in_processes(addresses: tuple[str, ...], body: Callable[[Cluster], int]) -> int:
    parent, children = os.getpid(), Children()
    sys.stdout.flush()
    sys.stderr.flush()
    for index in range(1, len(addresses)):
        pid = os.fork()
        if pid == 0:
            _leave(_outcome(body, Cluster(addresses, index, parent)))
        children.add(pid, index)
    code = _outcome(body, Cluster(addresses, children=children))
    if code:
        children.kill()
        _leave(code)
    return code if children.look(is_patient=True) is None else FAILURE


def _outcome(body: Callable[[Cluster], int], cluster: Cluster) -> int:
    try:
        return body(cluster)
    except BaseException as error:  # the engine's panics are no `Exception`
        return report_error(error)


def _leave(code: int) -> None:
    """End without the interpreter's tidying up: after a failure the engine's threads still run."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _free_address(reserved: socket.socket) -> str:
    """A port of loopback for the engine to listen at.

    While `reserved` is open nobody else is given the port; the engine, which reuses addresses as
    well, may listen there all the same.
    """
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return f"127.0.0.1:{reserved.getsockname()[1]}"
