"""The drawing of files of work, as a part of upkeep; `work.py` says what they are."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from replywatch.sql.history import DATA, create_empty
from replywatch.sql.manifest import DataFile
from replywatch.sql.schemas import TABLES, WORK
from replywatch.sql.upkeep import Upkeep
from replywatch.sql.views import Restating, create_view
from replywatch.sql.work import KINDS, NOTE, SOURCES, Drawn, is_current, known_work, mark_days

SETTLED_DAYS = 10
"""How long a day has been over before it is drawn: by then few of its conversations change."""

ORDER = ("agent", "conversation", "worked_at")
"""A report adds up quickly what stands together."""

PACKING = "compression lz4_raw, parquet_version v2"
"""Quick to unpack; only reports read these files, again and again."""


def settled_days(marks: dict[str, str], now: float) -> dict[str, dict[str, str]]:
    """The dates, with their marks, that are over for long enough at `now` (Unix time), by month."""
    until = datetime.fromtimestamp(now, UTC).date() - timedelta(days=SETTLED_DAYS)
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for day in sorted(marks):
        if date.fromisoformat(day) < until:
            found[day[:7]][day] = marks[day]
    return dict(found)


def draw_work(upkeep: Upkeep) -> int:
    """Draw the months whose settled days changed, and drop what can't be read; months drawn."""
    _, files = upkeep.manifest.picture()
    marks, known = mark_days(files, Restating(files)), known_work(upkeep.manifest)
    settled = settled_days(marks, upkeep.now)
    written = 0
    for month in sorted({*settled, *known}):
        days, before = settled.get(month, {}), known.get(month)
        if before is not None and before.days == days:
            continue
        fresh = None
        if days:
            if not written:
                create_empty(upkeep.con)
            fresh = _draw(upkeep, month, days, [file for file in files if file.date in days])
            written += 1
        _note(upkeep, month, fresh, before)
    return written


def drop_stale_work(upkeep: Upkeep) -> None:
    """Drop the files of work that were drawn from files that no longer count."""
    _, files = upkeep.manifest.picture()
    marks = mark_days(files, Restating(files))
    for month, work in known_work(upkeep.manifest).items():
        if not is_current(work, marks):
            _note(upkeep, month, None, work)


def _draw(upkeep: Upkeep, month: str, days: dict[str, str], files: list[DataFile]) -> Drawn:
    """Write the work of `days`, whose `files` these are."""
    nothing = Restating([])
    for name in SOURCES:
        of_table = [file for file in files if file.table == name]
        upkeep.con.execute(create_view(TABLES[name], of_table, nothing, upkeep.root))
    place, paths = Path(DATA) / WORK.name / f"date={month}", {}
    for kind in KINDS:  # one at a time, so that sorting a month takes little memory
        query = f"select * from agent_work where work = '{kind}'"
        fresh, count = upkeep.write(WORK, place, query, ORDER, PACKING)
        paths[kind] = str(upkeep.settle(fresh, count))
    return Drawn(paths, days)


def _note(upkeep: Upkeep, month: str, work: Drawn | None, before: Drawn | None) -> None:
    value = None if work is None else msgspec.json.encode(work).decode()
    gone = () if before is None else before.paths.values()
    upkeep.manifest.replace_note(NOTE, month, value, gone, upkeep.now)
