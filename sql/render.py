"""Results out of the house: a table for people, CSV, JSON or Parquet; to a stream or a file."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from replywatch.sql.cells import csv_text, json_value
from replywatch.sql.text_table import print_table

FORMATS = ("table", "csv", "json", "parquet")


class RenderError(ValueError):
    """A result that cannot be written; the message is one line for the user."""


def render(
    rows: pa.Table,
    fmt: str = "table",
    output: Path | None = None,
    stream: TextIO | None = None,
    *,
    is_human: bool = True,
    width: int | None = None,
) -> None:
    """Writes `rows` as `fmt` to the file `output`, else to `stream` (default: standard output).

    A file appears whole or not at all: it is written beside its place and renamed. CSV, JSON and
    Parquet hold exact values (durations in seconds, instants in ISO 8601) in UTF-8, text cells of
    a CSV safe to open in a spreadsheet. `table` is for eyes: see `print_table` for `is_human` and
    `width`. Raises `RenderError`; a reader that closed its pipe shows as `BrokenPipeError`.
    """
    if fmt not in FORMATS:
        raise RenderError(f"unknown format '{fmt}': use one of {', '.join(FORMATS)}")
    if output is not None:
        with whole_file(output) as sink:
            _write(rows, fmt, sink, is_human, width)
        return
    stream = sys.stdout if stream is None else stream
    if fmt == "table":
        print_table(rows, stream, is_human=is_human, width=width)
        return
    if fmt == "parquet" and stream.isatty():
        raise RenderError("parquet is not for a terminal: give --output FILE or a pipe")
    buffer = getattr(stream, "buffer", None)
    if buffer is not None:
        stream.flush()
        _write(rows, fmt, buffer, is_human, width)
        buffer.flush()
    elif fmt == "parquet":
        raise RenderError("parquet is not text: give --output FILE or a pipe")
    else:
        memory = io.BytesIO()
        _write(rows, fmt, memory, is_human, width)
        stream.write(memory.getvalue().decode("utf-8"))


def _write(rows: pa.Table, fmt: str, sink: BinaryIO, is_human: bool, width: int | None) -> None:
    """Writes `rows` as bytes."""
    if fmt == "parquet":
        pq.write_table(rows, sink)
        return
    text = io.TextIOWrapper(sink, encoding="utf-8", newline="")
    try:
        if fmt == "table":
            print_table(rows, text, is_human=is_human, width=width)
        elif fmt == "csv":
            _write_csv(rows, text)
        else:
            _write_json(rows, text)
    finally:
        text.detach()  # or it would close the sink


def _write_csv(rows: pa.Table, text: TextIO) -> None:
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(csv_text(name) for name in rows.column_names)
    for values in _rows(rows):
        writer.writerow(csv_text(value) for value in values)


def _write_json(rows: pa.Table, text: TextIO) -> None:
    """An array of objects, one object a line."""
    separator = "[\n"
    for values in _rows(rows):
        ready = dict(zip(rows.column_names, map(json_value, values), strict=True))
        text.write(separator + json.dumps(ready, ensure_ascii=False, allow_nan=False))
        separator = ",\n"
    text.write("[]\n" if rows.num_rows == 0 else "\n]\n")


def _rows(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples of Python values, a batch in memory at a time."""
    for batch in rows.to_batches():
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def write_whole(output: Path, data: bytes) -> None:
    """Writes `data` to a file that appears whole or not at all."""
    with whole_file(output) as sink:
        sink.write(data)


@contextmanager
def whole_file(output: Path) -> Iterator[BinaryIO]:
    """A file that takes its place when written whole; a device or a pipe is written as it is."""
    target = output.resolve()
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as sink:
                yield sink
            return
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as sink:
                yield sink
                sink.flush()
                os.fsync(sink.fileno())
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RenderError(
            f"cannot write {output}: {reason}; give a file in a folder that exists and is writable"
        ) from error
