"""A result as a table for people, on a terminal or in a pipe."""

from __future__ import annotations

from typing import Any, TextIO

import pyarrow as pa
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from replywatch.sql.cells import human_text, plain_text, visible

MAX_ROWS = 1000
_GAP = 2  # columns between two cells


def print_table(
    rows: pa.Table,
    stream: TextIO,
    *,
    is_human: bool = True,
    width: int | None = None,
    max_rows: int = MAX_ROWS,
) -> None:
    """Writes `rows` as a table, with the title and the note that the schema's metadata holds.

    On a terminal, columns that do not fit stand in further blocks below, each with the leading
    columns again; in a pipe (or with `width=None` off a terminal) every row is one line, without
    colour or trailing spaces. `is_human` shows durations, ratios and names for people, else
    values and names stand as they are. Rows beyond `max_rows` are counted, not shown.
    """
    is_terminal = stream.isatty()
    console = Console(
        file=stream,
        force_terminal=is_terminal,
        color_system="auto" if is_terminal else None,
        highlight=False,
    )
    limit = width if width is not None else (console.width if is_terminal else None)
    said = {key: text.decode("utf-8") for key, text in (rows.schema.metadata or {}).items()}
    if (title := said.get(b"title")) is not None:
        _print(console, stream, Text(title, style="bold"))
    if rows.num_rows == 0:
        _print(console, stream, Text(": ".join(["no rows", *filter(None, [said.get(b"note")])])))
        return
    grid = _Grid(rows.slice(0, max_rows), is_human)
    for number, block in enumerate(grid.blocks(limit)):
        if number:
            _print(console, stream, Text())
        _print(console, stream, grid.table(block))
    if rows.num_rows > max_rows:
        rest = rows.num_rows - max_rows
        _print(console, stream, Text(f"… and {rest:,} more rows: csv, json and parquet have all"))
    if (note := said.get(b"note")) is not None:
        _print(console, stream, Text(note))


class _Grid:
    """The cells of a result as text, and how wide and how aligned each column is."""

    def __init__(self, rows: pa.Table, is_human: bool) -> None:
        names: list[str] = rows.column_names
        self._headings = [_heading(name) if is_human else visible(name) for name in names]
        self._is_number = [_is_number(column.type) for column in rows.schema]
        self._keys = _key_columns(rows)
        self._cells = [
            [human_text(name, value) if is_human else plain_text(value) for value in values]
            for name, values in zip(names, (c.to_pylist() for c in rows.columns), strict=True)
        ]
        self._widths = [
            max(cell_len(text) for text in (*heading.split("\n"), *cells))
            for heading, cells in zip(self._headings, self._cells, strict=True)
        ]

    def blocks(self, limit: int | None) -> list[list[int]]:
        """The columns of each block: all in one where `limit` allows, never fewer than one new."""
        keys, rest = list(range(self._keys)), range(self._keys, len(self._widths))
        blocks = [list(keys)]
        for column in rest:
            block = [*blocks[-1], column]
            fits = limit is None or sum(self._widths[i] + _GAP for i in block) - _GAP <= limit
            if fits or len(blocks[-1]) == len(keys):
                blocks[-1] = block
            else:
                blocks.append([*keys, column])
        return blocks

    def table(self, block: list[int]) -> Table:
        """The rich table of one block of columns."""
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for column in block:
            table.add_column(
                Text(self._headings[column]),
                justify="right" if self._is_number[column] else "left",
                vertical="bottom",
                no_wrap=True,
                min_width=self._widths[column],
            )
        for row in range(len(self._cells[0])):
            table.add_row(*(Text(self._cells[column][row]) for column in block))
        return table


def _print(console: Console, stream: TextIO, part: Table | Text) -> None:
    """Prints one part, off a terminal as plain lines that the stream's encoding can hold."""
    if console.is_terminal:
        console.print(part, soft_wrap=isinstance(part, Text))
        return
    wide = Console(width=100_000, color_system=None, force_terminal=False, legacy_windows=False)
    with wide.capture() as capture:
        wide.print(part, highlight=False)
    text = "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))


def _heading(name: str) -> str:
    """A column's name in words, one below the other: `published_p90_seconds` → published, p90."""
    for suffix in ("_seconds", "_ratio"):
        name = name.removesuffix(suffix)
    return visible(name).replace("_", "\n")


def _is_number(kind: Any) -> bool:
    """Whether a column of this type is aligned to the right."""
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _key_columns(rows: pa.Table) -> int:
    """How many leading columns name a row: the first, and the text columns after it."""
    count = 1
    for column in list(rows.schema)[1:]:
        if not pa.types.is_string(column.type) or count == 3:
            break
        count += 1
    return count
