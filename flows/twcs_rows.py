"""Reads the rows of Kaggle's "Customer Support on Twitter" CSV, good ones and refused ones.

`response_tweet_id` is damaged in common copies and isn't read; no text is kept.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec

from replywatch.metrics.events import Refused
from replywatch.metrics.times import DAY, HOUR, LATEST, MINUTE, SECOND, to_instant

RAW_LIMIT = 4096  # bytes of a refused row that are kept
_LONGEST_AUTHOR = 256  # characters, as an event's `agent` and `brand` may have
_LONGEST_LINE = 1 << 20  # characters read at once, so that a file without newlines is no danger
_LARGEST_ID = 2**63 - 1

_COLUMNS = ("tweet_id", "author_id", "inbound", "created_at", "in_response_to_tweet_id")
_INBOUND = {"True": True, "1": True, "False": False, "0": False}
_NO_PARENT = frozenset(("", "nan", "null", "none", "<na>"))  # as copies write an empty cell
_ID = re.compile(r"(\d+)(?:\.0*)?", re.ASCII)
_ROW_START = re.compile(r"\d+(?:\.0*)?,[^,\"]+,(?:true|false|1|0),", re.ASCII | re.IGNORECASE)
_CREATED_AT = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d) (\d{4})",
    re.ASCII,
)
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
_EPOCH_ORDINAL = datetime(1970, 1, 1).toordinal()


class TwcsError(ValueError):
    """The file as a whole is not the dataset's CSV; the message says what is missing."""


class Reject(msgspec.Struct, frozen=True):
    """A row that was refused: where it stood, why, and its bytes (at most `RAW_LIMIT`)."""

    source: str
    position: str  # "line 17": the physical line that the row starts on, the header being line 1
    reason: str  # "malformed": no row of the table; "invalid": a cell that can't be used
    raw: bytes
    detail: str = ""  # which cell, and its value


class TwcsRow(NamedTuple):
    """One tweet. `at` is microseconds since the epoch in UTC; `parent` the tweet it answers."""

    line: int
    tweet_id: int
    author: str
    is_inbound: bool
    at: int
    parent: int | None


