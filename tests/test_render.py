"""Results as text, CSV, JSON and Parquet."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from replywatch.sql.cells import human_duration, human_text, plain_text
from replywatch.sql.render import RenderError, render

TEN = datetime(2026, 1, 5, 10, tzinfo=UTC)


def result() -> pa.Table:
    """Two rows with text, a count, a duration, a ratio, an instant and what is missing."""
    schema = pa.schema(
        [
            ("agent", pa.string()),
            ("replies", pa.int64()),
            ("mean_seconds", pa.float64()),
            ("attainment", pa.float64()),
            ("last_at", pa.timestamp("us", tz="UTC")),
        ],
        metadata={"title": "agents: a title"},
    )
    rows = [
        {
            "agent": "ana",
            "replies": 1312,
            "mean_seconds": 243.0,
            "attainment": 0.925,
            "last_at": TEN,
        },
        {"agent": "=1+1", "replies": -5},
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def text_of(rows: pa.Table, fmt: str, **options: Any) -> str:
    """What `render` writes to a stream that is no terminal."""
    stream = io.StringIO()
    render(rows, fmt, stream=stream, **options)
    return stream.getvalue()


def test_a_table_is_for_eyes() -> None:
    """Durations, ratios and counts are readable, numbers stand right, no data is a dash."""
    lines = text_of(result(), "table").splitlines()
    assert "agents: a title" == lines[0]
    assert ["last", "agent", "replies", "mean", "attainment", "at"] == " ".join(lines[1:3]).split()
    assert "ana      1,312  4m 03s       92.5%  2026-01-05 10:00:00" == lines[4]
    assert "=1+1        -5       –           –  –" == lines[5]
    assert all(line == line.rstrip() for line in lines)


def test_a_table_that_does_not_fit_goes_on_below() -> None:
    """Each block repeats the column that names the row."""
    lines = text_of(result(), "table", width=26).splitlines()
    assert 3 == sum(line.startswith("ana ") for line in lines)
    assert 26 >= max(len(line) for line in lines)


def test_a_plain_table_shows_values_as_they_are() -> None:
    """For SQL no duration is put in words and no name is shortened."""
    text = text_of(result(), "table", is_human=False)
    assert "mean_seconds" in text
    assert "243.0" in text
    assert "2026-01-05T10:00:00Z" in text


def test_a_table_counts_the_rows_that_it_leaves_out() -> None:
    """Beyond a thousand rows a table says how many more there are."""
    text = text_of(pa.table({"n": list(range(1200))}), "table")
    assert "… and 200 more rows: csv, json and parquet have all" == text.splitlines()[-1]


def test_an_empty_table_says_so() -> None:
    """No rows are told in words below the title."""
    assert "agents: a title\nno rows\n" == text_of(result().slice(0, 0), "table")


def test_text_cannot_reach_the_terminal_as_commands() -> None:
    """Escapes, line breaks and marks that turn the text around are shown, not obeyed."""
    rows = pa.table({"text": ["\x1b[31m[bold]a\nb\u202e"]})
    last_line = text_of(rows, "table").splitlines()[-1]
    assert "\\x1b[31m[bold]a\\nb\\u202e" == last_line


def test_long_text_is_cut_in_a_table_and_whole_elsewhere() -> None:
    """A table shows the first 59 characters and an ellipsis."""
    rows = pa.table({"text": ["x" * 100]})
    assert "x" * 59 + "…" == text_of(rows, "table").splitlines()[-1]
    assert "x" * 100 == text_of(rows, "csv").splitlines()[-1]


def test_csv_is_safe_in_a_spreadsheet() -> None:
    """Text that would run as a formula is quoted with an apostrophe, a number is left alone."""
    expected = """\
