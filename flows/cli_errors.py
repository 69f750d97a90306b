"""Errors of the command line: one sentence for what a user can set right, a traceback for a bug."""

from __future__ import annotations

import errno
import re
import sqlite3
import sys
import traceback
from contextlib import suppress

OK, FAILURE, WRONG_USE = 0, 1, 2
"""Exit codes of every command."""

STALLED = 75
"""Exit code of a live service whose checkpoints have stopped: try again."""

_ADVICE = {
    errno.ENOSPC: "free some space, then give the same command again: it goes on where it stopped",
    errno.EDQUOT: "free some space, then give the same command again: it goes on where it stopped",
    errno.EACCES: "name a place that you may read and write",
    errno.EPERM: "name a place that you may read and write",
    errno.EROFS: "name a place that you may write",
    errno.ENOENT: "name a place that exists",
    errno.ENOTDIR: "name a folder, not a file",
    errno.EEXIST: "name another place",
    errno.EISDIR: "name a file, not a folder",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
}


_STORE_ADVICE = "make sure that the disk has space and the folder can be written, then try again"
_ENGINE_STORE = re.compile(r"SqliteFailure\(.*Some\(\"([^\"]*)\"\)\)")
"""How the engine's panics and errors name what its own store said; they have no class for it."""


class UsageError(Exception):
    """The command line asks for something that there is not; exit code 2."""


class Failure(Exception):
    """What was asked for can't be done; exit code 1."""


def report_error(error: BaseException) -> int:
    """Say what went wrong on standard error; the exit code.

    An error class of this package, or one of the operating system, is one sentence, also where the
    engine wrapped it. Anything else is a bug and keeps its traceback.
    """
    found = unwrapped(error)
    if isinstance(found, KeyboardInterrupt):
        complain("interrupted before it could stop cleanly; give the same command to go on")
        return FAILURE
    said = sentence(found)
    if said is None:
        traceback.print_exception(error)
        complain("this is a fault in replywatch: please report it with the lines above")
        return FAILURE
    complain(said)
    return WRONG_USE if isinstance(found, UsageError) else FAILURE


def complain(sentence: str) -> None:
    """One line on standard error, in this command's name; that nobody reads it hinders nothing."""
    with suppress(OSError):
        sys.stderr.write(f"replywatch: {sentence}\n")
        sys.stderr.flush()


def sentence(error: BaseException) -> str | None:
    """What to tell a user of `error`, or `None` where it is a bug."""
    if isinstance(error, OSError):
        return _os_sentence(error)
    if (reason := storage_reason(error)) is not None:
        return reason
    kind = type(error)
    if kind.__module__.startswith("replywatch.") and kind.__name__ != "Refused":
        return one_line(str(error))
    return None


def storage_reason(error: BaseException) -> str | None:
    """What a store said no to, and what to do; `None` where `error` is none of a store."""
    stored = _ENGINE_STORE.search(str(error))
    if stored is not None:
        return f"the engine's recovery state: {stored[1]}; {_STORE_ADVICE}"
    if isinstance(error, sqlite3.DatabaseError):
        return f"the manifest or the recovery state: {one_line(str(error))}; {_STORE_ADVICE}"
    kind = type(error)
    said = str(error).partition("\n")[0]
    # On a full disk a commit fails as a transaction, and only its words tell why.
    is_unwritten = kind.__name__ == "TransactionException" and "Could not write" in said
    if kind.__module__ == "_duckdb" and (kind.__name__ == "IOException" or is_unwritten):
        return f"the history's files: {one_line(said)}; {_STORE_ADVICE}"
    return None


def one_line(text: str) -> str:
    """`text` on one line, its first word in lower case unless it is a name or an abbreviation."""
    text = " ".join(text.split())
    first = text.partition(" ")[0]
    return text[0].lower() + text[1:] if first.istitle() else text


def counted(number: int, noun: str) -> str:
    """`1 event`, `1,312 events`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _os_sentence(error: OSError) -> str:
    reason = (error.strerror or one_line(str(error)) or "input or output failed").lower()
    where = f"{error.filename}: " if error.filename is not None else ""
    advice = _ADVICE.get(error.errno or 0)
    return f"{where}{reason}" + (f"; {advice}" if advice else "")


def unwrapped(error: BaseException) -> BaseException:
    """The error of ours that the engine wrapped into its own."""
    while type(error).__module__.startswith("bytewax"):
        inner = error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    return error
