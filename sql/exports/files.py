"""Exports as files: whole or not at all, a day each where a folder is named, finished ones kept."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TextIO

import duckdb
import pyarrow as pa

from replywatch.sql.erasure import EXPORT
from replywatch.sql.exports.formats import FORMATS, Format, Setting
from replywatch.sql.exports.intervals import (
    DAILY,
    Day,
    chunks,
    covered,
    days_between,
    read_conversations,
    read_days,
    read_intervals,
    rows_of_day,
    told_until,
)
from replywatch.sql.manifest import DataFile, Manifest
from replywatch.sql.render import write_whole

_SAYS_SO = ("windows", "sla", "handling", "conversations")
"""The tables whose news of a day make its file another one."""


@dataclass(frozen=True)
class Export:
    """What is to be exported: a format by its name, for `setting`, from the history in `folder`."""

    folder: Path
    format: str
    setting: Setting


@dataclass
class Written:
    """The files of a run: written now, and left as they were since nothing of their day is new."""

    written: list[Path]
    kept: list[Path]


def export_days(
    con: duckdb.DuckDBPyConnection, first: date | None, last: date | None, setting: Setting
) -> list[Day]:
    """The days from `first` to `last` in the zone of `setting`; `None` is as far as the history.

    None before the history begins, of which nothing is known, and none where it is empty.
    """
    found = covered(con)
    if found is None:
        return []
    begin, end = (at.astimezone(setting.zone) for at in found)
    until = (end - timedelta(microseconds=1)).date()
    start = begin.date() if first is None else max(first, begin.date())
    return days_between(start, last or until, setting.zone)


def write_days(
    con: duckdb.DuckDBPyConnection, export: Export, days: list[Day], folder: Path
) -> Written:
    """Write a file a day into `folder`, and keep those of days that nothing new was said of.

    Each file is written beside its place, made durable and renamed. Cut anywhere, the next run
    goes on; two runs at once write the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    manifest = Manifest(export.folder)
    files, notes, now = manifest.files(), manifest.notes(EXPORT), told_until(con)
    done = Written([], [])
    due: list[tuple[Day, Path, str]] = []
    for day in days:
        if export.setting.is_daily and (now is None or now < day.until):
            continue  # a file without a line
        path = (folder / _file_name(export, day.day)).resolve()
        mark = _mark(export, day, files, now)
        if notes.get(str(path)) == mark and path.exists():
            done.kept.append(path)
        else:
            due.append((day, path, mark))
    for some in chunks([day for day, _, _ in due]):
        rows = _read(con, export, some)
        for day, path, mark in due:
            if some[0].day <= day.day <= some[-1].day:
                text = io.StringIO(newline="")
                _write(_of_day(rows, export, day), export, text, is_first=True)
                write_whole(path, text.getvalue().encode("utf-8"))
                # A history that may only be read has no place for notes: then all is written anew.
                with suppress(sqlite3.OperationalError):
                    manifest.set_note(EXPORT, str(path), mark)
                done.written.append(path)
    return done


def write_stream(
    con: duckdb.DuckDBPyConnection, export: Export, days: list[Day], stream: TextIO
) -> None:
    """Write all days as one file to `stream`."""
    is_first = True
    for some in chunks(days):
        _write(_read(con, export, some), export, stream, is_first)
        is_first = False
    if is_first:
        _write_lines(FORMATS[export.format], iter(()), stream, is_first)


def write_file(con: duckdb.DuckDBPyConnection, export: Export, days: list[Day], path: Path) -> None:
    """Write all days as one file that appears whole or not at all; it is noted for erasure."""
    text = io.StringIO(newline="")
    write_stream(con, export, days, text)
    write_whole(path, text.getvalue().encode("utf-8"))
    with suppress(sqlite3.OperationalError):
        Manifest(export.folder).set_note(EXPORT, str(path.resolve()), "{}")


def _read(con: duckdb.DuckDBPyConnection, export: Export, days: list[Day]) -> pa.Table:
    since, until = days[0].since, days[-1].until
    if FORMATS[export.format].is_by_contact:
        return read_conversations(con, since, until)
    if export.setting.is_daily:
        return read_days(con, days)
    return read_intervals(con, since, until, export.setting.minutes)


def _of_day(rows: pa.Table, export: Export, day: Day) -> pa.Table:
    if FORMATS[export.format].is_by_contact:
        return rows_of_day(rows, day, "created_at")
    return rows_of_day(rows, day)


def _write(rows: pa.Table, export: Export, stream: TextIO, is_first: bool) -> None:
    made = FORMATS[export.format]
    made.check(rows, export.setting)
    _write_lines(made, made.lines(rows, export.setting), stream, is_first)


def _write_lines(made: Format, lines: Iterator[list[str]], stream: TextIO, is_first: bool) -> None:
    writer = csv.writer(stream, delimiter=made.delimiter, lineterminator="\n")
    if is_first and made.has_header:
        writer.writerow(made.columns)
    writer.writerows(lines)


def _file_name(export: Export, day: date) -> str:
    interval = DAILY if export.setting.is_daily else f"{export.setting.minutes}m"
    return f"wfm-{export.format}-{interval}-{day.isoformat()}.csv"


def _mark(export: Export, day: Day, files: list[DataFile], now: datetime | None) -> str:
    """What a file was made from; it stays the same while nothing new is known of its day.

    That is a seal of it, or that more of its intervals are over: a quiet evening's by the next day.
    """
    dates = (day.since.date().isoformat(), (day.until - timedelta(seconds=1)).date().isoformat())
    sequence = max(
        (
            file.sequence
            for file in files
            if file.table in _SAYS_SO and dates[0] <= file.date <= dates[1]
        ),
        default=0,
    )
    setting = export.setting
    told = None if now is None else min(now, day.until).isoformat()
    queues = (sorted(of.items()) for of in (setting.queues.names, setting.queues.ids))
    return json.dumps([sequence, told, setting.zone.key, *queues])
