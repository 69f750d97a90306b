"""Checks of a history: what the `.yml` beside each model says of it, put to the data.

A check is a query that finds the rows that break it. Those of a model are: its columns are the ones
described, its key is unique and nowhere null, values are the accepted ones, what it refers to is
there, and the accounting identities hold.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from replywatch.sql.models import FOLDERS, read_models, tables_behind


@dataclass(frozen=True)
class Description:
    """What a model's `.yml` says: its grain in words, and its columns with unit and meaning.

    One that `is_costly` takes long to work out to few rows: that is done once for all its checks.
    """

    name: str
    grain: str
    columns: dict[str, dict[str, str]]
    key: tuple[str, ...] = ()
    nullable_in_key: tuple[str, ...] = ()
    not_null: tuple[str, ...] = ()
    accepted_values: dict[str, list[str]] | None = None
    relationships: tuple[dict[str, Any], ...] = ()
    identities: dict[str, str] | None = None
    is_costly: bool = False


@dataclass(frozen=True)
class Check:
    """One statement about a model; `query` finds the rows that break it."""

    model: str
    statement: str
    query: str


@dataclass(frozen=True)
class Failure:
    """A check that found rows: how many, and the first of them in words.

    `rows` are all of them, for a second look.
    """

    check: Check
    count: int
    example: str
    rows: pa.Table | None = None

    def __str__(self) -> str:
        rows = "1 row breaks" if self.count == 1 else f"{self.count:,} rows break"
        return f"{self.check.model}: {self.check.statement}: {rows} it, such as {self.example}"


@cache
def read_descriptions() -> dict[str, Description]:
    """The description of each model by name, in the models' order."""
    found = {}
    for folder in FOLDERS:
        for file in (resources.files(__package__) / folder).iterdir():
            if file.name.endswith(".yml"):
                name = file.name.removesuffix(".yml")
                found[name] = Description(name, **yaml.safe_load(file.read_text(encoding="utf-8")))
    return {name: found[name] for name in read_models()}


def column_meanings(table: str) -> dict[str, str]:
    """What each column of a table or model means, in words; nothing of one that isn't described."""
    known = read_descriptions()
    found = known.get(table) or known.get(f"stg_{table}")
    return {} if found is None else {name: of["about"] for name, of in found.columns.items()}


def list_checks(of: Description, dropped: Collection[str] = ()) -> list[Check]:
    """Every check of a model that can hold in a history of which days were `dropped`: none that
    compares such a table with another one."""
    checks = _all_checks(of)
    return [check for check in checks if not dropped or not _compares(check, dropped)]


def _all_checks(of: Description) -> list[Check]:
    checks = []
    if of.key:
        key = ", ".join(of.key)
        query = f"select {key} from {of.name} group by all having count(*) > 1"
        checks.append(Check(of.name, f"({key}) is unique", query))
    filled = [c for c in dict.fromkeys((*of.key, *of.not_null)) if c not in of.nullable_in_key]
    if filled:
        empty = " or ".join(f"{column} is null" for column in filled)
        query = f"select {', '.join(of.key or filled)} from {of.name} where {empty}"
        checks.append(Check(of.name, f"{', '.join(filled)} are not null", query))
    for column, values in (of.accepted_values or {}).items():
        listed = ", ".join(f"'{value}'" for value in values)
        query = f"select distinct {column} from {of.name} where {column} not in ({listed})"
        checks.append(Check(of.name, f"{column} is one of {', '.join(values)}", query))
    for relation in of.relationships:
        columns, other = ", ".join(relation["columns"]), relation["to"]
        filled_in = " and ".join(f"{column} is not null" for column in relation["columns"])
        query = (
            f"select distinct {columns} from {of.name} "
            f"anti join {other} using ({columns}) where {filled_in}"
        )
        checks.append(Check(of.name, f"({columns}) is in {other}", query))
    checks += [Check(of.name, name, query) for name, query in (of.identities or {}).items()]
    return checks


def _compares(check: Check, dropped: Collection[str]) -> bool:
    tables = tables_behind(check.query)
    return len(tables) > 1 and not tables.isdisjoint(dropped)


def check_history(
    con: duckdb.DuckDBPyConnection, dropped: Collection[str] = ()
) -> Iterator[Failure]:
    """Every failure of every model, as they are found; nothing means the history is sound."""
    for description in read_descriptions().values():
        yield from _check_columns(con, description)
        with _worked_out(con, description):
            for check in list_checks(description, dropped):
                yield from _run(con, check)


@contextmanager
def _worked_out(con: duckdb.DuckDBPyConnection, of: Description) -> Iterator[None]:
    """Let the name of a costly model mean a table of its rows."""
    if not of.is_costly:
        yield
        return
    con.execute(f"create temp table {of.name} as select * from main.{of.name}")
    try:
        yield
    finally:
        con.execute(f"drop table temp.{of.name}")


def look_again(con: duckdb.DuckDBPyConnection, failures: list[Failure]) -> Iterator[Failure]:
    """Those of `failures` that still hold, for the rows that still break them.

    In a history that is being written, a row may be there some seconds before the conversation that
    it refers to.
    """
    for failure in failures:
        if failure.rows is None:
            yield failure
            continue
        con.register("broken_before", failure.rows)
        still = f"select * from broken_before intersect ({failure.check.query})"
        yield from _run(con, replace(failure.check, query=still))


def _check_columns(con: duckdb.DuckDBPyConnection, of: Description) -> Iterator[Failure]:
    actual = [row[0] for row in con.sql(f"describe {of.name}").fetchall()]
    if odd := sorted(set(actual) ^ set(of.columns)):
        yield Failure(Check(of.name, "its columns are those described", ""), len(odd), odd[0])


def _run(con: duckdb.DuckDBPyConnection, check: Check) -> Iterator[Failure]:
    broken = con.sql(check.query).to_arrow_table()
    if broken.num_rows:
        first = broken.slice(0, 1).to_pylist()[0]
        example = ", ".join(f"{name} = {value}" for name, value in list(first.items())[:4])
        yield Failure(check, broken.num_rows, example, broken)
