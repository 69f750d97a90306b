"""Which keys `replywatch erase` needs to find a customer, and what it says without them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from replays import replay, write_lines
from test_events import post

from replywatch.flows.cli import main

KEY, HANDLE = "REPLYWATCH_CUSTOMER_KEY", "@jane"


def erase(out: Path, config: Path | None = None) -> int:
    """Ask for the customer to be forgotten; the exit code."""
    chosen = [] if config is None else ["--config", str(config)]
    return main(["erase", "--customer", HANDLE, "--history", str(out), *chosen])


def test_a_customer_is_looked_for_under_every_key_that_the_history_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a key missing, or another one, nothing is erased and nobody is told it was."""
    monkeypatch.setenv(KEY, "the first")
    out = replay(
        tmp_path / "out", write_lines(tmp_path / "in.jsonl", [post(customer=HANDLE) + b"\n"])
    )
    capsys.readouterr()
    config, first = tmp_path / "c.toml", tmp_path / "first.key"
    config.write_text('customer_key_version = "2"\n')
    for key, chosen, said in (
        ("another", None, "not the one that this history knows as version '1'"),
        ("", None, "customers under version '1' of the key, which isn't given"),
        ("the second", config, "customers under version '1' of the key, which isn't given"),
    ):
        monkeypatch.setenv(KEY, key)
        assert 1 == erase(out, chosen)
        shown = capsys.readouterr()
        assert "" == shown.out
        assert said in shown.err
    first.write_text("the first\n")
    with config.open("a") as file:
        file.write(f'former_customer_keys = [{{ version = "1", file = "{first}" }}]\n')
    assert 0 == erase(out, config)
    assert 1 == json.loads(capsys.readouterr().out)["conversations"]


def test_a_history_without_hashes_still_has_refused_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that name the handle go, and that it was never known otherwise is said."""
    monkeypatch.delenv(KEY, raising=False)
    lines = [f"torn {HANDLE}\n".encode(), post(customer=HANDLE) + b"\n"]
    out = replay(tmp_path / "out", write_lines(tmp_path / "in.jsonl", lines))
    capsys.readouterr()
    assert 0 == erase(out)
    shown = capsys.readouterr()
    receipt = json.loads(shown.out)
    assert (0, 1) == (receipt["conversations"], len(receipt["rejects_removed"]))
    assert "made without a key" in shown.err
