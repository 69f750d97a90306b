"""Finished input: files replayed in their order of arrival, archives in their order of time.

A source reads, decodes and routes; with each batch it says how far it is (`as_of`), for it alone
can tell. In a replay that is the latest event time it has seen, less the lateness.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from replywatch.flows.damage import checked, with_checksum
from replywatch.flows.lines import CHUNK, LineReader
from replywatch.flows.pace import Pace
from replywatch.flows.routing import Item, Router
from replywatch.metrics.events import Event
from replywatch.metrics.rows import RejectedRow
from replywatch.metrics.times import NEVER

PARTITION = "events"
"""Key of every source's one partition; fixed, since a resumed flow must find it again."""

CREDIT = 50_000
"""Events a source sends an epoch with several workers: nothing else bounds what queues up."""

Partition = StatefulSourcePartition[Item, bytes]
Archive = tuple[list[Event], list[RejectedRow]]


LOOK_EVERY = timedelta(milliseconds=250)
"""How often live input is looked at, and the tick that lets deadlines pass in silence."""


class SourceError(RuntimeError):
    """Input that can't be read on without losing something; the message says what and where."""


@dataclass
class LiveOptions:
    """What every live source is told; `now` is the wall clock in microseconds (UTC).

    `steady` is the clock of deadlines, given the latest event's time; see `SteadyClock`.
    """

    lateness: int
    now: Callable[[], int]
    steady: Callable[[int], int]
    stop: Callable[[], bool]
    observe_delay: Callable[[float], None]  # seconds from an event's time to its arrival
    credit: int  # events sent before the engine must have closed an epoch


@dataclass
class Progress:
    """How much of a replay is read, for whoever watches it in this process."""

    total: int = 0
    done: int = 0

    @property
    def ratio(self) -> float | None:
        """0..1, or `None` where the total isn't known."""
        return min(self.done / self.total, 1.0) if self.total else None


@dataclass
class ReplayOptions:
    """What every replay is told. Instants and durations in microseconds.

    `lateness`: how long the watermark waits. `until`: where the clock ends, if after the last
    event. `stop`: asked before each batch. `speed`: event time a second, `None` for all it can.
    `credit`: events sent before the engine must have closed an epoch.
    """

    lateness: int
    until: int = 0
    stop: Callable[[], bool] = bool
    speed: float | None = None
    credit: int = NEVER
    progress: Progress = field(default_factory=Progress)


class _ReplayPartition(Partition):
    """Reads on until everything is read, then says once that the clock has ended."""

    def __init__(self, router: Router, options: ReplayOptions) -> None:
        self._router = router
        self._options = options
        self._pace = Pace(options.speed)
        self._sent = 0
        self._is_finished = False
        self._is_stopped = False

    @abstractmethod
    def read(self) -> bool:
        """Read some more into the router; `False` when there is no more."""

    @abstractmethod
    def seen(self) -> int:
        """The event time up to which everything was read, give or take the lateness."""

    def next_batch(self) -> list[Item]:
        """One batch for every shard; empty while credit or pace hold it back."""
        options, router = self._options, self._router
        if self._is_finished or self._is_stopped:
            raise StopIteration
        if options.stop():
            self._is_stopped = True
            return router.flush(self.seen() - options.lateness, is_stop=True)
        if self._sent >= options.credit or self._pace.is_ahead(router.highest):
            return []
        if self.read():
            return router.flush(self.seen() - options.lateness)
        self._is_finished = True
        return router.flush(max(router.highest, options.until), is_end=True)

    def next_awake(self) -> datetime | None:
        """Later only while a pace holds it back."""
        return self._pace.next_awake()


class _FilesState(msgspec.Struct):
    """How far each file is read: byte offset, latest event time; and whether all was said."""

    offsets: dict[str, int] = {}
    highest: dict[str, int] = {}
    done: set[str] = set()
    passing: set[str] = set()  # that are read up to within a line that is too long
    is_finished: bool = False


