"""Reads whole lines from growing or finished files, by byte offset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

CHUNK = 256 * 1024

LINE_CAP = 1024 * 1024
"""Bytes of the longest line that can be an event."""

HEAD = 4096
"""Bytes kept of a line that is longer."""

PASSED_AT_ONCE = 16 * 1024 * 1024
"""Bytes of such a line that are passed over before the caller is heard again."""

CODECS = {".gz": "gzip", ".zst": "zstd"}
"""What a file's name ends in, and how it is compressed."""

_BOM = b"\xef\xbb\xbf"


class DamagedError(RuntimeError):
    """Compressed data that can't be read on; the message says where. `is_cut`: there is no more."""

    def __init__(self, message: str, is_cut: bool) -> None:
        super().__init__(message)
        self.is_cut = is_cut


def decompressed(file: IO[bytes], suffix: str) -> IO[bytes]:
    """The text of `file`, which is compressed as `suffix` says."""
    stream: Any = pa.input_stream(file, compression=CODECS[suffix])
    return stream  # type: ignore[no-any-return]


def open_bytes(path: Path) -> IO[bytes]:
    """`path` for reading, decompressed where its name ends in `.gz` or `.zst`."""
    file = path.open("rb")
    return decompressed(file, path.suffix) if path.suffix in CODECS else file


class LineReader:
    """Chunks of whole lines from `offset` on; offsets are of the decompressed bytes.

    A last line without its newline is returned by `rest` only: in a file that still grows it is
    torn, in a finished one it counts. A line longer than `LINE_CAP` is never held: where it begins
    and its first bytes are noted in `too_long`, what follows of it is passed over. A byte order
    mark before the first line is no part of it. `stream` is read instead of opening `path`, from
    `offset` on, which it must stand at.
    """

    def __init__(
        self,
        path: Path,
        offset: int = 0,
        stream: IO[bytes] | None = None,
        *,
        is_passing_over: bool = False,
    ) -> None:
        self.path = path
        self.offset = offset  # of the first byte not yet returned or passed over
        self.start = offset  # of the chunk returned last
        self.too_long: list[tuple[int, bytes]] = []
        self.is_passing_over = is_passing_over  # whether it stands within a line that is too long
        self._file = open_bytes(path) if stream is None else stream
        self._tail = b""
        if stream is None:
            self._skip_to(offset)

    def _skip_to(self, offset: int) -> None:
        if self.path.suffix not in CODECS:
            self._file.seek(offset)
            return
        for start in range(0, offset, CHUNK):
            self._file.read(min(CHUNK, offset - start))

    def next_chunk(self, size: int = CHUNK) -> bytes:
        """Whole lines, about `size` bytes of them; empty when there is no further whole line.

        For each `PASSED_AT_ONCE` of a line that is too long there is one blank line.
        """
        passed = 0
        while data := self._read(size):
            if self.is_passing_over:
                end = data.find(b"\n") + 1
                self.offset += end or len(data)
                passed += len(data)
                self.is_passing_over = not end
                data = data[end:] if end else b""
                if not data and passed >= PASSED_AT_ONCE:
                    return b"\n"
            data = self._tail + data
            if len(data) > LINE_CAP:
                data = self._without_long(data)
            end = data.rfind(b"\n") + 1
            self._tail = data[end:]
            if end:
                return self._returned(data[:end])
        return b""

    def _without_long(self, data: bytes) -> bytes:
        """`data` without its first line if that is too long, as far as it goes."""
        end = data.find(b"\n")
        if 0 <= end <= LINE_CAP:
            return data
        self.too_long.append((self.offset, data[:HEAD]))
        self.is_passing_over = end < 0
        passed = len(data) if end < 0 else end + 1
        self.offset += passed
        return data[passed:]

    @property
    def pending(self) -> int:
        """Bytes known of the line after the chunk returned last."""
        return len(self._tail)

    def give_back(self, lines: bytes) -> None:
        """Return these last lines of the chunk returned last once more, before what follows."""
        self._tail = lines + self._tail
        self.offset -= len(lines)

    def rest(self) -> bytes:
        """The last line of a finished file, where it has no newline."""
        rest, self._tail = self._tail, b""
        return self._returned(rest)

    def _returned(self, lines: bytes) -> bytes:
        self.start = self.offset
        self.offset += len(lines)
        if not self.start and lines.startswith(_BOM):
            self.start = len(_BOM)
            return lines[self.start :]
        return lines

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            if error.errno is not None:
                raise
            reached = self.offset + len(self._tail)
            raise DamagedError(
                f"{self.path}: its compressed data can't be read on after {reached} bytes of text "
                f"({str(error).lower()}); give it anew, whole",
                is_cut="truncated" in str(error).lower(),
            ) from None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def split_lines(chunk: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Lines of `chunk` with the offset of each; blank ones are passed over."""
    for line in chunk.split(b"\n"):
        if line.strip():
            yield offset, line
        offset += len(line) + 1
