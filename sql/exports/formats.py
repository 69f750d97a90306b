"""What the files of each system look like: their columns, in order, and what stands in them.

`canonical` is the project's own and has everything. The others have the columns that their system
asks for and no others, and their system's names of queues where the configuration gives them; they
leave out intervals that aren't over, which those systems would take for quiet ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from replywatch.sql.cells import csv_text
from replywatch.sql.exports.intervals import DAILY, IMMEDIATE_SECONDS, MINUTES
from replywatch.sql.exports.queues import SCOPE, Queues, Row, queue_name, queue_number

Cells = list[str]


@dataclass(frozen=True)
class Setting:
    """What a file is made for: its intervals, its zone, how its system calls queues.

    Intervals are of so many `minutes`, 0 being whole days of the zone.
    """

    minutes: int
    zone: ZoneInfo
    queues: Queues = field(default_factory=Queues)

    @property
    def is_daily(self) -> bool:
        """Whether an interval is a whole day."""
        return self.minutes == 0


@dataclass(frozen=True)
class Format:
    """One format; `cells` makes a line of a row, or of a conversation where `is_by_contact`.

    `sort_of` says by channel which sort of contacts its system takes them for; without it queues
    go by their own names alone.
    """

    columns: tuple[str, ...]
    cells: Callable[[Row, Setting], list[Any]]
    delimiter: str = ","
    has_header: bool = True
    is_by_contact: bool = False
    has_open_intervals: bool = False
    has_days: bool = False
    sort_of: Callable[[str], str] | None = None
    has_ids: bool = False

    def check(self, rows: pa.Table, setting: Setting) -> None:
        """Raise `QueueError` where `rows` have a queue that `setting` doesn't name as it must."""
        if self.sort_of is not None:
            scopes = rows.select(SCOPE).group_by(list(SCOPE)).aggregate([]).to_pylist()
            sorts = [(queue_name(scope), self.sort_of(scope["channel"])) for scope in scopes]
            setting.queues.check(sorts, has_ids=self.has_ids)

    def lines(self, rows: pa.Table, setting: Setting) -> Iterator[Cells]:
        """The lines of `rows`, their text safe to open in a spreadsheet."""
        for batch in rows.to_batches(max_chunksize=10_000):
            for row in batch.to_pylist():
                is_over = self.is_by_contact or self.has_open_intervals or row["is_complete"]
                is_named = self.sort_of is None or setting.queues.name(row)
                if is_over and is_named:
                    yield [csv_text(cell) for cell in self.cells(row, setting)]


def is_immediate(target_seconds: float | None) -> bool:
    """Whether work with this first-response target is answered as it comes; with none it isn't."""
    return target_seconds is not None and target_seconds <= IMMEDIATE_SECONDS


def utc_text(moment: datetime | None) -> str:
    """`2026-03-29T00:15:00Z`, cut to the second."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _offset(local: datetime) -> str:
    text = f"{local:%z}"
    return f"UTC{text[:3]}:{text[3:5]}"  # a cell that begins with a sign would be a formula


def _count(value: int | None) -> int:
    return 0 if value is None else value


def _seconds(value: float | None) -> float:
    return 0.0 if value is None else round(value, 6)


def _whole(value: float | None) -> int:
    return 0 if value is None else round(value)


def _ratio(value: float | None, of: float | None) -> float | None:
    return round(value / of, 6) if value is not None and of else None


def _canonical(row: Row, setting: Setting) -> list[Any]:
    start: datetime = row["interval_start_utc"]
    local = start.astimezone(setting.zone)
    met, missed = _count(row["met"]), _count(row["missed"])
    return [
        utc_text(start),
        f"{local:%Y-%m-%dT%H:%M:%S}",
        _offset(local),
        setting.zone.key,
        setting.minutes,
        row["is_complete"],
        *(row[part] for part in SCOPE),
        "immediate" if is_immediate(row["target_seconds"]) else "deferred",
        row["target_seconds"],
        *(_count(row[name]) for name in ("offered", "posts", "replies", "responses", "handled")),
        _count(row["abandoned"]),
        _seconds(row["handle_active_seconds"]),
        _ratio(row["handle_active_seconds"], row["handled"]),
        _ratio(row["attended_seconds"], row["active_seconds"]),
        met,
        missed,
        _ratio(met, met + missed),
        row["backlog_start"],
        row["backlog_end"],
    ]


def _genesys(row: Row, setting: Setting) -> list[Any]:
    return genesys_cells(
        row["interval_start_utc"],
        setting.queues.name(row),
        row["channel"],
        _count(row["offered"]),
        _count(row["handled"]),
        _whole(row["handle_active_seconds"]),
    )


def genesys_cells(
    start: datetime, queue: str, channel: str, offered: float, handled: float, seconds: float
) -> list[Any]:
    """A line of Genesys Cloud's file; `seconds` is the handle time of all that are `handled`."""
    return [utc_text(start), queue, genesys_media(channel), "", "", offered, handled, seconds]


def genesys_media(channel: str) -> str:
    """What Genesys Cloud calls contacts of a channel."""
    return _GENESYS_MEDIA.get(channel.lower(), "message")


