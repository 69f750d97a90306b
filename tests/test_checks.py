"""`replywatch check`: every fault of a file, each in its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from replywatch.flows.checks import guess_kind
from replywatch.flows.cli import main


def test_check_names_every_fault_of_an_event_file(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each bad line with its number and reason, and exit code 1."""
    path = repository / "sample_data" / "bad.jsonl"
    assert main(["check", str(path)]) == 1
    *faults, summary = capsys.readouterr().out.splitlines()
    reasons = "malformed invalid invalid invalid invalid invalid unthreadable malformed ahead"
    expected = [f"{path}:{n}: {r}" for n, r in enumerate([*reasons.split(), "malformed"], 1)]
    assert expected == [fault[: len(start)] for fault, start in zip(faults, expected, strict=True)]
    assert summary == f"{path}: a file of events with 0 events, 10 faults"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"kind": "postt"}, "invalid enum value 'postt' in `kind`: use one of post, assigned, "),
        (
            {"at": 1772539200},
            "expected an instant such as 2026-01-31T09:00:00Z, got a whole number",
        ),
        ({"score": "5"}, "expected a number, got text in quotes in `score`"),
        ({"tags": "vip"}, "expected a list in brackets, got text in quotes in `tags`"),
    ],
)
def test_check_says_in_words_what_a_field_should_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], event: dict[str, object], said: str
) -> None:
    """No notation of types, and the words to choose from."""
    path = tmp_path / "in.jsonl"
    line = {"id": "e1", "at": "2026-03-03T12:00:00Z", "kind": "post", "conversation": "c1"}
    path.write_text(json.dumps(line | event) + "\n")
    assert main(["check", str(path)]) == 1
    assert f"{path}:1: invalid: {said}" in capsys.readouterr().out


def test_check_passes_what_is_right(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The shipped policy and the sample have no faults."""
    first_hour = repository / "sample_data" / "first_hour.jsonl"
    assert main(["check", str(first_hour), str(repository / "alerts" / "policy.toml")]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("a file of events with 203 events, no faults")
    assert second.endswith("a policy, no faults")


def test_check_names_every_fault_of_a_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not only the first, each with its line."""
    path = tmp_path / "policy.toml"
    path.write_text(
        'version = "v"\n'
        'reopen_window = "3 parsecs"\n'
        "[[rules]]\n"
        'name = "chat"\n'
        'match = { canal = ["chat"] }\n'
        "targets = { first_response = -5 }\n"
        "[[rules]]\n"
        'name = "chat"\n'
        'objective.window = "10m"\n'
        "[rules.targets]\n"
        'next_response = "soon"\n'
    )
    assert main(["check", str(path)]) == 1
    shown = capsys.readouterr().out
    for words in (
        ":1: the file has no 'effective_from'",
        ":5: 'rules[1].match.canal' is not known",
        ":6: 'rules[1].targets.first_response' is -5",
        ":8: a rule is named 'chat' already, in line 4",
        ":11: 'rules[2].targets.next_response' is 'soon'",
    ):
        assert f"{path}{words}" in shown


def test_check_names_every_fault_of_a_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown names, wrong values, durations, and a policy that isn't there."""
    path = tmp_path / "replywatch.toml"
    path.write_text(
        'histroy = "x"\npolicy = "none.toml"\nlateness = "soon"\nmax_ahead = "x"\n'
        "[exporter]\nport = 99999\n"
    )
    assert main(["check", str(path)]) == 1
    *faults, summary = capsys.readouterr().out.splitlines()
    assert [1, 2, 3, 4, 6] == [int(fault.split(":")[1]) for fault in faults]
    assert summary == f"{path}: a configuration, 5 faults"


def test_what_is_not_toml_is_placed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line where the text stops being TOML."""
    path = tmp_path / "replywatch.toml"
    path.write_text("shards = 4\ndesks =\n")
    assert main(["check", str(path)]) == 1
    assert capsys.readouterr().out.startswith(f"{path}:2: not TOML: ")


def test_check_says_what_it_cannot_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Absent files and files of no kind are one sentence each; the others are checked still."""
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG")
    sound = tmp_path / "replywatch.toml"
    sound.write_text("shards = 4\n")
    assert main(["check", str(tmp_path / "absent.toml"), str(path), str(sound)]) == 1
    shown = capsys.readouterr()
    first, second = shown.err.splitlines()
    assert first.startswith(f"replywatch: {tmp_path / 'absent.toml'}: no such file")
    assert second.startswith(f"replywatch: {path} is no file that can be checked")
    assert shown.out == f"{sound}: a configuration, no faults\n"


def test_a_file_is_taken_for_what_it_holds() -> None:
    """By its name, and where that leaves it open by its first bytes."""
    expected = {
        ("a.csv", b"x"): "twcs",
        ("a.txt", b"tweet_id,author_id\n"): "twcs",
        ("a.jsonl.gz", b""): "events",
        ("a.log", b' {"id": "1"}'): "events",
        ("a.toml", b"shards = 4"): "configuration",
        ("a.toml", b"# x\n[[rules]]\n"): "policy",
    }
    assert expected == {given: guess_kind(Path(given[0]), given[1]) for given in expected}


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (b"0123456789abcde\n", ["2: note: the key in 'key' has 15 bytes, and handles are found"]),
        (b"0123456789abcdef\n", []),
        (b"\n", ["2: note: 'key' is empty, so no handle is kept"]),
        (None, []),
    ],
)
def test_check_notes_a_key_that_hides_no_handle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: bytes | None, said: list[str]
) -> None:
    """It is lawful, and where the key is kept elsewhere nothing is said."""
    if key is not None:
        (tmp_path / "key").write_bytes(key)
    path = tmp_path / "replywatch.toml"
    path.write_text('shards = 4\ncustomer_key_file = "key"\n')
    assert main(["check", str(path)]) == 0
    *notes, verdict = capsys.readouterr().out.splitlines()
    assert [f"{path}:{note}" for note in said] == [note.split(" by trying")[0] for note in notes]
    assert verdict == f"{path}: a configuration, no faults{', 1 note' if said else ''}"
