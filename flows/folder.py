"""Live input: the JSONL files of a folder, as they grow.

Live and caught up, the source has everything older than the clock less the lateness, so that a
silent customer's deadline passes with no further event. While it is behind, it has what it has
read and no more: a backlog after an outage must not breach what was answered in time.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from pathlib import Path

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from replywatch.flows.cli_errors import complain
from replywatch.flows.damage import checked, with_checksum
from replywatch.flows.followed import Chunk, FileState, FollowedFile
from replywatch.flows.lines import CHUNK
from replywatch.flows.routing import Item, Router
from replywatch.flows.sources import LOOK_EVERY, PARTITION, LiveOptions, SourceError
from replywatch.metrics.events import Refused
from replywatch.metrics.times import SECOND

NAMES = re.compile(r"\.jsonl(\.\d+|\.gz|\.zst)?$")
"""Names of files that are read; one that was read keeps being so under any name."""

FIRST_READ = 2048
"""Bytes read of a file to know where in time it begins, before the others have their turn."""

HELD_OPEN = 100
"""Files held open at most, so that their last lines are read even if they are removed."""

LET_GO_AFTER = 60.0
"""Seconds without a change after which a file is no longer held open."""

GONE_AFTER = 10.0
"""Seconds without a change after which nobody is thought to write to a file that is gone."""

LOOKING_SHARE = 0.05
"""Share of the time that looking through a folder of very many files may take."""


@dataclass
class FolderOptions(LiveOptions):
    """What the source of a folder is told."""

    folder: Path


def _read_state(resume: bytes) -> dict[int, FileState]:
    return msgspec.msgpack.decode(checked(resume, "the folder"), type=dict[int, FileState])


class _FolderPartition(StatefulSourcePartition[Item, bytes]):
    def __init__(self, options: FolderOptions, router: Router, resume: bytes | None) -> None:
        self._options = options
        self._router = router
        states = {} if resume is None else _read_state(resume)
        self._files = {
            inode: FollowedFile(inode, options.folder / state.name, state)
            for inode, state in states.items()
        }
        router.highest = max((state.highest for state in states.values()), default=0)
        self._waiting: list[tuple[int, int, FollowedFile]] = []  # a heap by event time reached
        self._open: set[int] = set()
        self._told: set[int] = set()  # files of which was said that they wait
        self._look_again_at = 0.0  # monotonic seconds
        self._looked_at = router.floor  # by the wall clock
        self._sent = 0
        self._awake = datetime.now(UTC)
        self._is_stopped = False

    def next_batch(self) -> list[Item]:
        options, router = self._options, self._router
        if self._is_stopped:
            raise StopIteration
        if options.stop():
            self._is_stopped = True
            return router.flush(router.floor, is_stop=True)
        self._awake = datetime.now(UTC)
        if self._sent >= options.credit:
            self._awake += LOOK_EVERY / 10
            return []
        now, clock = options.now(), time.monotonic()
        if clock >= self._look_again_at:
            self._look(clock, now)
            self._looked_at = now
            took = time.monotonic() - clock
            self._look_again_at = clock + max(LOOK_EVERY.total_seconds(), took / LOOKING_SHARE)
        self._read(clock, now)
        if not self._waiting:
            until_look = timedelta(seconds=self._look_again_at - time.monotonic())
            self._awake += min(max(until_look, timedelta()), LOOK_EVERY)
        # Caught up, the clock is the wall's alone: an event stamped ahead of it must not hurry it.
        seen = min(self._looked_at, options.steady(router.highest))
        if self._waiting:
            seen = min(seen, self._waiting[0][0])
        router.floor = max(router.floor, seen - options.lateness)
        return router.flush(router.floor)

    # -- what there is ------------------------------------------------------------------------

    def _look(self, clock: float, now: int) -> None:
        """See which files there are, how long they are, and which are gone."""
        gone = dict(self._files)
        fresh = []
        with os.scandir(self._options.folder) as entries:
            for entry in entries:
                inode = _inode_of(entry)
                file = gone.pop(inode, None)
                if file is None:
                    if inode in self._files or not NAMES.search(entry.name) or not entry.is_file():
                        continue
                    file = FollowedFile(inode, Path(entry.path), FileState(entry.name))
                    self._files[inode] = file
                    fresh.append(file)
                self._see(file, entry, clock)
        for file in fresh:
            for other in [*gone.values()]:
                if other.state.name == file.state.name and file.go_on_from(other):
                    self._drop(gone.pop(other.inode))
        for file in gone.values():
            self._follow_to_its_end(file, clock, now)
        self._waiting = [
            (file.state.highest, inode, file)
            for inode, file in self._files.items()
            if file.is_unread
        ]
        heapify(self._waiting)

    def _see(self, file: FollowedFile, entry: os.DirEntry[str], clock: float) -> None:
        try:
            if not file.is_as_seen(entry.name, entry.stat()):
                file.look(Path(entry.path), clock)
        except FileNotFoundError:
            return  # moved away since the folder was listed
        except OSError as error:
            self._complain(file, f"can't be read, so it waits: {(error.strerror or '?').lower()}")
        self._hold_few(file, clock)

    def _complain(self, file: FollowedFile, why: str) -> None:
        if file.inode not in self._told:
            self._told.add(file.inode)
            complain(f"{file.path} {why}")

    def _hold_few(self, file: FollowedFile, clock: float) -> None:
        """Let go of a file that has been quiet for long, or is one too many."""
        if file.is_open:
            self._open.add(file.inode)
            is_quiet = not file.is_unread and clock - file.changed_at > LET_GO_AFTER
            if is_quiet and (waiting := file.state.size - file.taken):
                self._complain(file, f"has {waiting} bytes at its end that wait: not complete yet")
            if is_quiet or (len(self._open) > HELD_OPEN and not file.is_verifying):
                file.close()
        if not file.is_open:
            self._open.discard(file.inode)

    def _follow_to_its_end(self, file: FollowedFile, clock: float, now: int) -> None:
        """Read what is gone from the folder as long as somebody may write to it, then forget it."""
        state, source = file.state, str(file.path)
        if file.is_open:
            with suppress(SourceError):  # emptied before it was removed
                file.look(file.path, clock)
                if file.is_unread or clock - file.changed_at < GONE_AFTER:
                    return
            torn = file.take_torn()
            if torn.strip():
                refusal = Refused("malformed", "the file is gone before this line had its end")
                self._router.refuse(source, str(state.offset), refusal, torn, now)
        elif state.size > file.taken:
            unread = state.size - file.taken
            refusal = Refused("lost", f"the file is gone with {unread} bytes unread")
            self._router.refuse(source, str(state.offset), refusal, b"", now)
        self._drop(file)

    def _drop(self, file: FollowedFile) -> None:
        file.close()
        self._open.discard(file.inode)
        self._told.discard(file.inode)
        del self._files[file.inode]

    # -- reading ------------------------------------------------------------------------------

    def _read(self, clock: float, now: int) -> None:
        """Read about a chunk, each time of the file that is furthest behind in event time."""
        room = CHUNK
        while self._waiting and room > 0:
            _, inode, file = heappop(self._waiting)
            try:
                chunk = file.read(room if file.state.offset else FIRST_READ)
            except FileNotFoundError:
                continue  # moved away; the next look finds it, or that it is gone
            except OSError as error:
                self._complain(file, f"can't be read further: {(error.strerror or '?').lower()}")
                continue
            self._take(file, chunk, now)
            room -= max(len(chunk.lines), CHUNK // 8 if file.is_compressed else FIRST_READ)
            if file.is_unread:
                heappush(self._waiting, (file.state.highest, inode, file))
            self._hold_few(file, clock)

    def _take(self, file: FollowedFile, chunk: Chunk, now: int) -> None:
        router, source = self._router, str(file.path)
        before, router.highest = router.highest, file.state.highest
        if chunk.lines:
            events = router.take_lines(chunk.lines, source, chunk.start, now)
            self._sent += len(events)
            for event in events:
                self._options.observe_delay(max(now - event.time, 0) / SECOND)
        router.refuse_long(chunk.too_long, source, now)
        damage, file.damage = file.damage, None
        if damage is not None:
            router.refuse(source, str(file.state.base), Refused("lost", damage), b"", now)
        file.state.highest, router.highest = router.highest, max(before, router.highest)

    def next_awake(self) -> datetime | None:
        return self._awake

    def snapshot(self) -> bytes:
        self._sent = 0
        states = {inode: file.state for inode, file in self._files.items()}
        return with_checksum(msgspec.msgpack.encode(states))

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def _inode_of(entry: os.DirEntry[str]) -> int:
    """The number of the file itself where the entry is a link to one."""
    with suppress(OSError):  # it points nowhere
        return entry.stat().st_ino if entry.is_symlink() else entry.inode()
    return entry.inode()


class FolderSource(FixedPartitionedSource[Item, bytes]):
    """Every `*.jsonl` in a folder, by byte offset; a last line without newline is waited for.

    Also `*.jsonl.gz` and `*.jsonl.zst` once they are complete, and `*.jsonl.1` and so on, for a
    file is known by itself and not by its name. One that shrinks or holds other bytes than were
    read stops it. Delivery: after a crash it goes on at the byte after the last durable epoch's.
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
