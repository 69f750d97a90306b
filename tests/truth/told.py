"""What reports say and what plain SQL over the oracle's tables says, in one shape to compare."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, NamedTuple

import duckdb
from oracle.oracle import HERE

from replywatch.sql.reports import run_report

POLICY = tomllib.loads(files("replywatch.alerts").joinpath("policy.toml").read_text("utf-8"))
Con = duckdb.DuckDBPyConnection
Rows = list[tuple[Any, ...]]


class Pair(NamedTuple):
    """A history and the oracle's tables over the same events."""

    con: Con
    oracle: Con


def rows(con: Con, name: str, columns: str, **options: Any) -> Rows:
    """Some columns of a report, as `told` has them."""
    table = run_report(con, name, **options).select(columns.split())
    return rounded([tuple(row.values()) for row in table.to_pylist()])


def told(con: Con, query: str, values: dict[str, Any] | None = None) -> Rows:
    """What SQL over the oracle's tables says."""
    return rounded(con.execute(query, values).fetchall())


def rounded(found: Rows) -> Rows:
    """Rows in order, nulls first; doubles to the microsecond, instants as microseconds."""
    shown = [tuple(map(_plain, row)) for row in found]
    return sorted(shown, key=lambda row: [(value is not None, value) for value in row])


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return round(value, 6) if isinstance(value, float) else value


def judge_first_contacts(oracle: Con, now: int) -> None:
    """Make the oracle's table `fcr`, as of `now` (microseconds)."""
    oracle.execute(f"create table fcr_settings as select 7 as fcr_days, {now} as now_us")
    oracle.execute((HERE / "fcr.sql").read_text("utf-8"))
