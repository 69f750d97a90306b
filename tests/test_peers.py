"""Timelines restated from other projects' test suites, through the public command.

Events and a policy go in as files, `replywatch replay` runs, and the answers are read by SQL from
the history it wrote. The expected values are those projects' own.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from peers import NAMES, peer_case, peer_events, peer_policy, questions
from replays import write_lines

from replywatch.flows.cli import main
from replywatch.sql.history import open_history


@pytest.mark.parametrize("name", NAMES)
def test_peers_timelines_give_their_values(tmp_path: Path, shared_data: Path, name: str) -> None:
    """Each value a peer's suite expects is the one in the history."""
    case = peer_case(shared_data, name)
    events = write_lines(tmp_path / "events.jsonl", peer_events(case))
    (tmp_path / "policy.toml").write_text(peer_policy(case), encoding="utf-8")
    config = tmp_path / "replywatch.toml"
    config.write_text('policy = "policy.toml"\n', encoding="utf-8")
    arguments = ["replay", str(events), "--out", str(tmp_path / "out"), "--config", str(config)]
    if "evaluate_at" in case:
        arguments += ["--until", case["evaluate_at"]]
    assert main(arguments) == 0
    asked = list(questions(case))
    con = open_history(tmp_path / "out")
    found = [(question, con.execute(question).fetchall()) for question, _ in asked]
    con.close()
    assert [(question, [(value,)]) for question, value in asked] == found
