"""Timelines restated from other projects' test suites, through the public command.

Events and a policy go in as files, `replywatch replay` runs, and the answers are read by SQL from
the history it wrote. The expected values are those projects' own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from peers import NAMES, peer_case, peer_events, peer_policy, questions
from replays import write_lines

from replywatch.flows.cli import main
from replywatch.sql.history import open_history

CALLS = """
version = "calls"
effective_from = 2000-01-01T00:00:00Z
[[rules]]
name = "first"
match = { queue = ["first"] }
targets = { first_response = 60 }
[[rules]]
name = "rest"
"""
"""An answer within a minute, in the first queue."""


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


def call(number: int, *steps: tuple[int, dict[str, str]]) -> list[dict[str, str]]:
    """A conversation in the first queue from some second on, and what follows so much later."""
    start = datetime(2026, 3, 3, 9, tzinfo=UTC) + timedelta(seconds=10 * number)
    opening = (0, {"kind": "post", "queue": "first"})
    return [
        {
            "id": f"{number}-{place}",
            "at": (start + timedelta(seconds=seconds)).isoformat(),
            "conversation": str(number),
            **fields,
        }
        for place, (seconds, fields) in enumerate([opening, *steps])
    ]


def offered(counts: dict[str, int]) -> Iterator[dict[str, str]]:
    """So many conversations answered in time and late, given up at once and later, moved on."""
    reply, left = {"kind": "reply", "agent": "ann"}, {"kind": "closed", "customer": "kim"}
    moved = {"kind": "transferred", "queue": "second"}
    short = counts["short_abandoned"]
    kinds = [
        *[(30, reply)] * counts["answered_in_target"],
        *[(90, reply)] * counts["answered_late"],
        *[(5, left)] * short,
        *[(40, left)] * (counts["abandoned"] - short),
        *[(20, moved)] * counts["flow_out"],
    ]
    for number, step in enumerate(kinds):
        yield from call(number, step)


def test_service_level_has_the_variants_of_a_contact_centre(
    tmp_path: Path, shared_data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The report's share is the peer's, whoever counts among those who called."""
    case = peer_case(shared_data, "service_level_denominator_variants")
    events = sorted(offered(case["counts"]), key=lambda event: event["at"])
    path = write_lines(tmp_path / "events.jsonl", events)
    (tmp_path / "policy.toml").write_text(CALLS, encoding="utf-8")
    (tmp_path / "replywatch.toml").write_text('policy = "policy.toml"\n', encoding="utf-8")
    config = ["--config", str(tmp_path / "replywatch.toml")]
    assert main(["replay", str(path), "--out", str(tmp_path / "out"), *config]) == 0
    found = {}
    for variant in case["expected"]["service_level"]:
        capfd.readouterr()
        asked = ["report", "sla", "--service-level", variant, "--format", "json"]
        assert main([*asked, "--history", str(tmp_path / "out"), *config]) == 0
        rows = json.loads(capfd.readouterr().out)
        found[variant] = next(
            row["service_level_ratio"] for row in rows if row["sla"] == "first_response"
        )
    assert case["expected"]["service_level"] == pytest.approx(found)
