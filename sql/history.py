"""The history as SQL: one view a table over the published Parquet files.

`DIR/replywatch.duckdb` holds the views for any DuckDB client; it is replaced whole when files are
published, so a reader that opened it keeps a consistent picture and opens it anew for news.
`open_history` gives a read-only connection that can reach nothing but the history.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from replywatch.sql.manifest import DataFile, Manifest
from replywatch.sql.schemas import RESTATEMENTS, TABLES, Table

DATABASE = "replywatch.duckdb"
DATA = "history"


class HistoryError(Exception):
    """A history that can't be read or written; the message says which, and what to do."""


_DUCKDB_TYPES = {
    "timestamp[us, tz=UTC]": "timestamptz",
    "double": "double",
    "string": "varchar",
    "int64": "bigint",
    "int32": "integer",
    "bool": "boolean",
    "binary": "blob",
}


def _source(table: Table, files: list[DataFile], root: Path) -> str:
    """The raw rows of a table as a SELECT; typed and empty where nothing was published yet."""
    paths = [str(root / file.path) for file in files if file.table == table.name]
    if paths:
        quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        return f"select * from read_parquet([{quoted}], hive_partitioning = false)"
    columns = ", ".join(
        f'null::{_DUCKDB_TYPES[str(kind)]} as "{name}"' for name, kind in table.columns
    )
    return f"select {columns} where false"


def _view(table: Table, files: list[DataFile], root: Path) -> str:
    """The view of a table: hidden columns left out, and only what was said last of each row."""
    shown = ", ".join(f'"{name}"' for name, _ in table.columns if not name.startswith("_"))
    steps = [f"raw as ({_source(table, files, root)})"]
    last = "raw"
    if table.of_conversation and any(file.table == RESTATEMENTS.name for file in files):
        steps.append(
            f"""restated as (
                select conversation_id, from_opened_at, generation, restated_at
                from ({_source(RESTATEMENTS, files, root)})
            )"""
        )
        steps.append(
            """in_force as (
                select raw.* from raw anti join restated
                on raw.conversation_id = restated.conversation_id
                and raw.opened_at >= restated.from_opened_at
                and raw.opened_at < restated.restated_at
                and raw._generation < restated.generation
            )"""
        )
        last = "in_force"
    if table.is_revised:
        key = ", ".join(table.key)
        steps.append(
            f"""latest as (
                select * from {last}
                qualify row_number() over (partition by {key} order by revision desc) = 1
            )"""
        )
        last = "latest"
    return (
        f"create view {table.name} as with {', '.join(steps)} "
        f"select {shown} from {last} where {table.shown_if}"
    )


def create_views(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Create the views of the history in `folder`, over the files that count now."""
    root = folder.resolve()
    files = Manifest(folder).files()
    for table in TABLES.values():
        con.execute(_view(table, files, root))


def write_database(folder: Path) -> None:
    """Replace `replywatch.duckdb` by one whose views show the files that count now."""
    fresh = folder / f".{DATABASE}.new"
    fresh.unlink(missing_ok=True)
    with duckdb.connect(str(fresh)) as con:
        create_views(con, folder)
    os.replace(fresh, folder / DATABASE)


def open_history(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection that reads the history in `folder`, and nothing else.

    Instants come back in UTC. Raises `HistoryError` where there is no history.
    """
    if not Manifest(folder).exists():
        raise HistoryError(
            f"no history in {folder}: there is no manifest; name the folder that --out wrote"
        )
    con = duckdb.connect(config={"python_enable_replacements": False})
    con.execute("set TimeZone = 'UTC'")
    create_views(con, folder)
    root = str(folder.resolve() / DATA).replace("'", "''")
    con.execute(f"set allowed_directories = ['{root}']")
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")
    return con
