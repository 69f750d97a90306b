"""A digest of each table of a history that no order of rows, files or workers can change.

`python tests/digest.py DIR` prints one line a table: its name, its number of rows, and the
SHA-256 over its rows in the order of their key, all shown columns but `revision`, which counts
how often a row was written and not what it says.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Set
from pathlib import Path

import duckdb

from replywatch.sql.history import open_history
from replywatch.sql.schemas import TABLES, Table

UNTOLD = "revision"
"""The one shown column that may differ between two histories of the same events."""


def told_columns(table: Table, untold: Set[str] = frozenset({UNTOLD})) -> list[str]:
    """The columns a digest is made of, those of the key first."""
    names = [name for name, _ in table.columns if not name.startswith("_")]
    return [*table.key, *(name for name in names if name not in untold and name not in table.key)]


def table_digest(
    con: duckdb.DuckDBPyConnection, table: Table, untold: Set[str] = frozenset({UNTOLD})
) -> tuple[int, str]:
    """Number of rows of one table, and their SHA-256 in hex, columns `untold` left out."""
    types = {name: kind for name, kind, *_ in con.execute(f"describe {table.name}").fetchall()}
    columns = ", ".join(
        f'epoch_us("{name}")' if types[name].startswith("TIMESTAMP") else f'"{name}"'
        for name in told_columns(table, untold)
    )
    told = sorted(map(repr, con.execute(f"select {columns} from {table.name}").fetchall()))
    return len(told), hashlib.sha256("\n".join(told).encode()).hexdigest()


def digests(folder: Path) -> dict[str, tuple[int, str]]:
    """Rows and SHA-256 of every table of the history in `folder`."""
    con = open_history(folder)
    try:
        return {name: table_digest(con, table) for name, table in TABLES.items()}
    finally:
        con.close()


def main(arguments: list[str]) -> int:
    """Print the digests of the history in the folder named by the one argument."""
    if len(arguments) != 1:
        print("usage: python tests/digest.py DIR", file=sys.stderr)
        return 2
    for name, (count, digest) in digests(Path(arguments[0])).items():
        print(f"{name:<14}{count:>9}  {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
