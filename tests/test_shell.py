"""The SQL shell and single queries."""

from __future__ import annotations

import io
import json
from pathlib import Path

import duckdb
import pytest
from small_history import sample

from replywatch.sql.completion import complete, list_columns
from replywatch.sql.shell import QueryError, run_query, run_shell


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    """The small history."""
    return sample()


def shell(con: duckdb.DuckDBPyConnection, text: str, fmt: str = "csv") -> tuple[int, str, str]:
    """The exit code, output and errors of a shell that reads `text` from a pipe."""
    out, err = io.StringIO(), io.StringIO()
    code = run_shell(con, io.StringIO(text), out, err, fmt)
    return code, out.getvalue(), err.getvalue()


def test_a_statement_may_take_several_lines(con: duckdb.DuckDBPyConnection) -> None:
    """It runs at its semicolon, the last one also without."""
    assert (0, "a\n1\nb\n2\n", "") == shell(con, "select 1\nas a;\n\nselect 2 as b")


def test_a_semicolon_inside_text_ends_nothing(con: duckdb.DuckDBPyConnection) -> None:
    """Quoted semicolons and lines that look like commands belong to the statement."""
    assert (0, 'a\n";\n.quit"\n', "") == shell(con, "select ';\n.quit' as a;")


def test_an_error_is_one_line_and_the_next_statement_runs(con: duckdb.DuckDBPyConnection) -> None:
    """A pipe with a failure ends with 1."""
    code, out, err = shell(con, "select nothing from sla;\nselect 1 as a;")
    assert (1, "a\n1\n") == (code, out)
    assert 1 == err.count("\n")
    assert err.startswith('error: binder error: Referenced column "nothing" not found')


def test_commands_tell_tables_and_columns(con: duckdb.DuckDBPyConnection) -> None:
    """`.tables` and `.schema` show names, types and what they mean, `.quit` ends."""
    code, out, _ = shell(
        con, ".tables\n.schema rejected\n.schema sla_days\n.schema WINDOWS\n.quit\nselect 1;"
    )
    assert 0 == code
    assert "rejected (6 columns)" in out
    assert "received_at  timestamp with time zone" in out
    assert "missed        bigint   clocks missed" in out
    assert "  start of the 5 minutes" in out
    assert "1" != out.splitlines()[-1]


def test_who_writes_the_column_at_bare_is_told_how(con: duckdb.DuckDBPyConnection) -> None:
    """DuckDB only says where it stopped; other errors come without the hint."""
    for query, is_told in (
        ("select at from messages", True),
        ('select "at" from from messages', False),
    ):
        with pytest.raises(QueryError) as error:
            run_query(con, query)
        assert is_told == str(error.value).endswith(
            '; at is a word of SQL: write the column as "at"'
        )


@pytest.mark.parametrize("line", [".nothing", ".schema", ".schema nothing", ".format parquet"])
def test_a_wrong_command_is_told_in_one_line(con: duckdb.DuckDBPyConnection, line: str) -> None:
    """The message says which command helps."""
    code, out, err = shell(con, line)
    assert (1, "", 1) == (code, out, err.count("\n"))
    assert ".help" in err or ".tables" in err


def test_format_changes_how_results_are_shown(con: duckdb.DuckDBPyConnection) -> None:
    """From `.format json` on, results are JSON."""
    _, out, _ = shell(con, ".format json\nselect 1 as a;")
    assert [{"a": 1}] == json.loads(out)


def test_a_query_goes_to_a_file(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Columns of one name are told apart and instants are in UTC."""
    output = tmp_path / "out.csv"
    run_query(con, "select 1 as a, 2 as a, timestamptz '2026-01-05 10:00+02' as t", "csv", output)
    assert "a,a_2,t\n1,2,2026-01-05T08:00:00Z\n" == output.read_text()


def test_a_plan_is_shown_as_it_is(con: duckdb.DuckDBPyConnection) -> None:
    """An EXPLAIN keeps its lines."""
    out = io.StringIO()
    run_query(con, "explain select 1", stream=out)
    assert "Projection" in out.getvalue()
    assert "\\n" not in out.getvalue()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "the query is empty: give a statement such as 'select 1'"),
        ("-- nothing", "the query is empty: give a statement such as 'select 1'"),
        ("selec 1", 'parser error: syntax error at or near "selec"'),
        ("select $x", "the query has the parameter $x: write its value in its place"),
        ("select timestamp 'infinity'", "the result cannot be shown: date value out of range"),
        ("select 1; select 2", "the query has 2 statements: only --format table on standard"),
    ],
)
def test_a_wrong_query_is_told_in_one_line(
    con: duckdb.DuckDBPyConnection, query: str, message: str
) -> None:
    """No traceback and no picture of the query."""
    with pytest.raises(QueryError) as error:
        run_query(con, query, "json", stream=io.StringIO())
    assert message == str(error.value)[: len(message)]
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "query",
    [
        "copy (select 1) to '{file}'",
        "explain analyze copy (select 1) to '{file}'",
        "explain (analyze) copy (select 1) to '{file}'",
        "/* explain select 1 -- */ explain analyze copy (select 1) to '{file}'",
        "/* /* */ explain select 1 -- */ */ explain analyze copy (select 1) to '{file}'",
        "explain (analyze/*)select 1--*/) copy (select 1) to '{file}'",
        "explain /* */ analyze copy (select 1) to '{file}'",
        "attach '{file}'",
        "export database '{file}'",
        "create table t as select 1",
        "drop table sla",
        "delete from sla",
        "set threads = 1",
    ],
)
def test_only_reading_statements_run(query: str, tmp_path: Path) -> None:
    """What could write is refused before it runs, also inside an EXPLAIN."""
    with pytest.raises(
        QueryError, match=r"the history is read-only and [A-Z]+ may write|syntax error"
    ):
        run_query(sample(), query.format(file=tmp_path / "file"))
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "query",
    [
        "from sla",
        "with a as (select 1) select * from a",
        "describe sla",
        "show tables",
        "summarize sla",
        "pivot sla on outcome using count(*) group by brand",
        "explain analyze select 1",
        "-- first\nexplain (format json) select 1",
    ],
)
def test_every_reading_statement_runs(con: duckdb.DuckDBPyConnection, query: str) -> None:
    """Descriptions, summaries, pivots and plans only read."""
    out = io.StringIO()
    run_query(con, query, stream=out)
    assert out.getvalue()


def test_names_are_completed(con: duckdb.DuckDBPyConnection) -> None:
    """A word becomes tables and columns, after a dot columns of that table's alias."""
    names = sorted({column for _, column, _ in list_columns(con)})
    assert ["replied_at", "reply_count"] == complete("repl", [n for n in names if n != "replies"])
    assert ["s.due_at"] == complete("s.due", names)
