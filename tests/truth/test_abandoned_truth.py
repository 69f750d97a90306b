"""Customers who left without an answer, of whom the sample days have none, against the oracle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from oracle.oracle import run_oracle
from replays import replay, write_lines
from worked_day import UTC_ZONE, export

from replywatch.sql.history import open_history
from truth.test_export_truth import expected, shown
from truth.test_queue_truth import left_or_late, left_or_late_shown
from truth.told import POLICY, Con

DAY = date(2026, 3, 3)
UNTIL = 1_772_539_200  # 2026-03-03T12:00:00Z, when silence has ended what stood open


def left(number: int, clock: str, **more: str) -> dict[str, str]:
    """An event of a customer whom nobody answers."""
    at = f"2026-03-03T08:{clock}Z"
    scope = {"brand": "acme", "channel": "chat", "queue": "support"}
    return {"id": f"left-{number}-{more['kind']}", "at": at, "conversation": f"left-{number}"} | (
        scope | {"customer": f"c{number}"} | more
    )


@pytest.fixture(scope="module")
def pair(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Con, Con]]:
    """An hour whose open conversations expire after half of one: history, its tables, the oracle's.

    One customer leaves after five seconds, one after a minute, which is within the target, and one
    after twenty minutes; one says nothing more.
    """
    folder = tmp_path_factory.mktemp("left")
    events = write_lines(
        folder / "left.jsonl",
        [
            left(number, clock, kind=kind)
            for number, gone in enumerate(("10:05", "11:00", "30:00", ""))
            for kind, clock in (("post", "10:00"), ("closed", gone))
            if clock
        ],
    )
    hour = repository / "sample_data/first_hour.jsonl"
    policy = folder / "policy.toml"
    shipped = (repository / "alerts/policy.toml").read_text(encoding="utf-8")
    policy.write_text(re.sub("^expire_after = .*", 'expire_after = "30m"', shipped, flags=re.M))
    history = replay(folder / "out", hour, events, policy=policy, until=UNTIL)
    with (
        run_oracle([hour, events], POLICY, UNTIL * 1_000_000, 1800) as oracle,
        open_history(history) as con,
    ):
        yield history, con, oracle


@pytest.mark.parametrize("by", ["channel", "queue"])
def test_those_who_left_are_the_oracles(pair: tuple[Path, Con, Con], by: str) -> None:
    """Abandoned by a close or by silence, soon or not, and the service level with them."""
    _, con, oracle = pair
    wanted = left_or_late(oracle, by)
    assert 4 == sum(row[3] for row in wanted)
    assert 1 == sum(row[4] for row in wanted)
    assert wanted == left_or_late_shown(con, by)


def test_intervals_with_those_who_left_are_the_oracles(pair: tuple[Path, Con, Con]) -> None:
    """Abandonment where it ended, and a backlog that silence makes smaller."""
    history, _, oracle = pair
    found = shown(export(history, "canonical", DAY, DAY, UTC_ZONE))
    assert found == expected(oracle, "2026-03-03 00:00Z", "2026-03-04 00:00Z", 15)
