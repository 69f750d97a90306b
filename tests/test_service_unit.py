"""The unit for systemd: what systemd says of it, and that it starts what exists."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from replywatch.flows.cli import build_parser


@pytest.fixture(scope="module")
def unit(repository: Path) -> Path:
    """The unit's file."""
    return repository / "systemd/replywatch.service"


def test_the_unit_starts_a_command_that_exists(unit: Path) -> None:
    """Its arguments are those that the parser takes."""
    (start,) = [one for one in unit.read_text("utf-8").splitlines() if one.startswith("ExecStart=")]
    program, *arguments = shlex.split(start.removeprefix("ExecStart="))
    given = build_parser().parse_args(arguments)
    assert ("replywatch", "/etc/replywatch/replywatch.toml") == (
        Path(program).name,
        str(given.config),
    )


def test_systemd_finds_nothing_wrong(
    unit: Path, tmp_path: Path, require_tool: Callable[..., str]
) -> None:
    """`systemd-analyze verify` has nothing to say of a unit whose program is there."""
    program = tmp_path / "replywatch"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text("utf-8").replace("/opt/replywatch/bin/replywatch", str(program)))
    command = [require_tool("systemd-analyze"), "verify", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    about_it = [one for one in done.stderr.splitlines() if unit.stem in one]
    assert ([], 0) == (about_it, done.returncode)
