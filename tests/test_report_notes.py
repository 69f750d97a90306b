"""What a report says beside its rows, and how its command line is taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from written_history import Writer, at, row

from replywatch.flows.cli import main

DAY = "2026-01-05"
Said = Callable[..., tuple[int, str, str]]


def clock(conversation: str, agent: str | None, outcome: str) -> dict[str, object]:
    """A clock of five minutes from 10:00 that ended at 10:05."""
    names = dict.fromkeys(("brand", "channel", "queue", "priority"), "default")
    instants = {"started_at": at(DAY), "due_at": at(DAY, "10:05"), "ended_at": at(DAY, "10:05")}
    key = {"conversation_id": conversation, "opened_at": at(DAY), "sla": "first_response"}
    return row("sla", **key, **names, **instants, agent=agent, outcome=outcome)


@pytest.fixture
def said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """A function that asks a small history: the exit code, what was shown, the complaint.

    One clock is met by ana, one missed by her, two while nobody had the conversation.
    """
    writer = Writer(tmp_path / "out")
    ends = (("ana", "met"), ("ana", "missed"), (None, "missed"), (None, "missed"))
    writer.seal(
        DAY,
        conversations=[
            row("conversations", conversation_id=f"c{n}", opened_at=at(DAY), last_event_at=at(DAY))
            for n in range(len(ends))
        ],
        sla=[clock(f"c{n}", *end) for n, end in enumerate(ends)],
    )

    def ask(*arguments: object) -> tuple[int, str, str]:
        code = main([*map(str, arguments), "--history", str(writer.folder)])
        return code, *capsys.readouterr()

    return ask


def test_agents_are_not_shown_without_the_deadlines_that_were_nobodys(said: Said) -> None:
    """A table counts them below, in the period asked for; numbers for programs stay as they are."""
    line = "2 of 3 deadlines were missed while nobody had the conversation"
    code, shown, complaint = said("report", "agents")
    assert (0, "") == (code, complaint)
    assert line in shown.splitlines()[-1]
    assert line not in said("report", "agents", "--format", "csv")[1]
    assert line not in said("report", "teams")[1]
    assert line not in said("report", "agents", "--from", DAY, "--to", f"{DAY}T10:05:00Z")[1]


def test_an_empty_period_is_told_what_there_is(said: Said) -> None:
    """From when to when the history tells, in days of the zone asked for."""
    code, shown, _ = said("report", "sla", "--from", "2027-01-01", "--tz", "Asia/Tokyo")
    assert (0, "no rows: the history tells of 2026-01-05 to 2026-01-05") == (
        code,
        shown.splitlines()[-1],
    )
    assert "no rows" == said("report", "spikes")[1].splitlines()[-1]


@pytest.mark.parametrize("command", [("report", "sla"), ("sql", "-c", "select 1 as n")])
def test_a_file_is_written_as_it_is_named(
    command: tuple[str, ...], said: Said, tmp_path: Path
) -> None:
    """By its ending, unless a format is given."""
    for name, start in (("a.csv", b"sla,"), ("a.json", b"["), ("a.parquet", b"PAR1")):
        assert 0 == said(*command, "--output", tmp_path / name)[0]
        found = (tmp_path / name).read_bytes()
        assert found.startswith((start, b"n\n"))
    assert 0 == said(*command, "--output", tmp_path / "a.csv", "--format", "json")[0]
    assert (tmp_path / "a.csv").read_bytes().startswith(b"[")
    assert 0 != said(*command, "--output", tmp_path / "a.html")[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("agents", "--service-level", "default"), "report agents takes no --service-level"),
        (("sla", "--by", "day", "--plot", "a.png"), "the picture of report sla takes no --by day"),
        (("agents", "--config", "nope.toml"), "no configuration at nope.toml"),
    ],
)
def test_what_would_not_be_heeded_is_refused(
    arguments: tuple[str, ...],
    message: str,
    said: Said,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An option without effect, and a configuration that isn't there, are told."""
    monkeypatch.chdir(tmp_path)
    code, _, complaint = said("report", *arguments)
    assert code > 0
    assert message in complaint
