"""What the tests here share: the history of the sample days, and the oracle's tables of them.

All are closed with the last test of this folder, since other tests fork.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from oracle.oracle import run_oracle
from replays import replay, write_lines

from replywatch.sql.history import open_history
from truth.told import POLICY, Con, Pair, judge_first_contacts

FORTNIGHT_LATER = 1_773_792_000  # 2026-03-18T00:00:00Z
EVENING = {
    # three answers that take a quarter of an hour or more each: a long conversation
    "long": ("20:00 post", "20:16 reply dan", "20:20 post", "20:40 reply dan", "20:41 post",
             "21:00 reply dan", "21:01 closed dan"),
    # the second reply collides with the first; the third is hers who gave it, the fourth is late
    "both": ("20:00 post", "20:01 reply dan", "20:02 reply eve", "20:03 reply eve",
             "20:06 reply dan"),
}  # fmt: skip
"""What the sample days have none of, in the second evening."""


@pytest.fixture(scope="package")
def con(sample_history: Path) -> Iterator[Con]:
    """The history of the two sample days, open."""
    with open_history(sample_history) as con:
        yield con


@pytest.fixture(scope="package")
def oracle(sample_events_file: Path) -> Iterator[Con]:
    """The oracle's tables over the sample days; `told` holds the events as the file has them."""
    with run_oracle([sample_events_file], POLICY, None, None) as con:
        con.execute(
            "create view told as select distinct on (id) * from "
            f"read_json('{sample_events_file}', format = 'newline_delimited', columns = {{"
            "id: 'varchar', \"at\": 'timestamptz', kind: 'varchar', agent: 'varchar', "
            "state: 'varchar', survey: 'varchar', score: 'double'})"
        )
        yield con


@pytest.fixture(scope="package")
def settled(sample_events_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The sample days a fortnight later, when first contacts are judged; customers are known."""
    folder = tmp_path_factory.mktemp("settled")
    said = [(name, *event.split()) for name, events in EVENING.items() for event in events]
    evening = write_lines(
        folder / "evening.jsonl",
        [
            {"id": f"{name}-{clock}", "at": f"2026-03-04T{clock}:00Z", "kind": kind}
            | {"conversation": name, "channel": "x", "queue": "social", "brand": "acme"}
            | ({"agent": agent[0]} if agent else {})
            for name, clock, kind, *agent in said
        ],
    )
    inputs = [sample_events_file, evening]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPLYWATCH_CUSTOMER_KEY", "a key for customers who come back")
        history = replay(folder / "out", *inputs, until=FORTNIGHT_LATER)
    end = FORTNIGHT_LATER * 1_000_000
    with run_oracle(inputs, POLICY, end, None) as oracle, open_history(history) as con:
        judge_first_contacts(oracle, end)
        yield Pair(con, oracle)
