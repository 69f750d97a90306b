"""The page of questions: each SQL on it answers over the sample days."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from replywatch.sql.history import open_history

PAGE = Path(__file__).resolve().parent.parent / "docs" / "questions.md"
QUESTIONS = re.findall(r"^## (\d+\. .+?)$.*?^```sql\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def con(sample_history: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The history of the sample days."""
    with open_history(sample_history) as opened:
        yield opened


def test_there_are_twelve_questions() -> None:
    """Each has a number and its SQL."""
    assert [str(n) for n in range(1, 13)] == [title.split(".")[0] for title, _ in QUESTIONS]


@pytest.mark.parametrize(("title", "query"), QUESTIONS)
def test_each_question_is_answered(con: duckdb.DuckDBPyConnection, title: str, query: str) -> None:
    """The SQL runs as it stands, and gives rows."""
    assert con.sql(query).to_arrow_table().num_rows > 0
