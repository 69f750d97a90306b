"""`replywatch check`."""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from replywatch.flows.cli_args import Commands, add_command
from replywatch.flows.cli_errors import FAILURE, OK, complain, counted, sentence

if TYPE_CHECKING:
    from replywatch.flows.checks import Checked

_EXAMPLES = """
replywatch check replywatch.toml policy.toml
replywatch check policies/
replywatch check events.jsonl.gz
replywatch check out
"""

AGAIN_AFTER = 30
"""Seconds to a second look at a history that is being written: twice as long as `run` takes to
write a conversation that has changed (`conversations_every`)."""

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
        help="validate a configuration, a policy, an event file or a history",
        description="Name every fault of a configuration, a policy (both .toml), a folder with the "
        "versions of a policy, a file of events (.jsonl, also .gz and .zst) or the twcs CSV, with "
        "its line and what is wrong; or of a history (the folder that --out wrote) which of "
        "its files are damaged, or what in its tables and marts doesn't add up. Exits with 1 if "
        "there is any. A note is no fault: it names what is allowed and may not be meant.",
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="what to check, also a folder"
    )


def _check(given: argparse.Namespace) -> int:
    is_sound = [_check_one(path) for path in given.files]
    return OK if all(is_sound) else FAILURE


def _check_one(path: Path) -> bool:
    """Check a file, a history or each file in a folder, and print what was found; whether none."""
    from replywatch.flows.checks import UnknownFileError, check_file, check_folder
    from replywatch.flows.runner import is_cut_off
    from replywatch.sql.manifest import Manifest

    if path.is_dir() and Manifest(path).path.exists():
        if not _check_files(path):
            return False
        if is_cut_off(path):
            # Conversations are written at its end: until then half of what refers to them hangs.
            print(f"{path}: a replay that was cut off, no file damaged; it has no end to check yet")
            return True
        return _check_history(path)
    try:
        checks = check_folder(path) if path.is_dir() else {path: check_file(path)}
        are_sound = [_print_findings(*check) for check in checks.items()]  # all are told
        return all(are_sound)
    except (OSError, UnknownFileError) as error:
        complain(_located(path, error))
        return False


def _print_findings(path: Path, checked: Checked) -> bool:
    from replywatch.flows.policy_faults import Note

    faults = notes = 0
    for fault in checked.faults:
        is_note = isinstance(fault, Note)
        notes += is_note
        faults += not is_note
        print(f"{path}:{fault.line}: {'note: ' if is_note else ''}{fault.reason}")
    size = f" with {counted(checked.size, 'event')}" if checked.kind in ("events", "twcs") else ""
    found = counted(faults, "fault") if faults else "no faults"
    noted = f", {counted(notes, 'note')}" if notes else ""
    print(f"{path}: {_KINDS[checked.kind]}{size}, {found}{noted}")
    return not faults


def _check_files(folder: Path) -> bool:
    """Check what a history is kept in, and print what is damaged; whether nothing is."""
    from replywatch.flows.damage import faults_of

    count = 0
    for fault in faults_of(folder):
        count += 1
        print(fault if str(folder) in fault else f"{folder}: {fault}")
    if count:
        print(f"{folder}: a history, {counted(count, 'damaged file')}")
    return not count


def _check_history(folder: Path) -> bool:
    """Check a history, if `folder` holds one, and print what was found; whether nothing was."""
    from replywatch.flows.members import is_in_use
    from replywatch.sql.checks import (
        check_history,
        list_checks,
        look_again,
        read_descriptions,
    )
    from replywatch.sql.compaction import DROPPED
    from replywatch.sql.history import HistoryError, open_history
    from replywatch.sql.manifest import Manifest

    try:
        dropped = Manifest(folder).notes(DROPPED)
        with closing(open_history(folder)) as con:
            failures = list(check_history(con, dropped))
        if failures and is_in_use(folder):
            print(
                f"{folder} is being written, and rows may precede what they refer to: "
                f"{counted(len(failures), 'check')} again in {AGAIN_AFTER} s",
                flush=True,
            )
            time.sleep(AGAIN_AFTER)
            with closing(open_history(folder)) as con:
                failures = list(look_again(con, failures))
    except HistoryError as error:
        complain(_located(folder, error))
        return False
    for failure in failures:
        print(f"{folder}: {failure}")
    count = len(failures)
    models = read_descriptions().values()
    asked = sum(len(list_checks(model, dropped)) for model in models)
    skipped = sum(len(list_checks(model)) for model in models) - asked
    found = counted(count, "fault") if count else "no faults"
    noted = f"; {skipped} left out, for days of {' and '.join(dropped)} were dropped"
    print(
        f"{folder}: a history, {asked} checks of {len(models)} models, {found}"
        f"{noted if skipped else ''}"
    )
    return not count


def _located(path: Path, error: Exception) -> str:
    said = sentence(error) or str(error)
    return said if str(path) in said else f"{path}: {said}"
