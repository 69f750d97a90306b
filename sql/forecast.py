"""The forecast: what comes in the next two weeks by queue and interval, and whom it needs.

A slot is a weekday and a time of the wall clock; its forecast is the median of the last four
ordinary weeks. Windows during a spike and conversations tagged as a crisis teach nothing. How far
the same rule was off on weeks that are known by now stands beside it, and beside that the
seasonal-naive forecast, which repeats the week before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import duckdb
import pyarrow as pa

from replywatch.metrics.calendar import Calendar
from replywatch.metrics.policy import Scope
from replywatch.metrics.seasonal import BASE_WEEKS, LOOK_BACK_WEEKS, median_week, naive_week
from replywatch.metrics.staffing import flow_of_deferred, flow_of_immediate
from replywatch.metrics.times import SECOND, to_instant
from replywatch.sql.exports.formats import is_immediate
from replywatch.sql.exports.intervals import covered, days_between
from replywatch.sql.forecast_past import HELD_BACK_WEEKS, Ask, Past, hold_back, read_pasts

HORIZON_DAYS = 14
_WEEKS_READ = LOOK_BACK_WEEKS + HELD_BACK_WEEKS
_DAY_SECONDS = 86400.0


class ForecastError(ValueError):
    """No forecast can be made of this history; the message says why."""


def forecast(con: duckdb.DuckDBPyConnection, ask: Ask) -> pa.Table:
    """A row for each queue and interval of the two weeks after the history's last day.

    Raises `ForecastError` where the history has less than `BASE_WEEKS` whole weeks.
    """
    found = covered(con)
    if found is None:
        raise ForecastError("the history is empty: there is nothing to forecast from")
    begin, now = found
    local_now = now.astimezone(ask.zone)
    first_day = (local_now - timedelta(microseconds=1)).date() + timedelta(days=1)
    known_from = begin.astimezone(ask.zone).date()
    whole = (first_day - known_from).days // 7
    if whole < BASE_WEEKS:
        days = (first_day - known_from).days
        raise ForecastError(
            f"too little history: it covers {days} days to {first_day}, and a forecast needs "
            f"{BASE_WEEKS * 7}; {(BASE_WEEKS + 2) * 7} also tell how far it is off"
        )
    weeks = min(whole, _WEEKS_READ)
    pasts = read_pasts(con, ask, first_day, weeks, now)
    rows: list[dict[str, object]] = []
    for scope, past in pasts.items():
        rows += _rows(scope, past, ask, first_day)
    rows.sort(key=lambda row: (row["interval_start_utc"], row["brand"], row["channel"]))
    title = (
        f"forecast: conversations by queue, {HORIZON_DAYS} days from {first_day}, {ask.zone.key}"
    )
    return pa.Table.from_pylist(rows, schema=SCHEMA).replace_schema_metadata({"title": title})


SCHEMA = pa.schema(
    [
        ("interval_start_utc", pa.timestamp("us", tz="UTC")),
        ("interval_start_local", pa.string()),
        ("brand", pa.string()),
        ("channel", pa.string()),
        ("queue", pa.string()),
        ("work_type", pa.string()),
        ("offered", pa.float64()),
        ("offered_low", pa.float64()),
        ("offered_high", pa.float64()),
        ("offered_naive", pa.float64()),
        ("aht_active_seconds", pa.float64()),
        ("concurrency", pa.float64()),
        ("agents", pa.float64()),
        ("is_concurrency_modelled", pa.bool_()),
        ("backlog_end", pa.float64()),
        ("weeks_held_back", pa.int64()),
        ("wape_ratio", pa.float64()),
        ("mase", pa.float64()),
        ("coverage_ratio", pa.float64()),
        ("naive_wape_ratio", pa.float64()),
    ]
)


def by_day(rows: pa.Table) -> pa.Table:
    """The forecast a day and queue, for people: volume, and the most agents of an interval."""
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        con.register("forecast", rows)
        made = con.sql(
            """select
                interval_start_local[:10] as day, brand, channel, queue, work_type,
                round(sum(offered), 1) as offered,
                round(sum(offered_naive), 1) as offered_naive,
                any_value(aht_active_seconds) as aht_active_seconds,
                any_value(round(concurrency, 2)) as concurrency,
                max(agents) as agents_at_most
            from forecast group by all order by all"""
        ).to_arrow_table()
    return made.replace_schema_metadata(rows.schema.metadata)


def errors_by_queue(rows: pa.Table) -> pa.Table:
    """How far the forecast was off by queue, one row each."""
    with duckdb.connect() as con:
        con.register("forecast", rows)
        made = con.sql(
            """select distinct brand, channel, queue, weeks_held_back, wape_ratio,
                naive_wape_ratio, round(mase, 2) as mase, coverage_ratio
            from forecast order by all"""
        ).to_arrow_table()
    title = "forecast: error on weeks held back; 80 % of the actuals should be covered"
    return made.replace_schema_metadata({"title": title})


def _rows(scope: Scope, past: Past, ask: Ask, first_day: date) -> list[dict[str, object]]:
    expected, naive = median_week(past.weeks), naive_week(past.weeks)
    errors, spread = hold_back(past.weeks)
    demand = ask.demand(scope)
    aht = past.active_seconds / past.handled if past.handled else None
    concurrency = past.attended / past.attended_active if past.attended_active else 1.0
    concurrency = max(concurrency, 1.0)
    per_day = 24 * 60 // ask.minutes
    length = ask.minutes * 60.0
    starts = [
        day.since + timedelta(minutes=ask.minutes * number)
        for day in days_between(first_day, first_day + timedelta(days=HORIZON_DAYS - 1), ask.zone)
        for number in range(round((day.until - day.since).total_seconds() / length))
    ]
    slots = []
    for at in starts:
        local = at.astimezone(ask.zone)
        place = (local.date() - first_day).days % 7
        slots.append(place * per_day + (local.hour * 60 + local.minute) // ask.minutes)
    offered = [expected[slot] or 0.0 for slot in slots]
    immediate = is_immediate(demand.target_seconds)
    target = demand.target_seconds or _DAY_SECONDS
    open_seconds = _open_seconds(demand.calendar, starts, length)
    if immediate:
        flow = flow_of_immediate(
            offered, open_seconds, length, aht or 0.0, concurrency, target, demand.objective
        )
    else:
        flow = flow_of_deferred(offered, open_seconds, length, aht or 0.0, target, past.backlog)
    rows: list[dict[str, object]] = []
    for at, slot, volume, needed in zip(starts, slots, offered, flow, strict=True):
        low, high = (None, None) if spread is None else spread.around(volume)
        agents = None if aht is None else round(needed.agents / (1 - ask.shrinkage), 2)
        rows.append(
            {
                "interval_start_utc": at,
                "interval_start_local": at.astimezone(ask.zone).isoformat(),
                "brand": scope[0],
                "channel": scope[1],
                "queue": scope[2],
                "work_type": "immediate" if immediate else "deferred",
                "offered": None if expected[slot] is None else volume,
                "offered_low": low,
                "offered_high": high,
                "offered_naive": naive[slot],
                "aht_active_seconds": aht,
                "concurrency": concurrency if past.attended_active else None,
                "agents": agents,
                "is_concurrency_modelled": immediate and concurrency > 1,
                "backlog_end": needed.backlog_end,
                "weeks_held_back": errors.weeks,
                "wape_ratio": errors.wape,
                "mase": errors.mase,
                "coverage_ratio": errors.coverage,
                "naive_wape_ratio": errors.naive_wape,
            }
        )
    return rows


def _open_seconds(
    calendar: Calendar | None, starts: Sequence[datetime], length: float
) -> list[float]:
    """How much of each interval is open; all of it without a calendar."""
    if calendar is None:
        return [length] * len(starts)
    begins = [to_instant(at) for at in starts]
    return [calendar.between(at, at + round(length * SECOND)) / SECOND for at in begins]