_GENESYS_MEDIA = {"chat": "chat", "email": "email", "voice": "voice", "phone": "voice"}


def _amazon_connect(row: Row, setting: Setting) -> list[Any]:
    name = setting.queues.name(row)
    mean = _ratio(row["handle_active_seconds"], row["handled"])
    return [
        name,
        setting.queues.id(row, name),
        _amazon_channel(row["channel"]),
        utc_text(row["interval_start_utc"]),
        DAILY if setting.is_daily else f"{setting.minutes}mins",
        _count(row["offered"]),
        _whole(mean),
        _count(row["handled"]),
    ]


def _amazon_channel(channel: str) -> str:
    return "VOICE" if channel.lower() in ("voice", "phone") else "CHAT"


def _teleopti(row: Row, setting: Setting) -> list[Any]:
    start: datetime = row["interval_start_utc"].astimezone(UTC)
    return [
        setting.minutes,
        f"{start:%Y%m%d}",
        f"{start:%H:%M}",
        setting.queues.id(row, queue_number(queue_name(row))),
        setting.queues.name(row),
        _count(row["offered"]),
        0,
        _count(row["abandoned"]),
        0,
        _count(row["handled"]),
        _whole(row["wait_seconds"]),
        _whole(row["abandoned_wait_seconds"]),
        _whole(row["handle_active_seconds"]),
        0,
        _whole(row["longest_wait_seconds"]),
        _whole(row["longest_abandoned_wait_seconds"]),
        0,
        _count(row["within_target"]),
        0,
        _count(row["abandoned_short"]),
        _count(row["abandoned_within_target"]),
    ]


def _assembled(row: Row, setting: Setting) -> list[Any]:
    opened: datetime = row["created_at"]
    return [
        utc_text(opened),
        # An id may live again after its reopen window.
        f"{row['conversation_id']}@{opened.astimezone(UTC):%Y%m%dT%H%M%S%f}Z",
        row["channel"],
        "solved" if row["is_solved"] else "open",
        utc_text(row["first_responded_at"]),
        None if row["handle_seconds"] is None else _whole(row["handle_seconds"]),
        utc_text(row["solved_at"]),
        setting.queues.name(row),
    ]


GENESYS_COLUMNS = (
    "Interval Start UTC Date", "Queue", "Media Type", "Skill Set", "Language", "Offered",
    "Interactions Handled", "Total Handle Time",
)  # fmt: skip

FORMATS: dict[str, Format] = {
    "canonical": Format(
        (
            "interval_start_utc", "interval_start_local", "utc_offset", "timezone",
            "interval_minutes", "is_complete", "brand", "channel", "queue", "work_type",
            "first_response_target_seconds", "offered", "posts", "replies", "responses", "handled",
            "abandoned", "handle_active_seconds", "aht_active_seconds", "concurrency", "met",
            "missed", "service_level_ratio", "backlog_start", "backlog_end",
        ),
        _canonical,
        has_open_intervals=True,
    ),
    "genesys": Format(GENESYS_COLUMNS, _genesys, sort_of=genesys_media),
    "amazon-connect": Format(
        (
            "QueueName", "QueueId", "ChannelType", "TimeStamp", "IntervalDuration",
            "IncomingContactVolume", "AverageHandleTime", "ContactsHandled",
        ),
        _amazon_connect,
        has_days=True,
        sort_of=_amazon_channel,
        has_ids=True,
    ),
    "teleopti": Format(
        (
            "interval", "date", "time", "queue", "queue_name", "offd_direct_call_cnt",
            "overflow_in_call_cnt", "aband_call_cnt", "overflow_out_call_cnt", "answ_call_cnt",
            "queued_and_answ_call_dur", "queued_and_aband_call_dur", "talking_call_dur",
            "wrap_up_dur", "queued_answ_longest_que_dur", "queued_aband_longest_que_dur",
            "avg_avail_member_cnt", "ans_servicelevel_cnt", "wait_dur", "aband_short_call_cnt",
            "aband_within_sl_cnt",
        ),
        _teleopti,
        delimiter=";",
        has_header=False,
        sort_of=lambda channel: "",
        has_ids=True,
    ),
    "assembled": Format(
        (
            "Created at", "Import ID", "Channel", "Status", "First responded at", "Handle time",
            "Solved at", "Queue",
        ),
        _assembled,
        is_by_contact=True,
        sort_of=lambda channel: channel,
    ),
}  # fmt: skip


def minutes_of(interval: str, fmt: str) -> int:
    """The `Setting.minutes` of an interval by its name; `ValueError` where `fmt` has none such."""
    if interval in MINUTES:
        return MINUTES[interval]
    daily = ", ".join(name for name, made in FORMATS.items() if made.has_days)
    if interval != DAILY:
        named = ", ".join((*MINUTES, DAILY))
        raise ValueError(f"no interval '{interval}'; name one of {named}")
    if not FORMATS[fmt].has_days:
        raise ValueError(
            f"format '{fmt}' has no daily intervals; "
            f"give {' or '.join(MINUTES)}, or the format {daily}"
        )
    return 0
