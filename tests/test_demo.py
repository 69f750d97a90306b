"""The demo: what it shows in a pipe, and what it never does to a folder."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from replywatch.flows.cli import main
from replywatch.flows.demo import MARK, WatchedReplay
from replywatch.flows.sources import Progress

Done = subprocess.CompletedProcess[str]
HEAD = [sys.executable, "-c", "import sys; from replywatch.flows.cli import main; sys.exit(main())"]


def run_demo(out: Path, *more: str) -> Done:
    """The demo in a process of its own, its output in pipes."""
    command = [*HEAD, "demo", "--out", str(out), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def piped(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Done]:
    """A demo in a pipe, while its port is taken: its folder, and what came of it."""
    out = tmp_path_factory.mktemp("demo") / "out"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return out, run_demo(out, "--port", str(taken.getsockname()[1]))


def test_a_piped_demo_prints_plain_lines(
    piped: tuple[Path, Done],
) -> None:
    """No escape code, no carriage return, nothing on standard error."""
    _, done = piped
    assert (0, "") == (done.returncode, done.stderr)
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout) is None
    assert all(line == line.rstrip() for line in done.stdout.splitlines())


def test_a_demo_ends_with_what_it_showed(
    piped: tuple[Path, Done],
) -> None:
    """Agents, breaches, the spike, and where everything lies, in this order."""
    out, done = piped
    places = [
        done.stdout.find(words)
        for words in (
            "agents: ",
            "\nada ",
            "\nbreaches: 1,",
            "\nbreached windows: ",
            "\ncrisis: acme/x/social, 2026-03-04 14:01 to 15:0",
            "\nmetrics   were at http://127.0.0.1:",
            f"\nhistory   {out / 'history'}",
            f"\ndatabase  {out / 'replywatch.duckdb'}",
            f"report sla --by channel --history {out}",
        )
    ]
    assert sorted(places) == places
    assert -1 not in places


def test_a_taken_port_is_no_reason_to_fail(
    piped: tuple[Path, Done],
) -> None:
    """It takes another and says so."""
    _, done = piped
    assert re.search(r"port \d+ is taken, so /metrics is at http://127\.0\.0\.1:\d+", done.stdout)


def test_a_demo_replaces_its_own_folder_and_nothing_else(tmp_path: Path) -> None:
    """What a user put beside an earlier demo stays."""
    out = tmp_path / "out"
    out.mkdir()
    (out / MARK).touch()
    (out / "notes.txt").write_text("mine")
    (out / "history").mkdir()
    (out / "history" / "old").touch()
    assert run_demo(out, "--port", "0").returncode == 0
    assert (out / "notes.txt").read_text() == "mine"
    assert not (out / "history" / "old").exists()
    assert (out / "history" / "conversations").is_dir()


def test_a_demo_takes_no_foreign_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with anything in it and no mark is refused and left as it is."""
    (tmp_path / "history").mkdir()
    assert main(["demo", "--out", str(tmp_path)]) == 1
    assert "was not made by a demo" in capsys.readouterr().err
    assert ["history"] == [path.name for path in tmp_path.iterdir()]


def test_a_watched_replay_gives_each_event_its_share_of_the_time() -> None:
    """Half of the events take half of the seconds, and a stop ends the waiting."""
    progress = Progress(total=10)
    replay = WatchedReplay(progress, seconds=0.4)
    began = time.monotonic()
    assert not replay()
    progress.done = 5
    assert not replay()
    assert 0.2 <= time.monotonic() - began < 0.4
    progress.done = 10
    replay.is_set = True
    assert replay()
    assert time.monotonic() - began < 0.4
