"""What a forecast is made from: the last weeks of each queue, and how far the rule was off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import duckdb

from replywatch.metrics.accuracy import coverage, mase, wape
from replywatch.metrics.calendar import Calendar
from replywatch.metrics.policy import Scope
from replywatch.metrics.seasonal import BASE_WEEKS, Spread, Week, median_week, naive_week, spread_of
from replywatch.sql.exports.intervals import days_between, read_intervals, read_sql

HELD_BACK_WEEKS = 4


@dataclass(frozen=True)
class Demand:
    """What is asked of a queue: first-response target (`None`: none) and share to be met.

    The target counts in the opening hours of `calendar`; without one round the clock.
    """

    target_seconds: float | None
    objective: float
    calendar: Calendar | None = None


@dataclass(frozen=True)
class Ask:
    """What to forecast; `demand` tells what is asked of a scope, `shrinkage` is a share of time."""

    minutes: int
    zone: ZoneInfo
    demand: Callable[[Scope], Demand]
    crisis_tags: Sequence[str] = ()
    shrinkage: float = 0.0


@dataclass(frozen=True)
class Errors:
    """How the forecast did on weeks held back; `None` is "can't be said"."""

    weeks: int
    wape: float | None = None
    mase: float | None = None
    coverage: float | None = None
    naive_wape: float | None = None


@dataclass
class Past:
    """What is known of one scope."""

    weeks: list[list[float | None]]
    handled: int = 0
    active_seconds: float = 0.0
    attended: float = 0.0
    attended_active: float = 0.0
    backlog: float = 0.0


def read_pasts(
    con: duckdb.DuckDBPyConnection, ask: Ask, first_day: date, weeks: int, now: datetime
) -> dict[Scope, Past]:
    """The last `weeks` weeks by scope, oldest first, each from the weekday of `first_day` on."""
    start = first_day - timedelta(weeks=weeks)
    days = days_between(start, first_day - timedelta(days=1), ask.zone)
    table = read_intervals(con, days[0].since, days[-1].until, ask.minutes)
    crises = _crises(con, ask, days[0].since, days[-1].until)
    per_day = 24 * 60 // ask.minutes
    pasts: dict[Scope, Past] = {}
    aht_from = first_day - timedelta(weeks=BASE_WEEKS)
    names = (
        "interval_start_utc", "brand", "channel", "queue", "offered", "is_spike", "handled",
        "handle_active_seconds", "attended_seconds", "active_seconds", "backlog_end",
    )  # fmt: skip
    columns = [table.column(name).to_pylist() for name in names]
    for at, brand, channel, queue, *values in zip(*columns, strict=True):
        offered, is_spike, handled, active, attended, attended_active, backlog = values
        scope = (brand, channel, queue)
        past = pasts.get(scope)
        if past is None:
            empty: list[list[float | None]] = [[None] * (7 * per_day) for _ in range(weeks)]
            past = pasts[scope] = Past(empty)
        local = at.astimezone(ask.zone)
        place = (local.date() - start).days
        slot = place % 7 * per_day + (local.hour * 60 + local.minute) // ask.minutes
        if not is_spike and at + timedelta(minutes=ask.minutes) <= now:
            volume = float(offered or 0) - crises.get((at, *scope), 0)
            past.weeks[place // 7][slot] = max(volume, 0.0)
        if local.date() >= aht_from:
            past.handled += handled or 0
            past.active_seconds += active or 0.0
            past.attended += attended or 0.0
            past.attended_active += attended_active or 0.0
        past.backlog = float(backlog)
    return pasts


def _crises(
    con: duckdb.DuckDBPyConnection, ask: Ask, since: datetime, until: datetime
) -> Mapping[tuple[datetime, str, str, str], int]:
    """Conversations tagged as a crisis by interval and scope."""
    if not ask.crisis_tags:
        return {}
    rows = con.execute(
        read_sql("crises"),
        {"since": since, "until": until, "minutes": ask.minutes, "tags": list(ask.crisis_tags)},
    ).fetchall()
    return {
        (datetime.fromtimestamp(at / 1_000_000, UTC), brand, channel, queue): count
        for at, brand, channel, queue, count in rows
    }


Pair = tuple[float, float]


def _pairs(actual: Week, forecast: Week) -> list[Pair]:
    """Actual and forecast of the slots that have both."""
    return [
        (value, guess)
        for value, guess in zip(actual, forecast, strict=True)
        if value is not None and guess is not None
    ]


def hold_back(weeks: Sequence[Week]) -> tuple[Errors, Spread | None]:
    """The errors on the weeks that can be held back, and the spread that follows from all.

    Each of the last weeks is forecast from those before it, one week and two weeks ahead. The
    interval that is judged on a week comes from the other weeks alone.
    """
    held = range(max(BASE_WEEKS, len(weeks) - HELD_BACK_WEEKS), len(weeks))
    by_week: dict[int, list[Pair]] = {}
    naive: list[Pair] = []
    for place in held:
        by_week[place] = []
        for ahead in (1, 2):
            before = weeks[: place - ahead + 1]
            if len(before) >= BASE_WEEKS:
                by_week[place] += _pairs(weeks[place], median_week(before))
                naive += _pairs(weeks[place], naive_week(before))
    pairs = [pair for some in by_week.values() for pair in some]
    if len(by_week) < 2:
        # Too little to hold back: each week of the base against the median of the others.
        inner = [
            pair
            for place in range(len(weeks))
            for pair in _pairs(weeks[place], median_week([*weeks[:place], *weeks[place + 1 :]]))
        ]
        return Errors(0), spread_of(inner)
    triples = []
    for place, some in by_week.items():
        others = [pair for other, more in by_week.items() if other != place for pair in more]
        spread = spread_of(others)
        if spread is not None:
            triples += [(actual, *spread.around(guess)) for actual, guess in some]
    season_errors = [
        abs(actual - before)
        for earlier, later in pairwise(weeks)
        for actual, before in _pairs(later, earlier)
    ]
    errors = Errors(
        len(by_week), wape(pairs), mase(pairs, season_errors), coverage(triples), wape(naive)
    )
    return errors, spread_of(pairs)
