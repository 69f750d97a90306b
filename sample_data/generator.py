"""The sample: two days of the brand `acme` on x, instagram and chat, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from replywatch.sample_data.facts import arrival, threads
from replywatch.sample_data.journal import Event
from replywatch.sample_data.story import Story

DEFAULT_SEED = 7
EXCERPT_FROM = datetime(2026, 3, 3, 8, tzinfo=UTC)
EXCERPT_TO = datetime(2026, 3, 3, 9, tzinfo=UTC)


def sample_events(seed: int = DEFAULT_SEED) -> list[Event]:
    """The events of both sample days, 2026-03-03 and -04 UTC, in order of arrival.

    Equal seeds give equal lists on any machine. Some events come twice, some out of order by up to
    5 s, some carry only `in_reply_to`; `arrived_at` stands where arrival differs from `at`.
    """
    return Story(seed).tell()


def excerpt_events(seed: int = DEFAULT_SEED) -> list[Event]:
    """The desk's first hour: what arrived from 08:00 to 09:00 of the first day.

    Conversations opened before are left out, so that each is complete from its first event.
    """
    events = sample_events(seed)
    hour = [event for event in events if EXCERPT_FROM <= arrival(event) < EXCERPT_TO]
    conversation_of = threads(events)
    opened = {conversation_of[event["id"]] for event in hour if "brand" in event}
    return [
        event
        for event in hour
        if event["kind"] == "agent_state" or conversation_of[event["id"]] in opened
    ]


def write_events(path: Path, events: Iterable[Event]) -> int:
    """Write events as JSON lines (UTF-8, `\\n`), replacing the file; returns their number."""
    encoder = msgspec.json.Encoder()
    count = 0
    with path.open("wb") as file:
        for event in events:
            file.write(encoder.encode(event) + b"\n")
            count += 1
    return count


def write_sample(path: Path, seed: int = DEFAULT_SEED) -> int:
    """Write `sample_events(seed)` to a file; returns the number of lines."""
    return write_events(path, sample_events(seed))


def write_excerpt(path: Path, seed: int = DEFAULT_SEED) -> int:
    """Write `excerpt_events(seed)` to a file; returns the number of lines."""
    return write_events(path, excerpt_events(seed))
