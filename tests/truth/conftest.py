"""What the tests here share: the history of the sample days, and the oracle's tables of them.

Both are closed with the last test of this folder, since other tests fork.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from oracle.oracle import run_oracle

from replywatch.sql.history import open_history
from truth.told import POLICY, Con


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
