"""Instants as integer microseconds since the Unix epoch (UTC), and the 5-minute grid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

WINDOW = 5 * MINUTE
"""Length of the windows in which volume and service level are counted."""

NEVER = 1 << 62
"""An instant after every other: "no deadline", "everything is in"."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


LATEST = (datetime(2200, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND - 1
"""The latest instant an event may have."""

HORIZON = (datetime(2300, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
"""Opening hours are known until then."""


def to_instant(moment: datetime) -> int:
    """Microseconds since the epoch of an aware `moment`, exactly.

    Raises `ValueError` for a naive one: a wall-clock reading without an offset is no instant.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no UTC offset; write it as RFC 3339 with one")
    return (moment - EPOCH) // MICROSECOND


def to_datetime(instant: int) -> datetime:
    """The aware UTC datetime of `instant`."""
    return EPOCH + timedelta(microseconds=instant)


def to_text(instant: int) -> str:
    """`instant` as RFC 3339 in UTC, to the microsecond where it has any."""
    return to_datetime(instant).isoformat().replace("+00:00", "Z")


def seconds_between(start: int, end: int) -> float:
    """Exact seconds from `start` to `end`."""
    return (end - start) / SECOND


def window_of(instant: int) -> int:
    """Start of the half-open 5-minute window that owns `instant`: 12:05:00 opens the next.

    >>> window_of(WINDOW - 1), window_of(WINDOW) == WINDOW
    (0, True)
    """
    return instant - instant % WINDOW