agent,replies,mean_seconds,attainment,last_at
ana,1312,243.0,0.925,2026-01-05T10:00:00Z
'=1+1,-5,,,
"""
    assert expected == text_of(result(), "csv")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_every_start_of_a_formula_is_quoted(start: str) -> None:
    """All six starts are quoted in cells and in column names."""
    text = text_of(pa.table({f"{start}n": [f"{start}x"]}), "csv")
    assert [f"'{start}n", f"'{start}x"] == [line.strip('"') for line in text.split("\n")][:2]


def test_json_comes_back_as_it_was() -> None:
    """An array of objects with null for no data and instants as text."""
    expected = [
        {
            "agent": "ana",
            "replies": 1312,
            "mean_seconds": 243.0,
            "attainment": 0.925,
            "last_at": "2026-01-05T10:00:00Z",
        },
        {
            "agent": "=1+1",
            "replies": -5,
            "mean_seconds": None,
            "attainment": None,
            "last_at": None,
        },
    ]
    assert expected == json.loads(text_of(result(), "json"))
    assert [] == json.loads(text_of(result().slice(0, 0), "json"))


def test_json_holds_every_kind_of_value() -> None:
    """What JSON has no word for becomes text or null."""
    berlin = pa.array([TEN], pa.timestamp("us", tz="Europe/Berlin"))
    rows = pa.table(
        {
            "instant": berlin,
            "day": [date(2026, 1, 5)],
            "sum": [Decimal("3")],
            "share": [Decimal("0.5")],
            "nan": [float("nan")],
            "raw": [b"a\xff"],
            "list": [[1, None]],
        }
    )
    expected = {
        "instant": "2026-01-05T11:00:00+01:00",
        "day": "2026-01-05",
        "sum": 3,
        "share": 0.5,
        "nan": None,
        "raw": "a\\xff",
        "list": [1, None],
    }
    assert [expected] == json.loads(text_of(rows, "json"))


def test_parquet_comes_back_as_it_was(tmp_path: Path) -> None:
    """Values, types and the title survive."""
    render(result(), "parquet", tmp_path / "out.parquet")
    read = pq.read_table(tmp_path / "out.parquet")
    assert result() == read
    assert result().schema.equals(read.schema, check_metadata=True)


@pytest.mark.parametrize("fmt", ["table", "csv", "json"])
def test_a_file_holds_what_a_stream_gets(fmt: str, tmp_path: Path) -> None:
    """The file replaces the one before and leaves nothing beside it."""
    output = tmp_path / "out"
    output.write_text("before")
    render(result(), fmt, output)
    assert text_of(result(), fmt) == output.read_text(encoding="utf-8")
    assert [output] == list(tmp_path.iterdir())


def test_a_file_that_fails_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When writing breaks off, the old file stands and no part of the new one."""

    def broken(rows: pa.Table, sink: Any) -> None:
        sink.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", broken)
    output = tmp_path / "out.parquet"
    output.write_text("before")
    with pytest.raises(RenderError, match="no space left on device"):
        render(result(), "parquet", output)
    assert "before" == output.read_text()
    assert [output] == list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_told_in_one_line(tmp_path: Path) -> None:
    """The message names the file and what to do."""
    output = tmp_path / "missing" / "out.csv"
    with pytest.raises(RenderError) as error:
        render(result(), "csv", output)
    expected = (
        f"cannot write {output}: no such file or directory; "
        "give a file in a folder that exists and is writable"
    )
    assert expected == str(error.value)


def test_an_unknown_format_is_refused() -> None:
    """The message lists the formats."""
    with pytest.raises(RenderError, match="unknown format 'xml': use one of table, csv, json"):
        render(result(), "xml")


def test_a_stream_without_the_dash_gets_a_question_mark() -> None:
    """An ASCII stream never makes a table fail."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    render(result(), "table", stream=stream)
    stream.flush()
    assert raw.getvalue().decode("ascii").splitlines()[-1].split() == ["=1+1", "-5", "?", "?", "?"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0s"),
        (0.44, "0.4s"),
        (59.94, "59.9s"),
        (59.96, "1m 00s"),
        (243, "4m 03s"),
        (3599.6, "1h 00m"),
        (31_926.6, "8h 52m"),
        (86_399, "1d 00h"),
        (183_600, "2d 03h"),
        (-90, "-1m 30s"),
    ],
)
def test_durations_are_read_in_two_units(seconds: float, expected: str) -> None:
    """Each duration is rounded to the smaller unit shown, never to 60 of it."""
    assert expected == human_duration(seconds)


def test_values_without_a_unit_keep_their_own_form() -> None:
    """Flags are words, counts have thousands, other numbers one decimal."""
    values = [True, 1234567, 0.25, None, float("nan")]
    assert ["yes", "1,234,567", "0.2", "–", "nan"] == [human_text("n", value) for value in values]
    assert "true" == plain_text(True)


def test_a_number_as_it_is_has_six_decimals() -> None:
    """What adding up in binary leaves behind is not shown; what is tiny is."""
    values = [94.95349999999999, 0.9866666666666667, 26400.0, 1e-05, -0.1 - 0.2, float("inf")]
    expected = ["94.9535", "0.986667", "26400.0", "1e-05", "-0.3", "inf"]
    assert expected == [plain_text(value) for value in values]
