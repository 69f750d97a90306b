"""Input formats of a replay, and how an archive is brought into its order of time."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

import msgspec

from replywatch.flows.lines import LineReader, split_lines
from replywatch.flows.routing import too_long
from replywatch.flows.sources import Archive
from replywatch.flows.twcs import TwcsArchive
from replywatch.metrics.events import Decoder, Event, Refused, put_in_order
from replywatch.metrics.rows import RejectedRow

ORDERS = {"events": "arrival", "twcs": "time"}
"""Formats, with the order in which each is replayed unless told otherwise."""


def load_archive(paths: list[Path], form: str, decoder: Decoder) -> Archive:
    """All events of `paths` in their order, and the rows that are none. Keeps all in memory."""
    events: list[Event] = []
    refused: list[RejectedRow] = []
    for path in paths:
        load = _load_twcs if form == "twcs" else _load_lines
        load(path, decoder, events, refused)
    put_in_order(events)
    return events, refused


def _load_twcs(
    path: Path, decoder: Decoder, events: list[Event], refused: list[RejectedRow]
) -> None:
    archive = TwcsArchive(path)
    for fields in archive.events():
        event = msgspec.convert(fields, Event)
        decoder.finish(event, None)
        events.append(event)
    latest = max((event.time for event in events), default=0)
    refused += [
        (str(path), bad.position, bad.reason, bad.detail, latest, _kept_of_row(bad.raw, decoder))
        for bad in archive.rejects
    ]


def _kept_of_row(raw: bytes, decoder: Decoder) -> bytes:
    """Of a CSV row nothing tells a broken cell from the text beside it: all of it, or none."""
    return raw if decoder.kept == "full" else b""


def _load_lines(
    path: Path, decoder: Decoder, events: list[Event], refused: list[RejectedRow]
) -> None:
    def refuse(position: int, why: Refused, line: bytes) -> None:
        at = events[-1].time if events else 0
        refused.append((str(path), str(position), why.reason, why.detail, at, decoder.keep(line)))

    with closing(LineReader(path)) as reader:
        while chunk := reader.next_chunk() or reader.rest():
            for offset, line in split_lines(chunk, reader.start):
                try:
                    events.append(decoder.decode_line(line, None))
                except Refused as refusal:
                    refuse(offset, refusal, line)
        for offset, head in reader.too_long:
            refuse(offset, too_long(), head)


class _Named(msgspec.Struct):
    """As much of an event as says whether it needs threading."""

    kind: str
    conversation: str | None = None


_NAMED = msgspec.json.Decoder(_Named)


def mentions_unthreaded(path: Path) -> bool:
    """Whether some event of the file names no conversation."""
    with closing(LineReader(path)) as reader:
        while chunk := reader.next_chunk() or reader.rest():
            try:
                events = _NAMED.decode_lines(chunk)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                events = []
                for _, line in split_lines(chunk, 0):
                    with suppress(msgspec.MsgspecError, ValueError, RecursionError):
                        events.append(_NAMED.decode(line))
            if any(event.conversation is None and event.kind != "agent_state" for event in events):
                return True
    return False
