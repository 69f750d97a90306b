"""Files of policies, right and wrong, through `replywatch check`.

What is expected of a line stands in it: `# fault: …` or `# note: …`, several parted by ` | `.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from replywatch.flows.cli import main
from replywatch.flows.kafka_settings import Kafka, NoticeTopics, Sink
from replywatch.flows.settings import (
    Dashboards,
    Exporter,
    FormerKey,
    ScheduledExport,
    ScopeName,
    Settings,
    Source,
)
from replywatch.metrics.calendar import Schedule
from replywatch.metrics.policy import Match, Objective, Policy, Rule, ServiceLevel, Targets
from replywatch.metrics.satisfaction import NpsScale
from replywatch.metrics.volume_settings import VolumeSettings

POLICIES = Path(__file__).parent / "policies"
_MARK = re.compile(r"# (fault|note): (.*)$")


def files_in(place: Path) -> list[Path]:
    """The files that a check of `place` looks at."""
    return sorted(place.glob("*.toml")) if place.is_dir() else [place]


def expected(place: Path) -> list[tuple[str, bool, str]]:
    """What the lines of a file or of a folder say of themselves: where, whether a note, words."""
    return [
        (f"{path}:{number}", found[1] == "note", words)
        for path in files_in(place)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if (found := _MARK.search(line))
        for words in found[2].split(" | ")
    ]


def names(folder: str) -> list[str]:
    """The files and folders of versions in `folder`."""
    return sorted(path.name for path in (POLICIES / folder).iterdir())


@pytest.mark.parametrize("name", names("bad"))
def test_every_fault_is_named_with_its_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All that stand in the file and none else, in the order of their lines."""
    place = POLICIES / "bad" / name
    assert main(["check", str(place)]) == 1
    check_shown(capsys.readouterr().out, place)


@pytest.mark.parametrize("name", names("good"))
def test_what_is_right_has_no_fault(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Notes alone make no check fail."""
    place = POLICIES / "good" / name
    assert main(["check", str(place)]) == 0
    check_shown(capsys.readouterr().out, place)


def check_shown(shown: str, place: Path) -> None:
    """Compare what was printed with what the lines of the files expect."""
    lines = [line for line in shown.splitlines() if not re.search(r", \d+ faults?|no faults", line)]
    left = list(lines)
    for where, is_note, words in expected(place):
        start = f"{where}: {'note: ' if is_note else ''}"
        found = next((one for one in left if one.startswith(start) and words in one), None)
        assert found is not None, f"{start}{words}"
        left.remove(found)
    assert [] == left
    assert len(files_in(place)) == len(shown.splitlines()) - len(lines)


def test_a_folder_without_a_policy_is_said_to_be_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, exit code 1."""
    assert main(["check", str(tmp_path)]) == 1
    said = f"replywatch: {tmp_path} holds neither a history nor a policy"
    assert capsys.readouterr().err.startswith(said)


def test_a_configuration_names_a_fault_between_versions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It can't be used with them, and says which file and line to look at."""
    config = tmp_path / "replywatch.toml"
    config.write_text(f"policy = '{POLICIES / 'bad' / 'versions'}'\n")
    assert main(["check", str(config)]) == 1
    shown = capsys.readouterr().out
    assert f"{config}:1: the policy it names: {POLICIES / 'bad' / 'versions' / 'b.toml'}:1" in shown


# -- the documents ----------------------------------------------------------------------------

DOCUMENT = (POLICIES.parent.parent / "docs" / "policy.md").read_text("utf-8")
TOML = re.findall(r"^```toml\n(.*?)^```$", DOCUMENT, re.M | re.S)


@pytest.mark.parametrize("number", [0, 1], ids=["policy", "configuration"])
def test_what_the_document_shows_has_no_fault(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The policy as it stands there, and the configuration that names it."""
    files = [tmp_path / "policy.toml", tmp_path / "replywatch.toml"]
    for path, text in zip(files, TOML, strict=True):
        path.write_text(text)
    assert main(["check", str(files[number])]) == 0
    kind = "a configuration" if number else "a policy"
    assert f"{files[number]}: {kind}, no faults\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "kinds"),
    [
        (0, [Policy, Schedule, Rule, Match, Targets, Objective, ServiceLevel, NpsScale]),
        (
            1,
            [
                Settings,
                Source,
                Kafka,
                Sink,
                NoticeTopics,
                Exporter,
                Dashboards,
                ScopeName,
                ScheduledExport,
                FormerKey,
                VolumeSettings,
            ],
        ),
    ],
    ids=["policy", "configuration"],
)
def test_the_document_explains_every_key(number: int, kinds: list[Any]) -> None:
    """Each field of each table stands in the example; alerts have a document of their own."""
    known = {name for kind in kinds for name in kind.__struct_fields__} - {"alerts"}
    assert [] == [name for name in sorted(known) if not re.search(rf"\b{name}\b", TOML[number])]
