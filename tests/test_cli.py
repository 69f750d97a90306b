"""The command line: what it does, what it says, and its exit codes."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from replywatch.flows.cli import build_parser, main
from replywatch.sql.history import open_history
from replywatch.sql.writer import HistoryWriter

COMMANDS = (
    *("demo", "replay", "run", "sql", "report", "explain", "alerts", "dashboards"),
    *("export", "forecast", "compact", "erase", "check"),
)
HEAD = [sys.executable, "-c", "import sys; from replywatch.flows.cli import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def first_hour(repository: Path) -> Path:
    """The sample's first hour."""
    return repository / "sample_data" / "first_hour.jsonl"


@pytest.fixture(scope="module")
def history(first_hour: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The history that a replay of the first hour wrote."""
    out = tmp_path_factory.mktemp("replayed") / "out"
    assert main(["replay", str(first_hour), "--out", str(out)]) == 0
    return out


@pytest.fixture
def complaint(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """A function from arguments to the exit code and the one sentence on standard error."""

    def run(*arguments: object) -> tuple[int, str]:
        code = main([str(argument) for argument in arguments])
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("replywatch: ")
        return code, lines[0].removeprefix("replywatch: ")

    return run


def run_alone(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, its output in pipes."""
    command = [*HEAD, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--help` describes the command, shows how to call it, and succeeds."""
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"usage: replywatch {command}" in shown
    assert f"examples:\n  replywatch {command}" in shown


def test_only_commands_that_exist_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """The help of the whole names these commands and no other."""
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.partition("  COMMAND\n")[2].partition("\n\n")[0].splitlines()
    assert list(COMMANDS) == [line.split()[0] for line in lines]


def test_examples_in_help_can_be_parsed() -> None:
    """Every example of every command is a command line that the parser takes."""
    parser = build_parser()
    commands = next(action.choices for action in parser._actions if action.dest == "==SUPPRESS==")
    assert commands is not None
    for command in dict(commands).values():
        for line in command.epilog.splitlines()[1:]:
            assert parser.parse_args(shlex.split(line)[1:]).run is not None


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` names the program and its version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("replywatch 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("replay",),
        ("replay", "x", "--out", "y", "--lateness", "soon"),
        ("replay", "x", "--out", "y", "--lateness", "never"),
        ("replay", "x", "--out", "y", "--until", "tomorrow"),
        ("replay", "x", "--out", "y", "--workers", "0"),
        ("replay", "x", "--out", "y", "--speed", "-1"),
        ("replay", "x", "--out", "y", "--format", "twcs", "--order", "arrival"),
        ("report", "nonsense"),
        ("report", "agents", "--tz", "Mars/Base"),
        ("report", "agents", "--from", "yesterday"),
        ("sql", "--output", "file"),
        ("demo", "--port", "99999"),
    ],
)
def test_wrong_use_is_one_sentence_and_exits_with_2(
    arguments: tuple[str, ...], complaint: Callable[..., tuple[int, str]]
) -> None:
    """A command line that makes no sense is told so, in one line that starts small."""
    code, said = complaint(*arguments)
    assert code == 2
    assert said[0].islower() or said[0] in "'-"


def test_a_replay_says_what_makes_so_much_late(first_hour: Path, tmp_path: Path) -> None:
    """A first line of the year 2099 makes what follows late, and told why; sorted it does not."""
    far = b'{"id":"far","at":"2099-01-01T00:00:00Z","kind":"post","conversation":"far"}\n'
    events = tmp_path / "far.jsonl"
    events.write_bytes(far + first_hour.read_bytes())
    done = run_alone("replay", events, "--out", tmp_path / "out")
    assert "stamped far ahead of those around it" in done.stdout
    sorted_first = run_alone("replay", events, "--order", "time", "--out", tmp_path / "sorted")
    assert "0 late, 0 rejected" in sorted_first.stdout
    assert "stamped far ahead" not in sorted_first.stdout


def test_a_replay_says_what_it_did(first_hour: Path, tmp_path: Path) -> None:
    """In a pipe: a summary on standard output and nothing on standard error."""
    done = run_alone("replay", first_hour, "--out", tmp_path / "out")
    assert (0, "") == (done.returncode, done.stderr)
    assert "203 events counted" in done.stdout
    assert "0 late, 0 rejected" in done.stdout
    assert "34 conversations" in done.stdout
    assert str(tmp_path / "out") in done.stdout
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout


def test_a_finished_replay_is_left_alone(
    history: Path, first_hour: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command once more says that there is nothing to do."""
    assert main(["replay", str(first_hour), "--out", str(history)]) == 0
    assert "finished before" in capsys.readouterr().out


def test_a_history_is_not_mixed_with_another(
    history: Path, first_hour: Path, complaint: Callable[..., tuple[int, str]]
) -> None:
    """Another lateness into the same folder is refused, and named."""
    code, said = complaint("replay", first_hour, "--out", history, "--lateness", "5m")
    assert code == 1
    assert "differs in lateness" in said


def test_silence_breaches_when_the_clock_moves_on(first_hour: Path, tmp_path: Path) -> None:
    """`--until` lets deadlines pass after the last event."""
    missed = []
    for name, more in (("end", []), ("until", ["--until", "2026-03-04T00:00:00Z"])):
        out = tmp_path / name
        assert main(["replay", str(first_hour), "--out", str(out), *more]) == 0
        with open_history(out) as con:
            query = "select count(*) from sla where outcome = 'missed'"
            missed.append(con.execute(query).fetchall()[0][0])
    assert missed[0] < missed[1]


def test_inputs_that_are_none_are_named(
    first_hour: Path, tmp_path: Path, complaint: Callable[..., tuple[int, str]]
) -> None:
    """Absent, a folder, given twice, damaged, of another format: each is said, nothing written."""
    out = tmp_path / "out"
    damaged = tmp_path / "damaged.jsonl.gz"
    damaged.write_bytes(b"not gzip")
    expected = {
        (tmp_path / "absent",): (1, "no file at"),
        (tmp_path,): (1, "is a folder"),
        (first_hour, first_hour): (2, "is given twice"),
        (damaged,): (1, "can't be read"),
        (first_hour, "--format", "twcs"): (1, "no column 'tweet_id'"),
    }
    for arguments, (code, words) in expected.items():
        found, said = complaint("replay", *arguments, "--out", out)
        assert code == found
        assert words in said
    assert not out.exists()


def test_what_the_engine_wraps_is_one_sentence(
    first_hour: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    complaint: Callable[..., tuple[int, str]],
) -> None:
    """A full disk inside the dataflow is told without traceback or the engine's own panic."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.parquet")

    monkeypatch.setattr(HistoryWriter, "stage", fail)
    code, said = complaint("replay", first_hour, "--out", tmp_path / "out")
    assert code == 1
    assert said.startswith("a.parquet: no space left on device; free some space")
    assert not (tmp_path / "out" / "engine.log").exists()


def test_a_bug_keeps_its_traceback(
    first_hour: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """What nobody foresaw is shown whole, with what the engine printed."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(HistoryWriter, "stage", fail)
    assert main(["replay", str(first_hour), "--out", str(tmp_path / "out")]) == 1
    said = capfd.readouterr().err
    assert "ZeroDivisionError: a bug" in said
    assert "panicked" in said
    assert "fault in replywatch" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_replay_goes_on(first_hour: Path, tmp_path: Path, number: int) -> None:
    """A signal ends it cleanly with 0, and the same command gives the tables of an uncut one."""
    out = tmp_path / "out"
    command = [*HEAD, "replay", str(first_hour), "--out", str(out), "--lateness", "60"]
    with subprocess.Popen([*command, "--speed", "600"], stdout=subprocess.PIPE, text=True) as cut:
        _wait_for(out / "replywatch.duckdb")
        time.sleep(1.0)
        cut.send_signal(number)
        shown, _ = cut.communicate(timeout=60)
    assert cut.returncode == 0
    assert shown.startswith("stopped; give the same command again")
    assert "counted since it was resumed" in run_alone(*command[3:]).stdout
    whole = tmp_path / "whole"
    assert main(["replay", str(first_hour), "--out", str(whole), "--lateness", "60"]) == 0
    assert _contents(whole) == _contents(out)


def _wait_for(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.05)


def _wait_until_counted(url: str) -> None:
    end = time.monotonic() + 60
    while True:
        with urllib.request.urlopen(url) as page:
            if re.search(r"care_messages_total\{.*inbound.*\} 1\.0", page.read().decode()):
                return
        assert time.monotonic() < end, "the event was never counted"
        time.sleep(0.2)


def _contents(folder: Path) -> list[list[dict[str, object]]]:
    tables = ("conversations", "responses", "messages", "sla", "windows")
    with open_history(folder) as con:
        return [
            con.sql(f"from {table} order by all").to_arrow_table().to_pylist() for table in tables
        ]


def test_a_query_is_answered(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sql -c` prints the result, here as JSON."""
    query = "select count(*) as n from conversations"
    assert main(["sql", "-c", query, "--history", str(history), "--format", "json"]) == 0
    assert [{"n": 34}] == json.loads(capsys.readouterr().out)


def test_a_history_cannot_be_changed_by_sql(
    history: Path, complaint: Callable[..., tuple[int, str]]
) -> None:
    """A statement that writes, or that is none, fails with one sentence."""
    code, said = complaint("sql", "-c", "drop view sla", "--history", history)
    assert (1, True) == (code, "read-only" in said)
    code, said = complaint("sql", "-c", "select nothing from sla", "--history", history)
    assert (1, True) == (code, "nothing" in said)


@pytest.mark.parametrize("name", ["agents", "sla", "volume", "responses", "breaches", "rejected"])
def test_every_report_is_given_in_every_format(
    name: str, history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report comes as a table, and as files."""
    assert main(["report", name, "--history", str(history)]) == 0
    assert capsys.readouterr().out.startswith(f"{name}: ")
    for form in ("csv", "json", "parquet"):
        output = tmp_path / f"report.{form}"
        more = ["--format", form, "--output", str(output)]
        assert main(["report", name, "--history", str(history), *more]) == 0
        assert output.stat().st_size > 0


def test_a_report_without_history_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complaint: Callable[..., tuple[int, str]]
) -> None:
    """The default is the folder `replywatch-data` of the working directory."""
    monkeypatch.chdir(tmp_path)
    code, said = complaint("report", "agents")
    assert code == 1
    assert said.startswith("no history in replywatch-data")


def test_commands_leave_standard_error_empty(history: Path) -> None:
    """Nothing is left open that would complain at the interpreter's end, also after an error."""
    for arguments in (("report", "agents"), ("sql", "-c", "from sla")):
        done = run_alone(*arguments, "--history", history)
        assert (0, "") == (done.returncode, done.stderr)
    done = run_alone("sql", "-c", "select nothing from sla", "--history", history)
    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))


def test_a_reader_that_leaves_is_no_error(history: Path) -> None:
    """`replywatch … | head -1` prints nothing on standard error."""
    query = "select unnest(range(300000))"
    command = [*HEAD, "sql", "-c", query, "--history", str(history), "--format", "csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 0


def test_the_service_tails_a_folder_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """`run` says where everything is, keeps what comes, and ends with 0 at SIGTERM."""
    config = tmp_path / "replywatch.toml"
    config.write_text('seal_every = "1s"\n[exporter]\nport = 0\n')
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    event = {"id": "1", "at": now, "kind": "post", "conversation": "c"}
    (inbox / "a.jsonl").write_text(json.dumps(event) + "\n")
    with subprocess.Popen(
        [*HEAD, "run"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        url = service.stdout.readline().removeprefix("metrics  ").strip()
        _wait_until_counted(url)
        service.send_signal(signal.SIGTERM)
        shown, errors = service.communicate(timeout=60)
    assert (0, "") == (service.returncode, errors)
    assert shown.endswith("stopped; 1 event counted since the start\n")
    with open_history(tmp_path / "replywatch-data") as con:
        assert [("1",)] == con.execute("select id from messages").fetchall()


def test_a_broken_configuration_is_named_by_its_first_fault(
    first_hour: Path, tmp_path: Path, complaint: Callable[..., tuple[int, str]]
) -> None:
    """A command that can't use its configuration says the line and where to see the rest."""
    path = tmp_path / "replywatch.toml"
    path.write_text("shards = 0\ndesks = 0\n")
    code, said = complaint("replay", first_hour, "--out", tmp_path / "out", "--config", path)
    assert code == 1
    assert said.startswith(f"{path}:1: 'shards' is 0")
    assert said.endswith(f"and 1 more; see replywatch check {path}")