class _FilesPartition(_ReplayPartition):
    """Reads files side by side, always the one furthest behind in event time.

    So files that follow one another are read in turn, and those split from one stream together.
    """

    def __init__(
        self, files: list[Path], router: Router, options: ReplayOptions, resume: bytes | None
    ) -> None:
        super().__init__(router, options)
        state = (
            _FilesState()
            if resume is None
            else msgspec.json.decode(checked(resume, "the files"), type=_FilesState)
        )
        self._state = state
        self._is_finished = state.is_finished
        names = [str(path) for path in files if str(path) not in state.done]
        self._readers = {
            name: LineReader(
                Path(name), state.offsets.get(name, 0), is_passing_over=name in state.passing
            )
            for name in names
        }
        self._unread = {name for name in names if name not in state.highest}
        router.highest = max(state.highest.values(), default=0)

    def read(self) -> bool:
        while self._unread:  # the first events of each file say where it begins
            self._read_from(self._unread.pop())
        if not self._readers:
            return False
        self._read_from(min(self._readers, key=self._state.highest.__getitem__))
        return True

    def _read_from(self, name: str) -> None:
        state, reader, router = self._state, self._readers[name], self._router
        chunk = reader.next_chunk(self._pace.chunk_size(CHUNK))
        is_done = not chunk
        if is_done:
            chunk = reader.rest()
            reader.close()
            del self._readers[name]
            state.done.add(name)
        before, router.highest = router.highest, state.highest.get(name, 0)
        following = CHUNK if is_done or reader.is_passing_over else reader.pending
        events = router.take_lines(chunk, name, reader.start, None, following=following)
        reader.give_back(router.doubtful)
        self._sent += len(events)
        too_long, reader.too_long = reader.too_long, []
        router.refuse_long(too_long, name, router.highest)
        state.highest[name] = router.highest
        router.highest = max(before, router.highest)
        state.offsets[name] = reader.offset
        state.passing.discard(name)
        if reader.is_passing_over:
            state.passing.add(name)
        self._options.progress.done += len(chunk) - len(router.doubtful)

    def seen(self) -> int:
        reading = [self._state.highest.get(name, 0) for name in self._readers]
        return min(reading, default=self._router.highest)

    def snapshot(self) -> bytes:
        self._sent = 0
        self._state.is_finished = self._is_finished
        return with_checksum(msgspec.json.encode(self._state))

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()


class FilesSource(FixedPartitionedSource[Item, bytes]):
    """Finished files of events, plain or compressed, in their order of arrival.

    Delivery: after a crash it goes on at the byte after the last durable epoch's.
    """

    def __init__(
        self, files: list[Path], make_router: Callable[[str], Router], options: ReplayOptions
    ) -> None:
        self._files = files
        self._make_router = make_router
        self._options = options

    def list_parts(self) -> list[str]:
        """One partition, since files are merged by event time."""
        return [PARTITION]

    def build_part(self, step_id: str, for_part: str, resume_state: bytes | None) -> Partition:
        """A reader of all the files, from where `resume_state` says."""
        router = self._make_router(for_part)
        return _FilesPartition(self._files, router, self._options, resume_state)


class _ArchivePartition(_ReplayPartition):
    def __init__(
        self, archive: Archive, router: Router, options: ReplayOptions, resume: bytes | None
    ) -> None:
        super().__init__(router, options)
        self._events, refused = archive
        self._next = 0
        if resume is not None:
            self._next, self._is_finished = msgspec.json.decode(
                checked(resume, "the archive"), type=tuple[int, bool]
            )
            router.highest = self._events[self._next - 1].time if self._next else 0
        if self._next == 0 and not self._is_finished:
            router.refused += refused
        options.progress.total = len(self._events)

    def read(self) -> bool:
        events = self._events[self._next : self._next + self._pace.chunk_size(2000)]
        self._router.take(events)
        self._next += len(events)
        self._sent += len(events)
        self._options.progress.done = self._next
        return bool(events)

    def seen(self) -> int:
        return self._router.highest

    def snapshot(self) -> bytes:
        self._sent = 0
        return with_checksum(msgspec.json.encode((self._next, self._is_finished)))


class ArchiveSource(FixedPartitionedSource[Item, bytes]):
    """A whole archive, put in order of time by `load` before anything is replayed.

    `load` must give the same each time. Delivery: after a crash it loads again and goes on at the
    event after the last durable epoch's.
    """

    def __init__(
        self,
        load: Callable[[], Archive],
        make_router: Callable[[str], Router],
        options: ReplayOptions,
    ) -> None:
        self._load = load
        self._make_router = make_router
        self._options = options

    def list_parts(self) -> list[str]:
        """One partition: the archive is one sequence."""
        return [PARTITION]

    def build_part(self, step_id: str, for_part: str, resume_state: bytes | None) -> Partition:
        """A reader of the sorted events, from the one that `resume_state` says."""
        router = self._make_router(for_part)
        return _ArchivePartition(self._load(), router, self._options, resume_state)
