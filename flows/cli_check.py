"""`replywatch check`."""

from __future__ import annotations

import argparse
from pathlib import Path

from replywatch.flows.cli_args import Commands, add_command
from replywatch.flows.cli_errors import FAILURE, OK, complain, counted, sentence

_EXAMPLES = """
replywatch check replywatch.toml policy.toml
replywatch check events.jsonl.gz
"""

_KINDS = {
    "configuration": "a configuration",
    "policy": "a policy",
    "events": "a file of events",
    "twcs": "a twcs archive",
}


def add_commands(commands: Commands) -> None:
    """Add `check`."""
    parser = add_command(
        commands,
        "check",
        _check,
        help="validate a configuration, a policy or an event file",
        description="Name every fault of a configuration, a policy (both .toml), a file of events "
        "(.jsonl, also .gz and .zst) or the twcs CSV, with its line and what is wrong. Exits with "
        "1 if there is any.",
        examples=_EXAMPLES,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="what to check")


def _check(given: argparse.Namespace) -> int:
    is_sound = [_check_one(path) for path in given.files]
    return OK if all(is_sound) else FAILURE


def _check_one(path: Path) -> bool:
    """Check one file and print what was found; whether nothing was."""
    from replywatch.flows.checks import UnknownFileError, check_file

    try:
        checked = check_file(path)
        count = 0
        for fault in checked.faults:
            count += 1
            print(f"{path}:{fault.line}: {fault.reason}")
    except (OSError, UnknownFileError) as error:
        complain(_located(path, error))
        return False
    size = f" with {counted(checked.size, 'event')}" if checked.kind in ("events", "twcs") else ""
    found = counted(count, "fault") if count else "no faults"
    print(f"{path}: {_KINDS[checked.kind]}{size}, {found}")
    return not count


def _located(path: Path, error: Exception) -> str:
    said = sentence(error) or str(error)
    return said if str(path) in said else f"{path}: {said}"
