"""The oracle against answers known from elsewhere, and the comparison it is used with."""

from __future__ import annotations

import csv
import tomllib
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from peers import NAMES, peer_case, peer_events, peer_policy, questions

from .cases import POLICY, Event, run, timeline, write_lines
from .known_answers import ASKED, KNOWN, KNOWN_BY_BRAND
from .oracle import KEYS, SHARED_COLUMNS, compare, run_oracle


@pytest.mark.parametrize("name", NAMES)
def test_peers_cases_hold(tmp_path: Path, shared_data: Path, name: str) -> None:
    """Timelines restated from peers' own test suites give the values expected there."""
    case = peer_case(shared_data, name)
    con = run(
        tmp_path,
        peer_events(case),
        policy=tomllib.loads(peer_policy(case)),
        until=case.get("evaluate_at"),
    )
    asked = list(questions(case))
    found = [(question, con.execute(question).fetchall()) for question, _ in asked]
    assert [(question, [(value,)]) for question, value in asked] == found


def tweets_as_events(path: Path) -> list[Event]:
    """The archive's tweets: customers post, brands reply, threads by `in_response_to_tweet_id`."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {
                "id": row["tweet_id"],
                "at": datetime.strptime(row["created_at"], "%a %b %d %H:%M:%S %z %Y").isoformat(),
                "kind": "post" if row["inbound"] == "True" else "reply",
                "customer" if row["inbound"] == "True" else "agent": row["author_id"],
                "in_reply_to": row["in_response_to_tweet_id"] or None,
            }
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def tweets(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> duckdb.DuckDBPyConnection:
    """The oracle's tables over the first 5,000 real tweets, never expiring."""
    events = tweets_as_events(shared_data / "data/twcs/twcs_head5000.csv")
    return run(tmp_path_factory.mktemp("twcs"), events, expire_after=None)


def test_real_tweets_give_the_known_answers(tweets: duckdb.DuckDBPyConnection) -> None:
    """Conversations, completeness, median, p90 and shares equal the data set's known answers."""
    found = tweets.execute(ASKED).fetchall()
    assert [KNOWN] == found


@pytest.mark.parametrize(("brand", "expected"), KNOWN_BY_BRAND)
def test_real_tweets_give_the_known_answers_per_brand(
    tweets: duckdb.DuckDBPyConnection, brand: str, expected: tuple[float, ...]
) -> None:
    """A conversation is of the brand that replies first; each brand's answers are the known."""
    found = tweets.execute(
        """
        with brands as (
            select conversation_id, arg_min(agent, "at") as brand
            from messages where direction = 'outbound' group by all
        )
        select
            count(*), count_if(is_complete),
            median(first_response_seconds) filter (is_complete),
            round(quantile_cont(first_response_seconds, 0.9) filter (is_complete), 1)
        from conversations inner join brands using (conversation_id)
        where brands.brand = ?
        """,
        [brand],
    ).fetchall()
    assert [expected] == found


def test_order_of_arrival_never_matters(tmp_path: Path, shared_data: Path) -> None:
    """Real tweets upside down, in two files and partly twice give the same tables."""
    events = tweets_as_events(shared_data / "data/twcs/twcs_head5000.csv")
    forwards = run(tmp_path, events, expire_after=None)
    halves = [
        write_lines(tmp_path / "late.jsonl", events[:1999:-1]),
        write_lines(tmp_path / "early.jsonl", events[2499::-1]),
    ]
    backwards = run_oracle(halves, POLICY, None, None)
    for table in SHARED_COLUMNS:
        assert [] == compare(forwards, backwards, table)


def test_compare_names_row_column_and_both_values(tmp_path: Path) -> None:
    """A changed value, a null, a missing row and a doubled row are each reported, then counted."""
    events = [
        event
        for name in ("a", "b", "c", "d")
        for event in timeline("10:00 post", "10:05 reply agent=ann", conversation=name)
    ]
    expected, actual = run(tmp_path, events), run(tmp_path, events)
    actual.execute("set TimeZone = 'Asia/Tokyo'")
    assert [] == compare(expected, actual, "responses")
    actual.execute("update responses set response_seconds = 301 where conversation_id = 'a'")
    actual.execute("update responses set agent = null where conversation_id = 'b'")
    actual.execute("delete from responses where conversation_id = 'c'")
    actual.execute("insert into responses select * from responses where conversation_id = 'd'")
    key = "2026-03-03 10:00:00/2026-03-03 10:00:00/2026-03-03 10:05:00"
    assert [
        f"responses a/{key}: response_seconds expected 300.0, found 301.0",
        f"responses b/{key}: agent expected 'ann', found None",
        f"responses c/{key}: row missing",
        f"responses d/{key}: row not expected",
        "responses: 4 rows expected, 4 found, 4 differences",
    ] == compare(expected, actual, "responses")


def test_tables_have_exactly_the_shared_columns(tmp_path: Path) -> None:
    """What the oracle builds is what it says it shares, in that order."""
    con = run(tmp_path, timeline("10:00 post"))
    for table, columns in SHARED_COLUMNS.items():
        described = con.execute(f"describe {table}").fetchall()
        assert columns == tuple(name for name, *_ in described)


def test_history_has_the_shared_columns_and_keys() -> None:
    """Every shared column is a history column of the same table, and the keys are the same."""
    schemas = pytest.importorskip("replywatch.sql.schemas")
    for table, columns in SHARED_COLUMNS.items():
        names = [name for name, _ in schemas.TABLES[table].columns]
        assert [] == [column for column in columns if column not in names]
        assert KEYS[table] == schemas.TABLES[table].key
