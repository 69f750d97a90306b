"""The commands that keep a history in order: `compact` and `erase`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from replywatch.flows.cli_args import (
    Commands,
    add_command,
    add_history,
    duration,
    find_history,
    read_settings,
)
from replywatch.flows.cli_errors import OK, Failure, complain, counted
from replywatch.metrics.policy import parse_duration
from replywatch.metrics.times import DAY, NEVER, SECOND
from replywatch.sql.compaction import GRACE_SECONDS, compact

_COMPACT_EXAMPLES = """
replywatch compact --history out
replywatch compact --grace 10m
"""

_ERASE_EXAMPLES = """
replywatch erase --customer @jo --history out
replywatch erase --customer @jo --output receipt.json
"""


def add_commands(commands: Commands) -> None:
    """Add `compact` and `erase`."""
    parser = add_command(
        commands,
        "compact",
        _compact,
        help="merge small files, drop what is kept no longer",
        description="Merge the small files of each table and day into one, without superseded "
        "revisions; drop the days that [retention] of the configuration keeps no longer; remove "
        "files replaced some time ago. It may run while the pipeline writes and people read.",
        examples=_COMPACT_EXAMPLES,
    )
    parser.add_argument(
        "--grace",
        type=duration,
        default=round(GRACE_SECONDS) * SECOND,
        metavar="TIME",
        help="how long a replaced file stays for readers that have the history open (default: 1h)",
    )
    add_history(parser)
    parser = add_command(
        commands,
        "erase",
        _erase,
        help="remove a customer from a history, with a receipt",
        description="Remove every row of every conversation of a customer from all tables, and "
        "refused events that name the handle. The files that held them are rewritten and the old "
        "ones removed at once: a program that has the history open must open it anew. The receipt "
        "(JSON) says what was done, which exports name the conversations, and what is not covered.",
        examples=_ERASE_EXAMPLES,
    )
    parser.add_argument(
        "--customer", required=True, metavar="HANDLE", help="the handle, as the events have it"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write the receipt there (default: stdout)"
    )
    add_history(parser)


def _compact(given: argparse.Namespace) -> int:
    settings = read_settings(given)
    keep_days = {
        table: length / DAY
        for table, kept in settings.retention.items()
        if (length := parse_duration(kept)) < NEVER
    }
    began = time.monotonic()
    did = compact(
        find_history(given),
        grace=given.grace / SECOND,
        keep_days=keep_days,
        on_step=_progress if sys.stderr.isatty() else lambda done, total: None,
    )
    seconds = time.monotonic() - began
    print(
        f"{counted(did.files_read, 'file')} merged into {did.files_written:,}: "
        f"{did.rows_read:,} rows, {did.rows_written:,} of them still in force, in {seconds:.1f} s"
    )
    for table, files in did.expired.items():
        print(f"{table}: {counted(files, 'file')} kept no longer")
    print(
        f"{counted(did.files_after, 'file')} in the history, {did.files_before:,} before; "
        f"{counted(did.removed, 'replaced file')} removed"
    )
    return OK


def _progress(done: int, total: int) -> None:
    end = "\n" if done == total and total else ""
    if total:
        sys.stderr.write(f"\r{done:,} of {total:,} days and tables{end}")
        sys.stderr.flush()


def _erase(given: argparse.Namespace) -> int:
    from replywatch.flows.customer_keys import check_erasing_keys, customer_hashes
    from replywatch.flows.settings import SettingsError
    from replywatch.sql.erasure import erase
    from replywatch.sql.history import require_history
    from replywatch.sql.render import write_whole

    settings, folder = read_settings(given), find_history(given)
    try:
        check_erasing_keys(require_history(folder), settings)
        keys = customer_hashes(settings, given.customer)
    except SettingsError as error:
        raise Failure(str(error)) from None
    receipt = erase(folder, keys, given.customer)
    if not keys:
        complain(
            "the history was made without a key, so it knows no customer by handle: only refused "
            "events were searched"
        )
    elif not receipt["conversations"]:
        complain(
            "the history holds no conversation of this customer: see that the handle is written as "
            "in the events"
        )
    text = json.dumps(receipt, indent=2, ensure_ascii=False) + "\n"
    if given.output is None:
        sys.stdout.write(text)
    else:
        write_whole(given.output, text.encode("utf-8"))
    return OK
