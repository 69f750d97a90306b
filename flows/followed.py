"""One file of a folder that is followed: how far it is read, and whether it is still that file."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import IO
from zlib import crc32

import msgspec

from replywatch.flows.lines import CHUNK, CODECS, DamagedError, LineReader, decompressed
from replywatch.flows.sources import SourceError

CHECKED = 256
"""Bytes before the offset by which a file is known again."""

VERIFIED_AT_ONCE = 8 * 1024 * 1024
"""Bytes of text in compressed data that are looked through before other files have their turn."""


class FileState(msgspec.Struct, array_like=True):
    """How far a file is read. It keeps this when it is renamed.

    `offset` counts bytes of text, `size` bytes of the file when it was last looked at. Of a
    compressed file `taken` bytes are read, which gave `base` bytes of text; it is being read up to
    `until`, all that was complete when that began.
    """

    name: str
    offset: int = 0
    highest: int = 0  # latest event time, microseconds
    size: int = 0
    check: int = 0  # of the bytes before the offset
    is_passing_over: bool = False  # within a line that is too long
    taken: int = 0
    base: int = 0
    until: int = 0


@dataclass
class Chunk:
    """Whole lines with the offset of the first, and lines that were too long to be any."""

    lines: bytes
    start: int
    too_long: list[tuple[int, bytes]]


class FollowedFile:
    """A file that may grow, be renamed or be removed while it is read.

    It is held open while it may have more to say, so that what is removed is still read to its
    end. Compressed data counts once it is complete: what is written so far of a stream that is
    not waits, and a complete one ends its last line.
    """

    def __init__(self, inode: int, path: Path, state: FileState) -> None:
        self.inode = inode
        self.path = path
        self.state = state
        self.changed_at = inf  # monotonic seconds; it has yet to be looked at
        self.damage: str | None = None  # said once, by whoever asks
        self._file: IO[bytes] | None = None
        self._seen: tuple[int, int] | None = None  # size and mtime, nanoseconds
        self._is_settled = False  # whether the size was the same at two looks
        self._tried = -1  # size at which there was no whole line
        self._reader: LineReader | None = None
        self._verifying: Iterator[None] | None = None

    @property
    def is_compressed(self) -> bool:
        """Whether its name says so."""
        return self.path.suffix in CODECS

    @property
    def is_open(self) -> bool:
        """Whether it is held open."""
        return self._file is not None

    @property
    def is_verifying(self) -> bool:
        """Whether its compressed data is being looked through."""
        return self._verifying is not None

    @property
    def taken(self) -> int:
        """Bytes of the file that were read for good."""
        return self.state.taken if self.is_compressed else self.state.offset

    def look(self, path: Path, now: float) -> None:
        """See what there is now of the file, which is at `path`.

        Raises `SourceError` where it isn't the file that was read, `OSError` where it can't
        be opened.
        """
        name, self.path = self.state.name, path
        status = os.fstat(self._opened().fileno())
        seen = (status.st_size, status.st_mtime_ns)
        self._is_settled = seen == self._seen
        self.state.name = path.name
        if self._is_settled:
            return
        self.changed_at, self._tried = now, -1
        if not self._is_known(status.st_size):
            if name == path.name:
                raise SourceError(self._what_happened(status.st_size))
            self._forget()  # another file has the number of one that is gone
        self.state.size, self._seen = status.st_size, seen

    def is_as_seen(self, name: str, status: os.stat_result) -> bool:
        """Whether nothing has changed since it was looked at, and it had settled then."""
        seen = (status.st_size, status.st_mtime_ns)
        return self._is_settled and seen == self._seen and name == self.state.name

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            file = self.path.open("rb", buffering=0)
            if os.fstat(file.fileno()).st_ino != self.inode:
                file.close()
                raise FileNotFoundError(f"{self.path} is another file by now")
            self._file = file
        return self._file

    def _forget(self) -> None:
        self.state = FileState(self.path.name)
        self._tried, self._reader, self._verifying = -1, None, None

    def _is_known(self, size: int) -> bool:
        return size >= self.taken and self.state.check == self._check_before(self.taken)

    def _check_before(self, end: int) -> int:
        start = max(end - CHECKED, 0)
        return crc32(os.pread(self._opened().fileno(), end - start, start))

    def _what_happened(self, size: int) -> str:
        if size < self.taken:
            told = f"shrank from at least {self.taken} to {size} bytes"
        else:
            told = f"has other bytes before offset {self.taken} than were read there"
        return f"{self.path} {told}: what was read can't be found again; give new events a new file"

    def go_on_from(self, other: FollowedFile) -> bool:
        """Go on where `other` stood, if this is a longer copy that took its place."""
        offset = other.state.offset
        if self.is_compressed or not 0 < offset <= self.state.size:
            return False
        if other.state.check != self._check_before(offset):
            return False
        self.state = msgspec.structs.replace(
            other.state, name=self.state.name, size=self.state.size
        )
        return True

    @property
    def is_unread(self) -> bool:
        """Whether there is something to read now, as far as is known."""
        state = self.state
        if self._verifying is not None or state.until > state.taken:
            return True
        is_more = state.size > self.taken and state.size != self._tried
        return is_more and (self._is_settled or not self.is_compressed)

    def read(self, size: int) -> Chunk:
        """Some more whole lines; none where what there is isn't whole yet."""
        return self._read_compressed(size) if self.is_compressed else self._read_plain(size)

    def _read_plain(self, size: int) -> Chunk:
        state, file = self.state, self._opened()
        file.seek(state.offset)
        reader = LineReader(self.path, state.offset, file, is_passing_over=state.is_passing_over)
        chunk = self._taken_from(reader, reader.next_chunk(size))
        state.check = self._check_before(state.offset)
        if not chunk.lines:
            self._tried = state.size
        return chunk

    def _taken_from(self, reader: LineReader, lines: bytes) -> Chunk:
        self.state.offset, self.state.is_passing_over = reader.offset, reader.is_passing_over
        too_long, reader.too_long = reader.too_long, []
        return Chunk(lines, reader.start, too_long)

    def take_torn(self) -> bytes:
        """What follows the last whole line, of a file to which nothing is added any more."""
        state = self.state
        if self._file is None or self.is_compressed or state.is_passing_over:
            return b""
        return os.pread(self._file.fileno(), CHUNK, state.offset)

    # -- compressed ---------------------------------------------------------------------------

    def _read_compressed(self, size: int) -> Chunk:
        state = self.state
        if state.until <= state.taken:
            self._verify()
            return Chunk(b"", state.offset, [])
        if self._reader is None:
            part = self._part(state.taken, state.until)
            for start in range(state.base, state.offset, CHUNK):  # read in an earlier life
                part.read(min(CHUNK, state.offset - start))
            self._reader = LineReader(
                self.path, state.offset, part, is_passing_over=state.is_passing_over
            )
        reader = self._reader
        chunk = self._taken_from(reader, reader.next_chunk(size) or reader.rest())
        if not chunk.lines:
            reader.close()
            self._reader, state.is_passing_over = None, False
            state.taken, state.base, state.until = state.until, state.offset, 0
            state.check = self._check_before(state.taken)
        return chunk

    def _verify(self) -> None:
        """Go on looking whether the data is complete and sound; the next part of it, if so."""
        if self._verifying is None:
            self._verifying = self._look_through(self.state.taken, self.state.size)
        try:
            next(self._verifying)
            return
        except StopIteration:
            pass
        except DamagedError as error:
            self._tried = self.state.size
            self.damage = None if error.is_cut else str(error)
        self._verifying = None

    def _look_through(self, start: int, end: int) -> Iterator[None]:
        reader = LineReader(self.path, self.state.base, self._part(start, end))
        seen = 0
        while lines := reader.next_chunk():
            seen += len(lines)
            if seen >= VERIFIED_AT_ONCE:
                seen = 0
                yield
        reader.close()
        self.state.until = end

    def _part(self, start: int, end: int) -> IO[bytes]:
        part = io.BufferedReader(_Part(self._opened().fileno(), start, end), CHUNK)
        return decompressed(part, self.path.suffix)

    def close(self) -> None:
        """Let go of the file; a later look opens it again."""
        if self._file is not None:
            self._file.close()
        self._file = self._reader = self._verifying = None


class _Part(io.RawIOBase):
    """The bytes of an open file from `start` to `end`, which leaves its position alone."""

    def __init__(self, file: int, start: int, end: int) -> None:
        self._file, self._at, self._end = file, start, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = os.pread(self._file, min(len(buffer), self._end - self._at), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
