"""The stream agrees with the batch recomputation, row by row, on the sample days and real tweets.

The oracle (`tests/oracle`) shares no code with the stream; no tolerance is allowed anywhere.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest
from oracle.known_answers import ASKED, KNOWN, KNOWN_BY_BRAND
from oracle.oracle import SHARED_COLUMNS, compare, run_oracle
from replays import replay, write_lines

from replywatch.flows.twcs import twcs_events
from replywatch.sample_data import write_sample
from replywatch.sql.history import open_history

POLICY = tomllib.loads(files("replywatch.alerts").joinpath("policy.toml").read_text("utf-8"))
UNTIL = 1_772_712_000  # 2026-03-05T12:00:00Z, half a day after the sample's end
MONTH = 30 * 86_400

Pair = tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection]


@pytest.fixture(scope="module")
def sample_days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The oracle's tables over the sample days and the history of their replay."""
    folder = tmp_path_factory.mktemp("sample")
    events = folder / "sample.jsonl"
    write_sample(events, 7)
    con = open_history(replay(folder / "out", events, lateness=10, until=UNTIL))
    oracle = run_oracle([events], POLICY, UNTIL * 1_000_000, MONTH)
    yield oracle, con
    oracle.close()
    con.close()


@pytest.fixture(scope="module")
def tweets(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The same over the first 5,000 real tweets, which never expire."""
    folder = tmp_path_factory.mktemp("twcs")
    archive = shared_data / "data/twcs/twcs_head5000.csv"
    con = open_history(replay(folder / "out", archive, format="twcs", order="time"))
    events = write_lines(folder / "events.jsonl", twcs_events(archive)[0])
    oracle = run_oracle([events], POLICY, None, None)
    yield oracle, con
    oracle.close()
    con.close()


@pytest.mark.parametrize("table", SHARED_COLUMNS)
def test_sample_days_agree_with_the_oracle(sample_days: Pair, table: str) -> None:
    """Every shared column of every row is the same, and there are rows to speak of."""
    oracle, con = sample_days
    assert [] == compare(oracle, con, table)
    enough = 80 if table == "agent_states" else 500
    assert con.execute(f"select count(*) > {enough} from {table}").fetchall() == [(True,)]


def test_sample_days_hold_every_outcome(sample_days: Pair) -> None:
    """The agreement means something: clocks met, missed and void, reopens, bots, breaches."""
    _, con = sample_days
    found = con.execute(
        """
        select
            (select count(distinct sla || outcome) from sla),
            (select count(distinct kind) from responses),
            (select bool_or(reopen_count > 0) and bool_or(transfer_count > 0)
                and bool_or(bot_reply_count > 0) and bool_or(waiting_since is not null)
             from conversations),
            (select bool_or(is_breached) and bool_or(waiting > 100) from windows)
        """
    ).fetchall()
    assert [(6, 2, True, True)] == found


@pytest.mark.parametrize("table", SHARED_COLUMNS)
def test_real_tweets_agree_with_the_oracle(tweets: Pair, table: str) -> None:
    """Every shared column of every row is the same."""
    oracle, con = tweets
    assert [] == compare(oracle, con, table)


def test_real_tweets_give_the_known_answers_by_sql(tweets: Pair) -> None:
    """Conversations, completeness, median, p90 and shares are those the dataset is known for."""
    _, con = tweets
    found = con.execute(ASKED).fetchall()
    assert [KNOWN] == found


@pytest.mark.parametrize(("brand", "expected"), KNOWN_BY_BRAND)
def test_a_brand_gives_its_known_answers_by_sql(
    tweets: Pair, brand: str, expected: tuple[float, ...]
) -> None:
    """A brand's conversations, complete ones, median and p90 are those it is known for."""
    _, con = tweets
    found = con.execute(
        """
        select
            count(*), count_if(is_complete),
            median(first_response_seconds) filter (is_complete),
            round(quantile_cont(first_response_seconds, 0.9) filter (is_complete), 1)
        from conversations
        where brand = ?
        """,
        [brand],
    ).fetchall()
    assert [expected] == found


def test_refused_lines_are_all_in_the_history(repository: Path, tmp_path: Path) -> None:
    """Ten lines that are no events give ten rows, each with its bytes, place and reason.

    Of customers and texts they keep nothing.
    """
    bad = repository / "sample_data/bad.jsonl"
    con = open_history(replay(tmp_path / "out", bad))
    found = con.execute(
        "select position::int, reason, raw from rejected order by position::int"
    ).fetchall()
    con.close()
    lines = bad.read_bytes().splitlines(keepends=True)
    places = [sum(map(len, lines[:number])) for number in range(len(lines))]
    assert places == [position for position, _, _ in found]
    shown = [
        re.sub(rb'("customer"|"text"):"[^"\n]*"?', rb'\1:"*"', line.rstrip(b"\n")) for line in lines
    ]
    assert shown == [raw for _, _, raw in found]
    assert {"ahead", "invalid", "malformed", "unthreadable"} == {reason for _, reason, _ in found}


def test_an_archive_out_of_order_agrees_when_put_in_order_of_time(
    repository: Path, tmp_path: Path
) -> None:
    """`--order time` over lines in reverse gives what the lines in order give."""
    lines = (repository / "sample_data/first_hour.jsonl").read_bytes().splitlines(keepends=True)
    backwards = write_lines(tmp_path / "backwards.jsonl", lines[::-1])
    con = open_history(replay(tmp_path / "out", backwards, order="time", lateness=0))
    oracle = run_oracle([repository / "sample_data/first_hour.jsonl"], POLICY, None, MONTH)
    differences = [found for table in SHARED_COLUMNS for found in compare(oracle, con, table)]
    late = con.execute("select count(*) from messages where is_late").fetchall()
    con.close()
    oracle.close()
    assert [] == differences
    assert [(0,)] == late
