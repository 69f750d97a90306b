"""`replywatch check DIR` of histories that are not whole: erased from, kept for a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from replays import replay, write_lines
from small_history import ACME_CHAT, Row, answer, at, conversation, history, window

from replywatch.flows.cli import main
from replywatch.sql.checks import check_history
from replywatch.sql.compaction import compact
from replywatch.sql.models import tables_behind


def post(clock_time: str) -> Row:
    """A customer's post."""
    columns = {"id": clock_time, "source": "x", "at": at(clock_time), "direction": "inbound"}
    return conversation("c1", ACME_CHAT, **columns)


def events(customer: str, conversation: str) -> list[Row]:
    """A post that is answered, another that isn't in time, and a close."""
    said = [("post", "08:00"), ("reply", "08:01"), ("post", "08:02"), ("closed", "09:30")]
    return [
        {
            "id": f"{conversation}{number}",
            "at": f"2026-03-03T{clock_time}:00Z",
            "kind": kind,
            "conversation": conversation,
            **({"customer": customer} if kind == "post" else {"agent": "ada"}),
        }
        for number, (kind, clock_time) in enumerate(said)
    ]


@pytest.fixture
def replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The history of two customers."""
    monkeypatch.setenv("REPLYWATCH_CUSTOMER_KEY", "a key")
    lines = sorted(events("@jo", "c1") + events("@mo", "c2"), key=lambda event: event["at"])
    return replay(tmp_path / "out", write_lines(tmp_path / "in.jsonl", lines))


def test_a_history_without_an_erased_customer_adds_up(
    replayed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Windows go on counting what they counted, and more rows than that would be a fault."""
    receipt = str(tmp_path / "receipt.json")
    erase = ["erase", "--customer", "@jo", "--history", str(replayed), "--output", receipt]
    assert 0 == main(erase)
    assert 0 == main(["check", str(replayed)])
    assert "no faults" in capsys.readouterr().out
    con = history(windows=[window("10:00", ACME_CHAT)], messages=[post("10:00")])
    con.execute("create or replace macro is_erased_from() as true")
    assert "posts and replies are the messages" in {
        failure.check.statement for failure in check_history(con)
    }


def test_an_answer_may_be_looked_at_for_longer_than_the_cap_of_the_estimate() -> None:
    """Forty minutes of focus are no fault, and of an estimate they are one."""
    found = answer("c1", ACME_CHAT, "first", "10:00", "10:40", "ana")
    found["handling_started_at"] = at("10:25")
    active = conversation("c1", ACME_CHAT, wait_started_at=at("10:00"), replied_at=at("10:40"))
    for method, is_sound in (("focus", True), ("estimated", False)):
        worked = active | {"handle_active_seconds": 2400.0, "handle_active_method": method}
        failures = check_history(history(responses=[found], handling=[worked]))
        told = {failure.check.statement for failure in failures}
        assert is_sound == ("an agent is not active for longer than the wall clock" not in told)


def test_tables_kept_for_different_times_are_not_compared(
    replayed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other checks are asked, and how many were not is said."""
    compact(replayed, keep_days={"messages": 1}, now=at("12:00", "2026-04-01").timestamp())
    assert 0 == main(["check", str(replayed)])
    shown = capsys.readouterr().out
    assert "no faults; " in shown
    assert shown.endswith(" left out, for days of messages were dropped\n")


def test_the_tables_behind_a_query_are_found_through_models_and_macros() -> None:
    """As the checks ask for them."""
    assert {"spikes"} == tables_behind("select * from spikes -- from messages")
    assert {"messages", "conversations"} <= tables_behind("from agent_days")
    assert {"sla", "windows"} == tables_behind("select 1 from sla join stg_windows using (brand)")
