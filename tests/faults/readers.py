"""Readers that poll a history while it is written, killed and mended, and note what is wrong."""

from __future__ import annotations

import csv
import subprocess
import sys
import threading
from abc import abstractmethod
from pathlib import Path
from typing import Self

import duckdb

from replywatch.sql.schemas import TABLES, Table

COMMAND = Path(sys.executable).parent / "replywatch"


def key_of(table: Table) -> str:
    """The columns of a table's key, for a query."""
    return ", ".join(f'"{column}"' for column in table.key)


class Reader(threading.Thread):
    """Looks again and again until it is left; a `with` block starts and ends it.

    `doubled` and `retracted` count keys, `errors` says what went wrong in words.
    """

    def __init__(self, pause: float) -> None:
        super().__init__(daemon=True)
        self.pause = pause
        self.looks = self.doubled = self.retracted = 0
        self.errors: list[str] = []
        self._is_done = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_done.set()
        self.join()

    def run(self) -> None:
        """Pause and look, again and again, and once more at the end, however soon it comes."""
        is_last = False
        while not is_last:
            is_last = self._is_done.wait(self.pause)
            try:
                self.look()
            except (duckdb.Error, OSError, subprocess.SubprocessError) as error:
                self.errors.append(str(error))

    @abstractmethod
    def look(self) -> None:
        """Look once, if there is something to be seen."""

    @property
    def faults(self) -> list[str]:
        """Everything that was wrong, in words."""
        told = [f"a reader: {error}" for error in self.errors]
        if self.doubled:
            told.append(f"{self.doubled} keys were seen twice at once")
        if self.retracted:
            told.append(f"{self.retracted} rows were seen and not seen again")
        return told


def connect(database: Path) -> duckdb.DuckDBPyConnection:
    """As any client opens a history, but for the progress it would print among the figures."""
    con = duckdb.connect(str(database), read_only=True)
    con.execute("set enable_progress_bar = false")
    return con


class DatabaseReader(Reader):
    """A DuckDB client on `replywatch.duckdb`: each key once, and none that disappears."""

    def __init__(self, folder: Path, pause: float = 0.1) -> None:
        super().__init__(pause)
        self.database = folder / "replywatch.duckdb"
        self._seen: dict[str, set[int]] = {name: set() for name in TABLES}

    def look(self) -> None:
        """Look at every key of every table."""
        if not self.database.exists():
            return
        with connect(self.database) as con:
            for name, table in TABLES.items():
                found = con.execute(f"select hash({key_of(table)}) from {name}").fetchall()
                keys = {key for (key,) in found}
                self.doubled += len(found) - len(keys)
                self.retracted += len(self._seen[name] - keys)
                self._seen[name] = keys
        self.looks += 1


class CommandReader(Reader):
    """`replywatch sql`, a process a look: it answers, with each key once and never fewer rows."""

    QUERY = " union all ".join(
        f"select '{name}', count(*), count(distinct ({key_of(table)})) from {name}"
        for name, table in TABLES.items()
    )

    def __init__(self, folder: Path, pause: float = 1.0) -> None:
        super().__init__(pause)
        self.folder = folder
        self._rows = dict.fromkeys(TABLES, 0)

    def look(self) -> None:
        """Ask for the number of rows and keys of every table."""
        if not (self.folder / "replywatch.duckdb").exists():
            return
        asked = ["sql", "--history", str(self.folder), "--format", "csv", "-c", self.QUERY]
        done = subprocess.run(
            [str(COMMAND), *asked], capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            self.errors.append(f"replywatch sql exited with {done.returncode}: {done.stderr}")
            return
        for name, rows, keys in list(csv.reader(done.stdout.splitlines()))[1:]:
            self.doubled += int(rows) - int(keys)
            self.retracted += max(self._rows[name] - int(rows), 0)
            self._rows[name] = int(rows)
        self.looks += 1
