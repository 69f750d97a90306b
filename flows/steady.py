"""A clock for deadlines that a step of the wall clock doesn't hurry."""

from __future__ import annotations

import time
from collections.abc import Callable

from replywatch.metrics.times import SECOND

LEAP = 60 * SECOND
"""A difference beyond this is a clock that was set, one below it is followed little by little."""

SLEW = 100
"""How many seconds it takes to follow by one."""


def _uptime() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class SteadyClock:
    """The wall clock as it stood at the start, moved on by the time since; microseconds (UTC).

    `uptime` counts the sleep of the machine, too. A small step of the wall is followed by 1 % of
    the time gone by. After a large one forwards it goes on as before until an event is stamped by
    the new time: nobody is breached because a clock was set. It never goes back.
    """

    def __init__(
        self,
        wall: Callable[[], int] = lambda: time.time_ns() // 1000,
        uptime: Callable[[], int] = _uptime,
    ) -> None:
        self._wall, self._uptime = wall, uptime
        self._base = wall() - uptime()
        self._looked_at = uptime()
        self._told = 0

    def __call__(self, latest: int) -> int:
        """The time; `latest` is that of the latest event seen, 0 for none."""
        up = self._uptime()
        gone, self._looked_at = up - self._looked_at, up
        ahead = self._wall() - (up + self._base)
        if abs(ahead) <= LEAP:
            most = gone // SLEW
            self._base += max(-most, min(ahead, most))
        elif latest > up + self._base + LEAP:
            self._base += ahead
        self._told = max(self._told, up + self._base)
        return self._told
