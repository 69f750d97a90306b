"""Compaction: the small files of a day become one, without what has been superseded.

In the new file each key stands once, at its latest revision, and rows that a restatement voided
are gone; both can be left out for good, since revisions and generations only grow and no seal
holds rows older than the one before. A day that is one such file needs no rewriting until
something new is sealed for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from replywatch.sql.erasure import erase_again
from replywatch.sql.manifest import DataFile
from replywatch.sql.schemas import RESTATEMENTS, TABLES, Table
from replywatch.sql.upkeep import Rewritten, Upkeep, begin_upkeep
from replywatch.sql.views import Restating, select_rows
from replywatch.sql.work_drawing import draw_work

GRACE_SECONDS = 3600.0
"""How long a replaced file stays for readers that opened the history before."""


DROPPED = "dropped"
"""The kind of notes in the manifest that name tables of which days were dropped, and the last."""

COMMITTED_TOGETHER = 64
"""Files that one transaction lets count: what a crash makes the next run do again."""


@dataclass
class Compacted:
    """What a run did: files and rows read and written, files retired for age, files removed."""

    files_before: int = 0
    files_after: int = 0
    files_read: int = 0
    files_written: int = 0
    rows_read: int = 0
    rows_written: int = 0
    expired: dict[str, int] = field(default_factory=dict)
    removed: int = 0
    months_drawn: int = 0


def compact(
    folder: Path,
    *,
    grace: float = GRACE_SECONDS,
    keep_days: Mapping[str, float] | None = None,
    now: float | None = None,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Compacted:
    """Compact the history in `folder`, retire what is older than its table is kept, and sweep.

    `keep_days` are days by table; a table it doesn't name is kept for ever, and a date is retired
    when its last instant is that old. Files replaced at least `grace` seconds ago are removed.
    `on_step` is told how many groups of files are done, of how many. Safe while the pipeline
    writes and readers read; another run is refused with `HistoryError`.
    """
    moment = time.time() if now is None else now
    did = Compacted()
    with begin_upkeep(folder, moment) as upkeep:
        erase_again(upkeep)
        did.expired = _expire(upkeep, keep_days or {})
        published, files = upkeep.manifest.picture()
        did.files_before = len(files)
        restating = Restating(files)
        groups = _groups(files, restating)
        waiting: list[Rewritten] = []
        for done, (table, group) in enumerate(groups):
            on_step(done, len(groups))
            waiting.append(_merge(upkeep, table, group, restating, published, did))
            if len(waiting) == COMMITTED_TOGETHER:
                upkeep.commit(waiting)
                waiting = []
        upkeep.commit(waiting)
        on_step(len(groups), len(groups))
        did.months_drawn = draw_work(upkeep)
        upkeep.show()
        did.removed = len(upkeep.sweep(grace))
        did.files_after = len(upkeep.manifest.files())
    return did


def _merge(
    upkeep: Upkeep,
    table: Table,
    group: Sequence[DataFile],
    restating: Restating,
    published: int,
    did: Compacted,
) -> Rewritten:
    rewritten = upkeep.rewrite(
        table,
        group,
        select_rows(table, group, restating.of(group), upkeep.root),
        applied=published,
        is_compacted=True,
    )
    did.files_read += len(group)
    did.rows_read += sum(file.rows for file in group)
    did.files_written += rewritten.new is not None
    did.rows_written += 0 if rewritten.new is None else rewritten.new.rows
    return rewritten


def _groups(files: Sequence[DataFile], restating: Restating) -> list[tuple[Table, list[DataFile]]]:
    """The files of a table and date that are worth rewriting, oldest dates first.

    Restatements wait until they are spent: until nothing is left that they may void.
    """
    found = []
    is_spent = not any(map(restating.voids, files))
    ordered = sorted(files, key=lambda file: (file.date, file.table, file.sequence))
    for (_, name), some in groupby(ordered, key=lambda file: (file.date, file.table)):
        table, group = TABLES[name], list(some)
        if table is RESTATEMENTS:
            is_due = len(group) > 1 and is_spent
        else:
            is_single = len(group) == 1 and (group[0].is_compacted or not table.is_revised)
            is_due = not is_single or any(map(restating.voids, group))
        if is_due:
            found.append((table, group))
    return found


def _expire(upkeep: Upkeep, keep_days: Mapping[str, float]) -> dict[str, int]:
    """Retire the files of dates that are over for as long as their table is kept."""
    expired = {}
    for name, days in keep_days.items():
        kept_from = datetime.fromtimestamp(upkeep.now, UTC) - timedelta(days=days)
        old = [
            file
            for file in upkeep.manifest.files()
            if file.table == name
            and datetime.fromisoformat(file.date).replace(tzinfo=UTC) + timedelta(days=1)
            <= kept_from
        ]
        if old:
            upkeep.manifest.set_note(DROPPED, name, max(file.date for file in old))
            upkeep.retire(old)
            expired[name] = len(old)
    return expired
