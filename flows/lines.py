"""Reads whole lines from growing or finished files, by byte offset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

CHUNK = 256 * 1024


def open_bytes(path: Path) -> IO[bytes]:
    """`path` for reading, decompressed where its name ends in `.gz` or `.zst`."""
    codec = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    if codec is None:
        return path.open("rb")
    stream: Any = pa.input_stream(str(path), compression=codec)
    return stream  # type: ignore[no-any-return]


class LineReader:
    """Chunks of whole lines from `offset` on.

    A last line without its newline is returned by `rest` only: in a file that still grows it is
    torn, in a finished one it counts. Offsets are of the decompressed bytes.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = offset  # of the first byte not yet returned
        self._file = open_bytes(path)
        self._tail = b""
        if offset and path.suffix in (".gz", ".zst"):
            for start in range(0, offset, CHUNK):
                self._file.read(min(CHUNK, offset - start))
        elif offset:
            self._file.seek(offset)

    def next_chunk(self, size: int = CHUNK) -> bytes:
        """Whole lines, about `size` bytes of them; empty when there is no further whole line."""
        while True:
            data = self._file.read(size)
            if not data:
                return b""
            data = self._tail + data
            end = data.rfind(b"\n") + 1
            if end:
                self._tail = data[end:]
                self.offset += end
                return data[:end]
            self._tail = data

    def rest(self) -> bytes:
        """The last line of a finished file, where it has no newline."""
        rest, self._tail = self._tail, b""
        self.offset += len(rest)
        return rest

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def split_lines(chunk: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Lines of `chunk` with the offset of each; blank ones are passed over."""
    for line in chunk.split(b"\n"):
        if line.strip():
            yield offset, line
        offset += len(line) + 1