class _Lines:
    """Feeds physical lines to a CSV reader and remembers those of the record in hand.

    Lines end at `\\n` alone; a bare `\\r` inside text is turned to a space, as it would end a row.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._waiting: deque[str] = deque()
        self._taken = 0
        self.record: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        waiting = self._waiting
        line = waiting.popleft() if waiting else self._file.readline(_LONGEST_LINE)
        if not line:
            raise StopIteration
        self.record.append(line)
        if "\r" in line:
            return line.rstrip("\r\n").replace("\r", " ") + "\n"
        return line

    def start(self) -> int:
        """Forget the record in hand; return the line number that the next one starts on."""
        self._taken += len(self.record)
        self.record.clear()
        return self._taken + 1

    def give_back_rows(self) -> None:
        """After a broken record: keep its first lines, give back those from the next row on.

        A quote that is never closed swallows the rows after it; they are read again. A line is
        only taken for a row here, never inside a sound quoted text.
        """
        for index in range(1, len(self.record)):
            if _ROW_START.match(self.record[index]):
                self._waiting.extendleft(reversed(self.record[index:]))
                del self.record[index:]
                return

    def raw(self) -> bytes:
        """The bytes of the record in hand as they stand in the file, cut at `RAW_LIMIT`."""
        text = "".join(self.record)[:RAW_LIMIT]
        return text.encode("utf-8", "surrogateescape")[:RAW_LIMIT]


def read_twcs(path: Path, on_reject: Callable[[Reject], object] | None = None) -> Iterator[TwcsRow]:
    """Yield the tweets of `path` in file order; a bad row goes to `on_reject` and is left out.

    Copies with ids like `523365.0`, bare `\\r` in texts, other column orders and a byte order mark
    read alike. Bytes that are not UTF-8 are refused in the columns used and harmless in a text.
    A tweet given twice is yielded twice. Raises `TwcsError` when the first line is not a header
    with the columns needed.
    """
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        lines = _Lines(file)
        reader = csv.reader(lines, strict=True)
        names = _header(path, reader)
        columns = tuple(names.index(name) for name in _COLUMNS)
        while True:
            line = lines.start()
            try:
                fields = next(reader)
                if not fields:
                    continue
                if len(fields) != len(names):
                    raise csv.Error(f"{len(fields)} columns instead of {len(names)}")
                row = _row(line, *(fields[column] for column in columns))
            except StopIteration:
                return
            except csv.Error as error:
                lines.give_back_rows()
                refused = Refused("malformed", str(error))
            except Refused as error:
                refused = error
            else:
                yield row
                continue
            if on_reject is not None:
                position = f"line {line}"
                on_reject(Reject(str(path), position, refused.reason, lines.raw(), refused.detail))


def _header(path: Path, reader: Iterator[list[str]]) -> list[str]:
    try:
        names = [name.strip().lower() for name in next(reader, [])]
    except csv.Error:
        names = []
    if names:
        names[0] = names[0].removeprefix("\ufeff").strip('"')
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        raise TwcsError(
            f"{path}: no column {missing[0]!r} in line 1; give the twcs.csv of"
            " 'Customer Support on Twitter', with its header"
        )
    return names


def _row(line: int, tweet: str, author: str, inbound: str, created: str, parent: str) -> TwcsRow:
    author = author.strip()
    if not 0 < len(author) <= _LONGEST_AUTHOR:
        raise Refused("invalid", f"author_id has {len(author)} characters, not 1 to 256")
    if not author.isascii() and any("\ud800" <= character <= "\udfff" for character in author):
        raise Refused("invalid", "author_id has bytes that are not UTF-8")
    if (number := _ID.fullmatch(author)) is not None:
        author = number[1]
    is_inbound = _INBOUND.get(inbound)
    if is_inbound is None and (is_inbound := _INBOUND.get(inbound.strip().title())) is None:
        raise Refused("invalid", f"inbound is {inbound!a:.80}, not True or False")
    if (at := parse_created_at(created)) is None:
        raise Refused("invalid", f"created_at is {created!a:.80}")
    answered = None
    if parent and parent.strip().lower() not in _NO_PARENT:
        answered = _number("in_response_to_tweet_id", parent)
    return TwcsRow(line, _number("tweet_id", tweet), author, is_inbound, at, answered)


def _number(column: str, text: str) -> int:
    match = _ID.fullmatch(text.strip())
    if match is None or len(match[1]) > 19 or (number := int(match[1])) > _LARGEST_ID:
        raise Refused("invalid", f"{column} is {text!a:.80}")
    return number


def parse_created_at(text: str) -> int | None:
    """Microseconds since the epoch of `Tue Oct 31 22:10:47 +0000 2017`, whatever the locale.

    RFC 3339 with an offset, as some copies have it, is read too. Anything else gives None, and so
    does a time before 1970 or after 9998.
    """
    match = _CREATED_AT.fullmatch(text)
    try:
        if match is None:
            instant = to_instant(datetime.fromisoformat(text.strip()))
        else:
            month, day, hour, minute, second, sign, hours, minutes, year = match.groups()
            month_number = _MONTHS.index(month) // 4 + 1
            moment = datetime(
                int(year), month_number, int(day), int(hour), int(minute), int(second)
            )
            instant = (moment.toordinal() - _EPOCH_ORDINAL) * DAY
            instant += moment.hour * HOUR + moment.minute * MINUTE + moment.second * SECOND
            offset = int(hours) * HOUR + int(minutes) * MINUTE
            instant += -offset if sign == "+" else offset
    except ValueError:
        return None
    return instant if 0 <= instant < LATEST else None
