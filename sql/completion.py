"""What a terminal adds to the SQL shell: line editing, a history, names completed with Tab."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

KEYWORDS = (
    *("select", "from", "where", "group", "order", "by", "having", "limit", "distinct", "filter"),
    *("count", "sum", "avg", "min", "max", "quantile_cont", "date_trunc", "interval", "describe"),
    *("join", "left", "using", "with", "as", "and", "or", "not", "null", "is", "in", "between"),
    *("case", "when", "then", "else", "end"),
)
COMMANDS = (".tables", ".schema", ".format", ".help", ".quit")
HISTORY_LINES = 1000


def list_columns(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """Every table's columns as (table, column, type), tables by name, columns in their order."""
    return con.execute(
        """
        select table_name, column_name, data_type
        from information_schema.columns
        where table_schema = 'main' and table_name not like '\\_%' escape '\\'
        order by table_name, ordinal_position
        """
    ).fetchall()


def complete(word: str, names: list[str]) -> list[str]:
    """The names that begin with `word`, in any case; after a dot (`sla.out`) only its columns."""
    prefix, dot, rest = word.rpartition(".")
    if prefix and dot:
        return [f"{prefix}.{name}" for name in names if name.startswith(rest.lower())]
    return [name for name in names if name.startswith(word.lower())]


@contextmanager
def with_line_editing(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Line editing while it lasts; without readline in this Python, nothing.

    The history lies in `$XDG_STATE_HOME/replywatch/sql_history`, readable by its owner alone; a
    folder that cannot be written means no history, never an error.
    """
    try:
        import readline
    except ImportError:
        yield
        return
    columns = list_columns(con)
    names = sorted({*KEYWORDS, *COMMANDS, *(t for t, _, _ in columns), *(c for _, c, _ in columns)})

    def completer(word: str, state: int) -> str | None:
        found = complete(word, names)
        return found[state] if state < len(found) else None

    readline.set_completer(completer)
    readline.set_completer_delims(" \t\n,;()=<>+-*/'\"")
    readline.parse_and_bind("tab: complete")
    readline.set_history_length(HISTORY_LINES)
    path = _history_path()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        readline.read_history_file(path)
    try:
        yield
    finally:
        readline.set_completer(None)
        with suppress(OSError):
            readline.write_history_file(path)


def _history_path() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state, "replywatch", "sql_history").expanduser()
