"""The pages: every command line that they show runs as it stands, in the order of the page."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from test_forecast import history as weeks_of_history
from test_twcs import tweet
from test_twcs import write as write_twcs

from replywatch.flows.checks import CONFIG, toml_faults
from replywatch.flows.cli import build_parser, main

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["README.md", "CONTRIBUTING.md"] + [f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
TOML = re.compile(r"^```toml\n(.*?)^```$", re.M | re.S)
EVENTS = re.compile(r"^```json\n(.*?)^```$", re.M | re.S)

NOT_RUN = {
    ".ci/run": "runs all tests, this one too",
    "PYTHONPATH=tests .venv/bin/python -m faults": "kills processes for minutes",
    "docker compose": "starts containers",
    "pip install": "brings a package that is not part of the set-up",
    "export REPLYWATCH_GRAFANA_TOKEN=": "shows a place for a secret",
    "sudo": "changes the machine",
    "journalctl": "reads the journal of a machine with the service",
}
"""How command lines begin that can't be run here, and why."""

ONLY_PARSED = {
    "replywatch run": "goes on until it is stopped",
    "replywatch dashboards push": "asks a Grafana",
}
"""Commands of Replywatch that can't be run here, and why: that they are understood is tested."""

TOLD_WHY_NOT = {"replywatch forecast --tz Europe/Berlin --history data": "too little history"}
"""What the sample days are too short for, as README says, and the words that say so."""


@dataclass
class Shown:
    """A command line of a page, and the lines that the page shows below it."""

    command: str
    below: list[str] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        """The words that a shell makes of it, `replywatch` by its bare name."""
        first, *rest = shlex.split(self.command, comments=True)
        return [first.removeprefix(".venv/bin/"), *rest]

    def begins(self, starts: dict[str, str]) -> bool:
        """Whether it begins with one of `starts`."""
        return self.command.removeprefix(".venv/bin/").startswith(tuple(starts))


def shown_on(page: str) -> list[Shown]:
    """The command lines of the console blocks of a page; an open quote goes on below."""
    found: list[Shown] = []
    for block in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        is_open = False
        for line in block.splitlines():
            if is_open:
                found[-1].command += f"\n{line}"
            elif line.startswith("$ "):
                found.append(Shown(line[2:]))
            else:
                found[-1].below.append(line)
                continue
            is_open = found[-1].command.count('"') % 2 == 1
    return found


COMMANDS = {page: shown for page in sorted(PAGES) if (shown := shown_on(page))}


@pytest.fixture
def place(
    request: pytest.FixtureRequest,
    sample_history: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A folder with what the pages take for granted: events, a policy, histories by their names."""
    page = request.node.callspec.params["page"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPLYWATCH_CUSTOMER_KEY", "a key for the pages, and for them alone")
    shutil.copy(ROOT / "alerts/policy.toml", "policy.toml")
    Path("inbox").mkdir()
    write_twcs(tmp_path, tweet(1, "1", 0), tweet(2, "acme", 4, 1))
    shutil.copy(ROOT / "sample_data/first_hour.jsonl", "events.jsonl")
    match page:
        case "docs/forecast.md":
            weeks_of_history(tmp_path / "out", 4)
        case "docs/upkeep.md":
            [said] = EVENTS.findall((ROOT / "README.md").read_text(encoding="utf-8"))
            Path("said.jsonl").write_text(said, encoding="utf-8")
            assert 0 == main(["replay", "said.jsonl", "--out", "out"])
        case _:
            shutil.copytree(sample_history, "out")
    for name in ("replywatch-data", "replywatch-demo"):
        shutil.copytree("out", name)
    return tmp_path


def run(shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a command line in the working folder; fails unless it does what it is for."""
    command, words = shown.command, shown.words
    if words[0] == "make":
        done = subprocess.run([*words, "--dry-run"], cwd=ROOT, capture_output=True, text=True)
        assert 0 == done.returncode, f"{command}: {done.stderr}"
        return
    if words[0] == "cat":
        Path(words[1]).write_text("\n".join(shown.below) + "\n", encoding="utf-8")
        return
    assert "replywatch" == words[0], f"{command}: neither run nor in NOT_RUN"
    arguments, into = (words[1:-2], words[-1]) if ">" in words else (words[1:], "")
    capsys.readouterr()
    if "--processes" in arguments:  # they fork, which a process with threads should not
        head = "import sys; from replywatch.flows.cli import main; sys.exit(main())"
        code = subprocess.run([sys.executable, "-c", head, *arguments], timeout=60).returncode
    else:
        code = main(arguments)
    told = capsys.readouterr()
    if command.removeprefix(".venv/bin/") in TOLD_WHY_NOT:
        assert 1 == code, command
        assert TOLD_WHY_NOT[command.removeprefix(".venv/bin/")] in told.err
        return
    assert 0 == code, f"{command}: {told.err}"
    if into:
        assert told.out, command
        Path(into).write_text(told.out, encoding="utf-8")
    if "--output" in arguments:
        assert Path(arguments[arguments.index("--output") + 1]).exists(), command


@pytest.mark.parametrize("page", COMMANDS)
@pytest.mark.usefixtures("place")
def test_the_commands_of_a_page_run(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One after the other in one folder, each with success; what can't be run is understood."""
    for shown in COMMANDS[page]:
        if shown.begins(ONLY_PARSED):
            assert build_parser().parse_args(shown.words[1:]).run
        elif not shown.begins(NOT_RUN):
            run(shown, capsys)


def test_what_is_not_run_stands_on_a_page() -> None:
    """No exception outlives the line that it was made for."""
    shown = [line for lines in COMMANDS.values() for line in lines]
    for start in (*NOT_RUN, *ONLY_PARSED, *TOLD_WHY_NOT):
        assert any(line.begins({start: ""}) for line in shown), start


def test_every_console_block_is_read() -> None:
    """Each has a command, so that no page shows one in a form that nobody runs."""
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        blocks = BLOCK.findall(text)
        assert text.count("```console") == len(blocks), page
        assert all(block.startswith("$ ") for block in blocks), page


CONFIGURATIONS = [
    (page, block)
    for page in sorted(set(PAGES) - {"docs/policy.md", "docs/alerts.md", "docs/dictionary.md"})
    for block in TOML.findall((ROOT / page).read_text(encoding="utf-8"))
]
"""Parts of a configuration that pages show; those of policies have tests of their own."""


@pytest.mark.parametrize(("page", "block"), CONFIGURATIONS)
def test_a_shown_configuration_has_no_fault(page: str, block: str, tmp_path: Path) -> None:
    """Each part stands alone: known keys, values that are understood."""
    path = tmp_path / "replywatch.toml"
    path.write_text(block, encoding="utf-8")
    assert [] == toml_faults(path, CONFIG), page
