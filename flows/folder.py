"""Live input: the JSONL files of a folder, as they grow.

Live and caught up, the source has everything older than the clock less the lateness, so that a
silent customer's deadline passes with no further event. While it is behind, it has what it has
read and no more: a backlog after an outage must not breach what was answered in time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from replywatch.flows.lines import CHUNK, LineReader
from replywatch.flows.routing import Item, Router
from replywatch.flows.sources import PARTITION
from replywatch.metrics.times import SECOND

LOOK_EVERY = timedelta(milliseconds=250)
"""How often the folder is looked at, and the tick that lets deadlines pass in silence."""


class SourceError(RuntimeError):
    """Input that can't be read on without losing something; the message says what and where."""


@dataclass
class FolderOptions:
    """What the live source is told; `now` is the wall clock in microseconds (UTC)."""

    folder: Path
    lateness: int
    now: Callable[[], int]
    stop: Callable[[], bool]
    observe_delay: Callable[[float], None]  # seconds from an event's time to its arrival


class _FolderState(msgspec.Struct):
    offsets: dict[str, int] = {}
    highest: int = 0


class _FolderPartition(StatefulSourcePartition[Item, bytes]):
    def __init__(self, options: FolderOptions, router: Router, resume: bytes | None) -> None:
        self._options = options
        self._router = router
        state = _FolderState() if resume is None else msgspec.json.decode(resume, type=_FolderState)
        self._offsets = state.offsets
        router.highest = state.highest
        self._readers: dict[str, LineReader] = {}
        self._awake = datetime.now(UTC)

    def next_batch(self) -> list[Item]:
        if self._options.stop():
            raise StopIteration
        now = self._options.now()
        files = sorted(self._options.folder.glob("*.jsonl"))
        have_more = [self._read(path, now) for path in files]
        is_behind = any(have_more)
        self._awake = datetime.now(UTC)
        if not is_behind:
            self._awake += LOOK_EVERY
        highest = self._router.highest
        seen = highest if is_behind else max(highest, now)
        self._router.floor = seen - self._options.lateness
        return self._router.flush(self._router.floor)

    def _read(self, path: Path, now: int) -> bool:
        """Take in the next whole lines of `path`; whether there is more to read at once."""
        name = path.name
        offset = self._offsets.get(name, 0)
        size = path.stat().st_size
        if size < offset:
            raise SourceError(
                f"{path} shrank from at least {offset} to {size} bytes: what was read can't be "
                "found again; give new events a new file"
            )
        if size == offset:
            return False
        reader = self._readers.get(name)
        if reader is None:
            reader = self._readers[name] = LineReader(path, offset)
        chunk = reader.next_chunk()
        for event in self._router.take_lines(chunk, str(path), offset, now):
            self._options.observe_delay(max(now - event.time, 0) / SECOND)
        self._offsets[name] = reader.offset
        return bool(chunk) and size - offset > CHUNK

    def next_awake(self) -> datetime | None:
        return self._awake

    def snapshot(self) -> bytes:
        return msgspec.json.encode(_FolderState(self._offsets, self._router.highest))


class FolderSource(FixedPartitionedSource[Item, bytes]):
    """Every `*.jsonl` in a folder, by byte offset; a last line without newline is waited for.

    Delivery: after a crash it goes on at the byte after the last durable epoch's.
    """

    def __init__(self, options: FolderOptions, make_router: Callable[[str], Router]) -> None:
        self._options = options
        self._make_router = make_router

    def list_parts(self) -> list[str]:
        """One partition for the folder."""
        return [PARTITION]

    def build_part(
        self, step_id: str, for_part: str, resume_state: bytes | None
    ) -> StatefulSourcePartition[Item, bytes]:
        """A reader of the folder, from where `resume_state` says."""
        return _FolderPartition(self._options, self._make_router(for_part), resume_state)
