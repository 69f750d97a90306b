"""The history as SQL: one view a table over the published Parquet files.

`DIR/replywatch.duckdb` holds the views for any DuckDB client; it is replaced whole when files are
published, so a reader that opened it keeps a consistent picture and opens it anew for news.
`open_history` gives a read-only connection that can reach nothing but the history.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from threading import Lock, Thread
from uuid import uuid4

import duckdb

from replywatch.metrics.policy import PolicyBook
from replywatch.metrics.policy_text import book_from_text
from replywatch.sql.locks import hold
from replywatch.sql.manifest import ERASED, POLICY, DataFile, Manifest
from replywatch.sql.models import create_models, nps_macro
from replywatch.sql.schemas import TABLES
from replywatch.sql.views import Restating, create_view
from replywatch.sql.work import known_work, work_views

DATABASE = "replywatch.duckdb"
DATA = "history"
MEMORY = "1700MB"
"""What a query may hold at once; beyond that it goes on in a temporary folder, and more slowly."""


class HistoryError(Exception):
    """A history that can't be read or written; the message says which, and what to do."""


def create_empty(con: duckdb.DuckDBPyConnection) -> None:
    """Create the models over tables without rows, for `create_views` to fill.

    Models bound to files would open them once for each mention of a table.
    """
    con.execute("create schema raw")
    nothing = Restating([])
    for table in TABLES.values():
        con.execute(create_view(table, [], nothing, Path()))
    create_models(con)


def kept_policy(folder: Path) -> PolicyBook | None:
    """The policy that the history was made under; `None` for one that doesn't keep it."""
    kept = Manifest(folder).fact(POLICY)
    return None if kept is None else book_from_text(kept)


def prepare_database() -> None:
    """Bind the models beside what else there is to do: the first `write_database` waits for it."""

    def bind() -> None:
        with suppress(duckdb.Error, OSError):  # whoever waits meets it, too
            _empty_database()

    Thread(target=bind).start()


def _empty_database() -> bytes:
    """A database file with `create_empty` done; the models are bound once a process."""
    with _BINDING:
        return _bound()


_BINDING = Lock()


@cache
def _bound() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, DATABASE)
        with duckdb.connect(str(path)) as con:
            create_empty(con)
        return path.read_bytes()


def create_views(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Let the tables of `create_empty` show the files of `folder` that count now."""
    root = folder.resolve()
    manifest = Manifest(folder)
    files, work = manifest.files(), known_work(manifest)
    kept = kept_policy(folder)
    days = 7 if kept is None else kept.policies[-1].fcr_days
    con.execute(f"create or replace macro fcr_days() as {days}")
    is_erased_from = manifest.fact(ERASED) is not None
    con.execute(f"create or replace macro is_erased_from() as {is_erased_from}")
    if kept is not None:
        con.execute(nps_macro(kept.policies))
    restating = Restating(files)
    by_table: dict[str, list[DataFile]] = {name: [] for name in TABLES}
    for file in files:
        by_table[file.table].append(file)
    for name, table in TABLES.items():
        con.execute(create_view(table, by_table[name], restating, root))
    for statement in work_views(files, list(work.values()), restating, root):
        con.execute(statement)


def write_database(folder: Path) -> None:
    """Replace `replywatch.duckdb` by one whose views show the files that count now.

    The writer of the history and its upkeep both do; one at a time, or an older picture could
    replace a newer one.
    """
    fresh = folder / f".{DATABASE}.new"
    with hold(folder / f".{DATABASE}.lock"):
        # A writer that was killed here leaves its log, which DuckDB would take for this file's.
        fresh.with_name(f"{fresh.name}.wal").unlink(missing_ok=True)
        fresh.write_bytes(_empty_database())
        with duckdb.connect(str(fresh)) as con:
            create_views(con, folder)
        os.replace(fresh, folder / DATABASE)


def require_history(folder: Path) -> Manifest:
    """The manifest of the history in `folder`; `HistoryError` where there is none."""
    manifest = Manifest(folder)
    if not manifest.exists():
        raise HistoryError(
            f"no history in {folder}: there is no manifest; name the folder that --out wrote"
        )
    return manifest


def open_history(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection that reads the history in `folder`, and nothing else.

    Instants come back in UTC. Raises `HistoryError` where there is no history.
    """
    require_history(folder)
    con = duckdb.connect(config={"python_enable_replacements": False})
    con.execute("set TimeZone = 'UTC'")
    con.execute("set parquet_metadata_cache = true")
    con.execute("set enable_progress_bar = false")  # it would stand in the middle of a CSV
    con.execute(f"set memory_limit = '{MEMORY}'")
    spill = Path(gettempdir(), f"replywatch-{uuid4().hex}")  # made only when it is needed
    con.execute("set temp_directory = ?", [str(spill)])
    create_empty(con)
    create_views(con, folder)
    root = str(folder.resolve() / DATA).replace("'", "''")
    con.execute(f"set allowed_directories = ['{root}']")
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")
    return con
