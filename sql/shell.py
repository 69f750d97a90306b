"""SQL over the history: one query for a script, a shell for a person."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import duckdb
import pyarrow as pa

from replywatch.sql.completion import list_columns, with_line_editing
from replywatch.sql.render import FORMATS, RenderError, render

HELP = """\
End a statement with ; and it runs. Times are UTC, durations seconds; – is "no data".
.tables         the tables
.schema TABLE   the columns of a table, and what they mean
.format NAME    how results are shown: table, csv or json
.help           this text
.quit           leave (or Ctrl-D)
Try: select brand, count(*) from conversations group by all order by 2 desc;
"""


# What cannot change anything. A PIVOT is MULTI; DESCRIBE, SHOW and SUMMARIZE are SELECT.
_READING = (duckdb.StatementType.SELECT, duckdb.StatementType.MULTI)
# Narrow on purpose: no block comment, no quotes, so that what is left is what DuckDB would run.
_EXPLAIN = re.compile(
    r"(?:\s|--[^\n\r]*[\n\r])*explain\b\s*(?:(?:analyze|verbose)\b\s*)*(?:\([\w\s,]*\)\s*)?",
    re.IGNORECASE,
)

_BARE_AT = re.compile(r"(?<![\w\"'])at(?![\w\"']|\s+time\s+zone)", re.IGNORECASE)


class QueryError(ValueError):
    """A query that cannot be answered; the message is one line for the user."""


def run_query(
    con: duckdb.DuckDBPyConnection,
    query: str,
    fmt: str = "table",
    output: Path | None = None,
    stream: TextIO | None = None,
) -> None:
    """Runs the statements of `query` and renders what each returns, instants in UTC.

    Only statements that read are run: a connection that may read the history's folder may write
    there too, with COPY or ATTACH. Values and names stand as they are, in a table to six decimals.
    Several results can only go to a stream as tables; one result goes anywhere `render` can write.
    Raises `QueryError` and `RenderError`.
    """
    try:
        statements = con.extract_statements(query)
    except (duckdb.Error, UnicodeError) as error:
        hint = '; at is a word of SQL: write the column as "at"' if _BARE_AT.search(query) else ""
        raise QueryError(f"{_one_line(error)}{hint}") from error
    if not statements:
        raise QueryError("the query is empty: give a statement such as 'select 1'")
    if len(statements) > 1 and (fmt != "table" or output is not None):
        raise QueryError(
            f"the query has {len(statements)} statements: only --format table on standard output "
            "takes several"
        )
    for statement in statements:
        if not _is_reading(con, statement):
            kind = statement.type.name.replace("_", " ")
            raise QueryError(
                f"the history is read-only and {kind} may write: use select, describe, show, "
                "summarize, pivot or explain of these"
            )
        rows = _answer(con, statement)
        if rows is None:
            continue
        if statement.type == duckdb.StatementType.EXPLAIN and fmt == "table" and output is None:
            (stream or sys.stdout).write("".join(f"{plan}\n" for plan in rows[1].to_pylist()))
            continue
        try:
            render(rows, fmt, output, stream, is_human=False)
        except (ValueError, OverflowError, pa.ArrowException) as error:
            if isinstance(error, RenderError):
                raise
            raise QueryError(f"the result cannot be shown: {_one_line(error)}") from error


def run_shell(
    con: duckdb.DuckDBPyConnection,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
    fmt: str = "table",
) -> int:
    """Reads statements until the input ends or `.quit`; 0, or 1 if a piped statement failed.

    On a terminal it prompts, keeps a history and completes names with Tab. Otherwise it runs what
    it reads, the last statement also without its semicolon. An error is one line on `stderr`; the
    next statement runs all the same.
    """
    shell = _Shell(con, stdout or sys.stdout, stderr or sys.stderr, fmt)
    source = sys.stdin if stdin is None else stdin
    if source is sys.stdin and source.isatty():
        shell.say("Replywatch history, read-only. .help tells more.")
        with with_line_editing(con):
            shell.run(_prompted(shell))
        return 0
    shell.run(source)
    return 1 if shell.has_failed else 0


class _Shell:
    """Puts lines together to statements and runs them."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, stdout: TextIO, stderr: TextIO, fmt: str
    ) -> None:
        self._con = con
        self._stdout = stdout
        self._stderr = stderr
        self._fmt = fmt
        self._lines: list[str] = []
        self.has_failed = False
        self.is_done = False

    @property
    def is_inside(self) -> bool:
        """Whether a statement has begun and not ended."""
        return bool(self._lines)

    def say(self, text: str) -> None:
        """Writes one line or more of the shell's own."""
        self._stdout.write(f"{text}\n")

    def run(self, lines: Iterator[str] | TextIO) -> None:
        """Runs every line, then what is left without a semicolon."""
        for line in lines:
            self.take(line.rstrip("\n"))
            if self.is_done:
                return
        self._run_statement()

    def take(self, line: str) -> None:
        """One more line: a command of the shell, or a part of a statement."""
        if not self.is_inside and line.strip().startswith("."):
            self._run_command(*line.split())
            return
        if not self.is_inside and not line.strip():
            return
        self._lines.append(line)
        if sqlite3.complete_statement("\n".join(self._lines)):
            self._run_statement()

    def forget(self) -> None:
        """Drops the statement begun."""
        self._lines.clear()

    def _run_statement(self) -> None:
        query = "\n".join(self._lines)
        self._lines.clear()
        if not query.strip(" \t\n;"):
            return
        try:
            run_query(self._con, query, self._fmt, stream=self._stdout)
        except (QueryError, RenderError) as error:
            self._fail(str(error))
        except KeyboardInterrupt:
            self._con.interrupt()
            self._fail("interrupted")

    def _run_command(self, command: str, *arguments: str) -> None:
        match command, arguments:
            case ((".quit" | ".exit"), ()):
                self.is_done = True
            case ".help", ():
                self.say(HELP.rstrip())
            case ".tables", ():
                counts = Counter(table for table, _, _ in list_columns(self._con))
                self.say("\n".join(f"{name} ({count} columns)" for name, count in counts.items()))
            case ".schema", (table,):
                self._show_schema(table.rstrip(";"))
            case ".format", (fmt,) if fmt in FORMATS and fmt != "parquet":
                self._fmt = fmt
            case _:
                line = " ".join((command, *arguments))
                self._fail(f"cannot do '{line}': .help lists the commands of the shell")

    def _show_schema(self, wanted: str) -> None:
        columns = [row for row in list_columns(self._con) if row[0] == wanted.lower()]
        if not columns:
            self._fail(f"there is no table '{wanted}': .tables lists them")
            return
        from replywatch.sql.checks import column_meanings  # reads YAML, which few queries need

        about = column_meanings(wanted.lower())
        width, types = (max(len(column[at]) for column in columns) for at in (1, 2))
        for _, name, kind in columns:
            line = f"{name:{width}}  {kind.lower():{types}}  {about.get(name, '')}"
            self.say(line.rstrip())

    def _fail(self, message: str) -> None:
        self.has_failed = True
        self._stdout.flush()
        self._stderr.write(f"error: {message}\n")
        self._stderr.flush()


