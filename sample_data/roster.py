"""Who works when: the twelve agents of the sample days, their queues, shifts and breaks.

Instants are milliseconds since the start of the first sample day, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
DAYS = 2

SOCIAL, SUPPORT, BILLING = "social", "support", "billing"
LUNCH = (12 * HOUR, 13 * HOUR)  # of day 1, nearly all agents at once


@dataclass(frozen=True, slots=True)
class Worker:
    """An agent: the queues served and the hours of the day worked, first included, last not."""

    name: str
    queues: tuple[str, ...]
    hours: tuple[tuple[int, int], ...]
    covers_lunch: bool = False
    tracks_focus: bool = False  # the desktop reports which conversation is looked at


WORKERS: tuple[Worker, ...] = (
    Worker("ada", (SOCIAL,), ((7, 15),)),
    Worker("ben", (SOCIAL,), ((8, 16),)),
    Worker("cleo", (SOCIAL, SUPPORT, BILLING), ((9, 17),), covers_lunch=True),
    Worker("dov", (SOCIAL,), ((13, 21),)),
    Worker("eva", (SOCIAL,), ((13, 21),)),
    Worker("finn", (SUPPORT,), ((7, 15),)),
    Worker("gus", (SUPPORT,), ((9, 17),), tracks_focus=True),
    Worker("hana", (SUPPORT,), ((13, 21),), tracks_focus=True),
    Worker("iris", (SUPPORT, SOCIAL), ((13, 21),)),
    Worker("jon", (BILLING, SOCIAL), ((7, 15),)),
    Worker("kim", (BILLING, SOCIAL), ((13, 21),)),
    Worker("lou", (SOCIAL, SUPPORT, BILLING), ((0, 7), (21, 24))),
)

Change = tuple[int, str, str]  # instant, agent, new state


def _breaks(position: int, worker: Worker, day: int) -> list[tuple[int, int, str]]:
    """The breaks of one agent on one day: start, end and state, within the day."""
    if day == 0:
        return [] if worker.covers_lunch else [(*LUNCH, "away")]
    lunch = 11 * HOUR + 30 * MINUTE + (position % 3) * 40 * MINUTE  # in turns on day 2
    coaching = 10 * HOUR + position * 5 * MINUTE
    return [(lunch, lunch + 30 * MINUTE, "away"), (coaching, coaching + 10 * MINUTE, "busy")]


def state_changes() -> list[Change]:
    """Every change of an agent's state in the sample days, in order of time.

    The night shift is `available` at the very first instant. A break outside of a shift is none.
    """
    changes: list[Change] = []
    for day in range(DAYS):
        for position, worker in enumerate(WORKERS):
            for first, last in worker.hours:
                start, end = day * DAY + first * HOUR, day * DAY + last * HOUR
                if first > 0 or day == 0:  # a night that runs over midnight starts only once
                    changes.append((start, worker.name, "available"))
                if last < 24:
                    changes.append((end, worker.name, "offline"))
                for begin, back, state in _breaks(position, worker, day):
                    if start < day * DAY + begin and day * DAY + back < end:
                        changes.append((day * DAY + begin, worker.name, state))
                        changes.append((day * DAY + back, worker.name, "available"))
    return sorted(changes)
