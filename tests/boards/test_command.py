"""`replywatch dashboards`: what it writes, what it finds, and how it says what is missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from replywatch.flows import cli_dashboards
from replywatch.flows.cli import main


def _run(*arguments: object) -> int:
    return main(["dashboards", *map(str, arguments)])


def test_build_and_check_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What build writes, check finds sound; with another configuration it is not the same."""
    folder = tmp_path / "boards"
    assert 0 == _run("build", "--out", folder)
    assert f"8 boards in {folder}\n" == capsys.readouterr().out
    assert 0 == _run("check", "--out", folder)
    assert f"{folder}: 8 boards, no faults\n" == capsys.readouterr().out
    config = tmp_path / "other.toml"
    config.write_text('[dashboards]\nrunbooks_url = "https://wiki.example"\n')
    assert 1 == _run("check", "--out", folder, "--config", config)
    said = capsys.readouterr()
    assert "8 faults" in said.out
    assert 8 == said.err.count("not as it is built now")


def test_check_names_what_is_no_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Torn JSON, JSON that is something else: a fault each, no traceback."""
    _run("build", "--out", tmp_path)
    (tmp_path / "care-sla.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    capsys.readouterr()
    assert 1 == _run("check", "--out", tmp_path)
    said = capsys.readouterr().err
    assert f"{tmp_path}/care-sla.json: no board (JSONDecodeError" in said
    assert f"{tmp_path}/list.json: no board (" in said
    assert "Traceback" not in said


def test_check_of_nothing_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence."""
    assert 1 == _run("check", "--out", tmp_path / "none")
    assert "replywatch dashboards build writes one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        ("build", "grafana_foundation_sdk", "dashboards"),
        ("check", "grafana_foundation_sdk", "dashboards"),
        ("push", "grafana_client", "grafana"),
    ],
)
def test_a_missing_extra_is_one_sentence(
    command: str,
    module: str,
    extra: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Which package, and which extra brings it."""
    found = importlib.util.find_spec

    def find(name: str) -> object:
        return None if name == module else found(name)

    monkeypatch.setattr(cli_dashboards, "find_spec", find)
    assert 1 == _run(command)
    said = capsys.readouterr().err
    assert f"pip install 'replywatch[{extra}]'" in said
    assert 1 == said.count("\n")


def test_a_push_without_a_token_says_where_it_comes_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never from a file of the configuration."""
    monkeypatch.delenv("REPLYWATCH_GRAFANA_TOKEN", raising=False)
    assert 1 == _run("push")
    assert "REPLYWATCH_GRAFANA_TOKEN is not set" in capsys.readouterr().err


def test_without_the_extras_everything_else_starts() -> None:
    """The command and its help import neither the SDK nor the client."""
    code = (
        "import sys\nfrom replywatch.flows.cli import build_parser\nbuild_parser()\n"
        "import replywatch.dashboards.grafana.lint, replywatch.dashboards.grafana.push\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} &"
        " {'grafana_foundation_sdk', 'grafana_client', 'niquests', 'urllib3'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout
