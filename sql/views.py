"""The view of a table as SQL over the files that count.

Most files of a compacted history need nothing but to be read: each key stands once in them and no
restatement voids a row. Only the others are deduplicated and checked against restatements, so
that the price of late data is paid for the days that have some.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import accumulate
from pathlib import Path

from replywatch.sql.manifest import DataFile
from replywatch.sql.schemas import ACTIONS, RESTATEMENTS, TABLES, Table

_DUCKDB_TYPES = {
    "timestamp[us, tz=UTC]": "timestamptz",
    "double": "double",
    "string": "varchar",
    "int64": "bigint",
    "int32": "integer",
    "bool": "boolean",
    "binary": "blob",
    "list<item: string>": "varchar[]",
    "list<item: double>": "double[]",
}


MANY_FILES = 200
"""Files of a table from which on a view keeps the quarters apart."""


class Restating:
    """The files of restatements, and which rows they may void."""

    def __init__(self, files: Iterable[DataFile]) -> None:
        said = [file for file in files if file.table == RESTATEMENTS.name]
        self.files = sorted(said, key=lambda file: file.sequence)
        self._sequences = [file.sequence for file in self.files]
        # The earliest date that any file from here on reaches back to.
        back_to = [file.reaches_back_to or "" for file in reversed(self.files)]
        self._earliest = [*reversed(list(accumulate(back_to, min)))]

    def voids(self, file: DataFile) -> bool:
        """Whether a restatement may void a row of `file`."""
        if not TABLES[file.table].of_conversation:
            return False
        later = bisect_right(self._sequences, file.applied)
        return later < len(self.files) and self._earliest[later] <= file.date

    def of(self, files: Sequence[DataFile]) -> list[DataFile]:
        """The files that may void a row of `files`."""
        if not any(map(self.voids, files)):
            return []
        applied = min(file.applied for file in files)
        date = max(file.date for file in files)
        return [
            said
            for said in self.files[bisect_right(self._sequences, applied) :]
            if (said.reaches_back_to or "") <= date
        ]


def create_view(
    table: Table,
    files: Sequence[DataFile],
    restating: Restating,
    root: Path,
    schema: str = "raw",
) -> str:
    """The statement that makes the view of `table`: no hidden columns, only what was said last.

    `files` are the table's that count, or whole days of them, below the folder `root`.
    """
    shown = ", ".join(f'"{name}"' for name, _ in table.columns if not name.startswith("_"))
    plain, rest = split(table, files, restating)
    sources = [
        f"select * from {read_files(some, root)} where {condition}"
        for condition, some in _by_quarter(table, plain)
    ]
    if rest:
        sources.append(select_rows(table, rest, restating.of(rest), root))
    parts = [f"(select {shown} from ({source}) where {table.shown_if})" for source in sources]
    return view_of(table, " union all ".join(parts), schema)


def plain_view(table: Table, files: Sequence[DataFile], root: Path) -> str:
    """The view of `table` if nothing had ever been revised or restated: what others are held to."""
    return view_of(table, f"select * from {read_files(files, root)}" if files else "")


def view_of(table: Table, query: str, schema: str = "raw") -> str:
    """The statement that makes the view of `table` from the rows of `query`."""
    shown = ", ".join(f'"{name}"' for name, _ in table.columns if not name.startswith("_"))
    query = query or _nothing(table)
    return f"create or replace view {schema}.{table.name} as select {shown} from ({query})"


def _by_quarter(table: Table, files: Sequence[DataFile]) -> list[tuple[str, list[DataFile]]]:
    """The files of each quarter with what is true of all their rows.

    A query of one month then opens the files of one quarter: DuckDB sees that the others' condition
    contradicts its own. Where there are few files, or another column may date a row, they stay
    together.
    """
    if len(files) < MANY_FILES or table.or_dated_by:
        return [("true", list(files))] if files else []
    quarters: dict[tuple[int, int], list[DataFile]] = {}
    for file in files:
        day = date.fromisoformat(file.date)
        quarters.setdefault((day.year, (day.month - 1) // 3), []).append(file)
    found = []
    for (year, quarter), some in sorted(quarters.items()):
        since, until = f"{year}-{quarter * 3 + 1:02}-01", f"{year}-{quarter * 3 + 4:02}-01"
        if quarter == 3:
            until = f"{year + 1}-01-01"
        column = f'"{table.dated_by}"'
        found.append(
            (
                f"{column} >= timestamptz '{since} 00:00:00+00' "
                f"and {column} < timestamptz '{until} 00:00:00+00'",
                some,
            )
        )
    return found


def split(
    table: Table, files: Sequence[DataFile], restating: Restating
) -> tuple[list[DataFile], list[DataFile]]:
    """The files whose rows stand as they are, and those that have to be looked at together."""
    per_date = Counter(file.date for file in files)
    is_dated = table.dated_by in table.key  # or revisions of a key may stand under two dates
    plain: list[DataFile] = []
    rest: list[DataFile] = []
    for file in files:
        is_alone = file.is_compacted and per_date[file.date] == 1 and is_dated
        is_plain = (is_alone or not table.is_revised) and not restating.voids(file)
        (plain if is_plain else rest).append(file)
    return plain, rest


def select_rows(
    table: Table, files: Sequence[DataFile], restating: Sequence[DataFile] | None, root: Path
) -> str:
    """A SELECT of all columns of the rows in force in `files`, which hold every revision of a key.

    `restating` are the files of restatements to apply; `None` takes the rows as they stand.
    """
    if restating is None:
        return f"select * from {read_files(files, root)}"
    steps = [f"raw as (select * from {read_files(files, root)})"]
    last = "raw"
    if table.of_conversation and restating:
        steps.append(
            f"""restated as (
                select conversation_id, from_opened_at, generation, restated_at
                from {read_files(restating, root)}
            )"""
        )
        # What came before the opening belongs to it all the same.
        since = 'coalesce(raw.opened_at, raw."at")' if table is ACTIONS else "raw.opened_at"
        steps.append(
            f"""in_force as (
                select raw.* from raw anti join restated
                on raw.conversation_id = restated.conversation_id
                and {since} >= restated.from_opened_at
                and {since} < restated.restated_at
                and raw._generation < restated.generation
            )"""
        )
        last = "in_force"
    if table.is_revised:
        key = ", ".join(f'"{name}"' for name in table.key)
        steps.append(
            f"""latest as (
                select * from {last}
                qualify row_number() over (partition by {key} order by revision desc) = 1
            )"""
        )
        last = "latest"
    return f"with {', '.join(steps)} select * from {last}"


def read_files(files: Iterable[DataFile | str], root: Path, options: str = "") -> str:
    """The table function that reads `files`, or files at these paths below `root`."""
    paths = (root / (file if isinstance(file, str) else file.path) for file in files)
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{listed}], hive_partitioning = false{options})"


def _nothing(table: Table) -> str:
    """No row, with the columns of `table`."""
    columns = ", ".join(
        f'null::{_DUCKDB_TYPES[str(kind)]} as "{name}"' for name, kind in table.columns
    )
    return f"select {columns} where false"
