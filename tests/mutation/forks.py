"""Processes that come of a fork: one a mutant, several at once, and how each ended."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterable, Iterator

from mutation.plan import Case

KILLED, SURVIVED, OVERTIME = "killed", "survived", "out of time"


def limit(seconds: float) -> None:
    """Let this process live a multiple of that from now on; by the clock longer yet."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    whole = round(used.ru_utime + used.ru_stime + 3 + 4 * seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (whole, -1))
    signal.alarm(10 * whole)


def fork(is_well: Callable[[], bool]) -> int:
    """The id of a silent process that ends with 0 if all `is_well` there, else with 1."""
    if pid := os.fork():
        return pid
    code = 1
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        code = int(not is_well())
    finally:
        os._exit(code)


def ends(
    todo: Iterable[Case], start: Callable[[Case], int | None], jobs: int
) -> Iterator[tuple[Case, str, int]]:
    """Each mutant with its end and process, as they come; `None` for one that needs no process."""
    running: dict[int, Case] = {}
    waiting = iter(todo)
    while True:
        while len(running) < jobs and (case := next(waiting, None)):
            if pid := start(case):
                running[pid] = case
            else:
                yield case, SURVIVED, 0
        if not running:
            return
        pid, status = os.wait()
        yield running.pop(pid), _end(status), pid


def _end(status: int) -> str:
    if os.WIFSIGNALED(status):
        return OVERTIME
    return SURVIVED if os.WEXITSTATUS(status) == 0 else KILLED
