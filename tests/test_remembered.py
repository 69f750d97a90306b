"""Long timelines of every kind against what the batch recomputation said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from remembered import FILE, digests, policies_of
from replays import Line
from test_dictionary import differences

CASES = json.loads(FILE.read_text())


@pytest.mark.parametrize("number", range(len(CASES)))
def test_the_tables_are_still_those_of_the_recomputation(number: int, tmp_path: Path) -> None:
    """By a digest of each table; where one differs, the recomputation says in what."""
    case: dict[str, Any] = CASES[number]
    policies, events, until = policies_of(case), case["events"], case["until"]
    line = Line(policies).feed(*events).end(until * 1_000_000)
    with line.history(tmp_path) as con:
        found = digests(con)
    if found != case["digests"]:
        pytest.fail("\n".join(differences(policies, events, until, line)) or "the file is old")