def _prompted(shell: _Shell) -> Iterator[str]:
    """Lines typed at the prompt; Ctrl-C drops the statement begun, Ctrl-D ends."""
    while True:
        try:
            yield input("   ...> " if shell.is_inside else "replywatch> ")
        except KeyboardInterrupt:
            shell.forget()
            shell.say("")
        except EOFError:
            shell.say("")
            return


def _is_reading(con: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> bool:
    """Whether a statement only reads; an EXPLAIN if what it explains does (ANALYZE runs it)."""
    if statement.type != duckdb.StatementType.EXPLAIN:
        return statement.type in _READING
    head = _EXPLAIN.match(statement.query)
    try:
        inner = con.extract_statements(statement.query[head.end() :]) if head else []
    except duckdb.Error:
        return False
    return bool(inner) and all(explained.type in _READING for explained in inner)


def _answer(con: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> pa.Table | None:
    """What a statement returns, instants in UTC and no two columns of one name."""
    if statement.named_parameters:
        names = ", ".join(f"${name}" for name in sorted(statement.named_parameters))
        raise QueryError(f"the query has the parameter {names}: write its value in its place")
    try:
        relation = con.sql(statement)
        if relation is None:
            return None
        rows = relation.to_arrow_table()
        return _in_utc(rows.rename_columns(_distinct(relation.columns)))
    except (duckdb.Error, pa.ArrowException) as error:
        raise QueryError(_one_line(error)) from error


def _in_utc(rows: pa.Table) -> pa.Table:
    """The rows with every instant in UTC, whatever the zone of the session."""
    fields = [
        field.with_type(pa.timestamp(field.type.unit, tz="UTC"))
        if pa.types.is_timestamp(field.type) and field.type.tz is not None
        else field
        for field in rows.schema
    ]
    return rows.cast(pa.schema(fields))


def _distinct(names: list[str]) -> list[str]:
    """The names, a second `n` as `n_2`."""
    taken = set(names)
    seen: set[str] = set()
    result = []
    for name in names:
        unique, count = name, 1
        while unique in seen or (count > 1 and unique in taken):
            count += 1
            unique = f"{name}_{count}"
        seen.add(unique)
        result.append(unique)
    return result


def _one_line(error: Exception) -> str:
    """An error's message on one line, without the picture of where in the query it stood."""
    text = str(error).split("\n\nLINE ")[0].split("\nLINE ")[0]
    line = " ".join(part.strip() for part in text.splitlines() if part.strip())
    kind, colon, rest = line.partition(": ")
    line = f"{kind.lower()}: {rest}" if colon and kind.endswith("Error") else line
    return line or type(error).__name__
