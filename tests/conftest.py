"""Fixtures every room's tests share."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from replywatch.flows.cli import main
from replywatch.sample_data import sample_events, write_events

ROOT = Path(__file__).resolve().parent.parent


def _skip_or_fail(name: str, reason: str) -> NoReturn:
    """Skips the test, or fails it where `REPLYWATCH_REQUIRE` (a list of names) holds `name`."""
    if name in re.split(r"[\s,]+", os.environ.get("REPLYWATCH_REQUIRE", "")):
        pytest.fail(f"{reason}, and REPLYWATCH_REQUIRE names {name}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def require_tool() -> Callable[..., str]:
    """A function from a command's names to its path; without the command the test is skipped."""

    def find(name: str, *other_names: str) -> str:
        path = next(filter(None, map(shutil.which, (name, *other_names))), None)
        if path is None:
            _skip_or_fail(name, f"the command {name} is not installed")
        return path

    return find


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB to fill; the test is skipped where none can be made."""
    from faults import disks
    from faults.registry import Unavailable

    try:
        with disks.small_disk(tmp_path / "disk", 8):
            yield tmp_path / "disk"
    except Unavailable as missing:
        _skip_or_fail(missing.name, str(missing))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the public datasets: `REPLYWATCH_DATA`, else `../shared` beside the checkout.

    Without it the test is skipped, or fails where `REPLYWATCH_REQUIRE` names `data`.
    """
    folder = Path(os.environ.get("REPLYWATCH_DATA") or ROOT.parent / "shared")
    if not (folder / "data").is_dir():
        _skip_or_fail("data", f"no datasets at {folder} (REPLYWATCH_DATA names the folder)")
    return folder


@pytest.fixture(scope="session")
def sample_events_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two sample days as a file of events."""
    path = tmp_path_factory.mktemp("sample") / "sample.jsonl"
    write_events(path, sample_events())
    return path


@pytest.fixture(scope="session")
def sample_history(sample_events_file: Path) -> Path:
    """The history of the two sample days, replayed once; nobody changes it."""
    out = sample_events_file.parent / "out"
    assert main(["replay", str(sample_events_file), "--out", str(out)]) == 0
    return out
