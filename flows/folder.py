"""Live input: the JSONL files of a folder, as they grow.

Live and caught up, the source has everything older than the clock less the lateness, so that a
silent customer's deadline passes with no further event. While it is behind, it has what it has
read and no more: a backlog after an outage must not breach what was answered in time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from replywatch.flows.lines import CHUNK, LineReader
from replywatch.flows.routing import Item, Router
from replywatch.flows.sources import LOOK_EVERY, PARTITION, LiveOptions, SourceError
from replywatch.metrics.times import SECOND


@dataclass
class FolderOptions(LiveOptions):
    """What the source of a folder is told."""

    folder: Path


class _FileState(msgspec.Struct):
    """How far a file is read: byte offset, latest event time. It keeps them when it is renamed."""

    name: str
    offset: int = 0
    highest: int = 0


_STATE = dict[str, _FileState]
"""By inode."""


class _FolderPartition(StatefulSourcePartition[Item, bytes]):
    def __init__(self, options: FolderOptions, router: Router, resume: bytes | None) -> None:
        self._options = options
        self._router = router
        self._files: _STATE = {} if resume is None else msgspec.json.decode(resume, type=_STATE)
        router.highest = max((file.highest for file in self._files.values()), default=0)
        self._awake = datetime.now(UTC)
        self._is_stopped = False

    def next_batch(self) -> list[Item]:
        if self._is_stopped:
            raise StopIteration
        if self._options.stop():
            self._is_stopped = True
            return self._router.flush(self._router.floor, is_stop=True)
        now = self._options.now()
        paths = sorted(self._options.folder.glob("*.jsonl"))
        behind = [seen for path in paths if (seen := self._read(path, now)) is not None]
        self._awake = datetime.now(UTC)
        if not behind:
            self._awake += LOOK_EVERY
        # Caught up, the clock is the wall's alone: an event stamped ahead of it must not hurry it.
        seen = min([*behind, now])
        self._router.floor = max(self._router.floor, seen - self._options.lateness)
        return self._router.flush(self._router.floor)

    def _read(self, path: Path, now: int) -> int | None:
        """Take in the next whole lines of `path`; the event time reached if there are more."""
        try:
            status = path.stat()
        except FileNotFoundError:
            return None  # moved away since the folder was listed
        if not S_ISREG(status.st_mode):
            return None
        file = self._files.setdefault(str(status.st_ino), _FileState(path.name))
        if status.st_size < file.offset:
            if file.name == path.name:
                raise SourceError(
                    f"{path} shrank from at least {file.offset} to {status.st_size} bytes: what "
                    "was read can't be found again; give new events a new file"
                )
            file.offset = 0  # another file has the number of one that is gone
        file.name = path.name
        unread = status.st_size - file.offset
        if not unread:
            return None
        with closing(LineReader(path, file.offset)) as reader:
            chunk = reader.next_chunk()
        router = self._router
        before, router.highest = router.highest, file.highest
        for event in router.take_lines(chunk, str(path), file.offset, now):
            self._options.observe_delay(max(now - event.time, 0) / SECOND)
        file.highest, router.highest = router.highest, max(before, router.highest)
        file.offset += len(chunk)
        return file.highest if chunk and unread > CHUNK else None

    def next_awake(self) -> datetime | None:
        return self._awake

    def snapshot(self) -> bytes:
        return msgspec.json.encode(self._files)


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
