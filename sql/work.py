"""Files of work: what people did on the settled days of a month, drawn from the tables once.

Reports on people add up rows of the mart `agent_work`. Compaction writes those rows into narrow
files a month, ordered so that a report reads little and adds up quickly. They are only read while
the very files they were drawn from are the ones that count: once late data, retention or an erasure
replaced one of them, the month is drawn from the tables again, by the same SQL, until the next
compaction writes it anew. So the figures are the same with and without such files.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import duckdb
import msgspec

from replywatch.sql.manifest import DataFile, Manifest
from replywatch.sql.schemas import TABLES, WORK
from replywatch.sql.views import Restating, create_view, read_files, split, view_of

NOTE = "work"
"""The kind of notes in the manifest that name the file of each month."""

SOURCES = ("messages", "responses", "handling", "sla", "conversations", "actions")
"""The tables that `agent_work` is drawn from."""

KINDS = ("reply", "response", "handling", "clock", "close", "survey")
"""The kinds of work, each in a file of its own: a report reads one after the other."""


class Drawn(msgspec.Struct, frozen=True):
    """What was drawn of a month: its file by kind, and the mark of the sources of each UTC date."""

    paths: dict[str, str]
    days: dict[str, str]


def known_work(manifest: Manifest) -> dict[str, Drawn]:
    """What was drawn of each month (`2026-01`), whether or not it still may be read."""
    notes = manifest.notes(NOTE)
    return {month: msgspec.json.decode(text, type=Drawn) for month, text in notes.items()}


def mark_days(files: Sequence[DataFile], restating: Restating) -> dict[str, str]:
    """A mark of the files of each date, which changes with them.

    Dates with files that hold more than what counts have none: what they hold can't be drawn.
    """
    by_date: defaultdict[str, list[str]] = defaultdict(list)
    mixed: set[str] = set()
    for name in SOURCES:
        plain, rest = split(TABLES[name], [f for f in files if f.table == name], restating)
        mixed.update(file.date for file in rest)
        for file in plain:
            by_date[file.date].append(file.path)
    drawn_by = _drawn_by()
    return {
        day: hashlib.sha256("\n".join([drawn_by, *sorted(paths)]).encode()).hexdigest()
        for day, paths in by_date.items()
        if day not in mixed
    }


@cache
def _drawn_by() -> str:
    """What draws: the mart's SQL, and DuckDB, of whose making a conversation's number is."""
    mart = resources.files(__package__) / "marts" / "agent_work.sql"
    return f"{duckdb.__version__}\n{mart.read_text(encoding='utf-8')}"


def is_current(work: Drawn, marks: dict[str, str]) -> bool:
    """Whether the files that it was drawn from are those that count."""
    return all(marks.get(day) == mark for day, mark in work.days.items())


def work_views(
    files: Sequence[DataFile], known: Sequence[Drawn], restating: Restating, root: Path
) -> Iterator[str]:
    """Statements that make the view of what is `known` and current, and of the rest.

    `raw.work` shows those files, and the schema `rest` the tables on all other days.
    """
    marks = mark_days(files, restating) if known else {}
    current = [work for work in known if is_current(work, marks)]
    drawn = {day for work in current for day in work.days}
    columns = ", ".join(name for name, _ in WORK.columns if name != "work")
    parts = [
        f"select '{kind}' as work, {columns} from {read_files(paths, root)}"
        for kind in KINDS
        if (paths := [work.paths[kind] for work in current if kind in work.paths])
    ]
    yield view_of(WORK, " union all ".join(parts))
    for name in SOURCES:
        if not drawn:
            yield f"create or replace view rest.{name} as select * from raw.{name}"
        else:
            rest = [file for file in files if file.table == name and file.date not in drawn]
            yield create_view(TABLES[name], rest, restating, root, "rest")
