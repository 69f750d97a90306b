"""The executive page: cards with the week's figures, and what lies behind them to unfold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from html import escape
from importlib import resources
from typing import Any

import duckdb

from replywatch.sql.cells import NO_DATA, human_duration, human_text, visible
from replywatch.sql.executive.charts import day_bars, share_bar, sparkline
from replywatch.sql.executive.measures import MEASURES, Measure, Week
from replywatch.sql.reports import find_zone, run_report

_TOP = 15
_HEAD = 4
_FEW = 30

Column = tuple[str, Callable[[dict[str, Any]], str]]
"""A heading and what makes a cell of it, as HTML."""


def executive_page(con: duckdb.DuckDBPyConnection, week: Week) -> str:
    """The page as HTML, whole in itself; every text of the history is escaped."""
    style = (resources.files(__package__) / "style.css").read_text(encoding="utf-8")
    zone = find_zone(week.tz)
    first = week.since.astimezone(zone)
    last = week.until.astimezone(zone) - timedelta(microseconds=1)
    start = f"{first.day} {first:%b} – " if first.date() != last.date() else ""
    period = f"{start}{last.day} {last:%b %Y}"
    cards = "".join(_card(week, measure) for measure in MEASURES[:_HEAD])
    more = "".join(_card(week, measure) for measure in MEASURES[_HEAD:])
    sections = "".join(
        (
            _volume(week),
            _fold("More figures", "", f'<div class="cards">{more}</div>'),
            _groups(con, week, "Teams", "teams", "queue"),
            _groups(con, week, "Channels", "teams", "channel"),
            _groups(con, week, "Agents", "agents", "agent"),
            _breaches(con, week),
            _spikes(con, week),
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Customer care, {period}</title><style>{style}</style></head>\n"
        f"<body><header><h1>Customer care</h1>"
        f"<p>{period}, against the {_length(week)} before · {escape(week.tz)}</p></header>\n"
        f'<main><div class="cards">{cards}</div>\n{sections}</main>\n'
        f"<footer><p>{_NOTES}</p></footer></body></html>\n"
    )


_NOTES = (
    "Work counts when it was done; a deadline missed counts when it passed. Durations are on the "
    "clock, from the customer's post. “–” is no data. Rows in grey rest on fewer than 30 answers. "
    "Figures of conversations that may still be reopened can change."
)


def _length(week: Week) -> str:
    days = round((week.until - week.since) / timedelta(days=1))
    return "week" if days == 7 else f"{days} days" if days != 1 else "day"


def _card(week: Week, measure: Measure) -> str:
    now, then = week.value(measure.column), week.earlier(measure.column)
    line = sparkline(week.daily(measure.column), week.daily(measure.column, is_now=False))
    n = week.value(measure.count) if measure.count else None
    count = f" · n {n:,}" if n is not None and n < _FEW else ""
    return (
        f'<div class="card"><span class="name">{escape(measure.name)}{count}</span>'
        f'<span class="figure">{_figure(measure.column, now)}</span>'
        f"{_change(measure, now, then)}{line}</div>"
    )


def _figure(column: str, value: Any) -> str:
    if column == "nps_ratio" and value is not None:
        return f"{value * 100:+.0f}"
    return escape(human_text(column, value))


def _change(measure: Measure, now: Any, then: Any) -> str:
    """How the figure moved: shares by points, others by percent."""
    if now is None or then is None:
        return '<span class="change">nothing before</span>' if now is not None else ""
    is_share = measure.column.endswith("_ratio") or measure.column == "attainment"
    difference = now - then
    if is_share:
        moved = f"{difference * 100:+.1f} points"
    elif then:
        moved = f"{difference / then:+.0%}"
    else:
        moved = f"{difference:+,.0f}"
    direction = 0 if abs(difference) < 1e-9 else (1 if difference > 0 else -1)
    judged = measure.better * direction
    style = " good" if judged > 0 else " bad" if judged < 0 else ""
    arrow = {1: "▲", -1: "▼", 0: "="}[direction]
    return (
        f'<span class="change{style}">{arrow} {moved}</span>'
        f'<span class="change">was {_figure(measure.column, then)}</span>'
    )


def _fold(title: str, gist: str, body: str, *, is_open: bool = False) -> str:
    return (
        f"<details{' open' if is_open else ''}><summary>{escape(title)}"
        f'<span class="gist">{gist}</span></summary><div class="body">{body}</div></details>\n'
    )


def _volume(week: Week) -> str:
    zone = find_zone(week.tz)
    now = week.daily("opened")
    first = week.since.astimezone(zone).date()
    labels = [f"{first + timedelta(days=n):%a}" for n in range(len(now))]
    then = week.daily("opened", is_now=False)
    then = [*then, *[None] * (len(now) - len(then))][: len(now)]
    chart = day_bars(labels, now, then, "conversations opened by day") if len(now) <= 14 else ""
    key = (
        f'<p class="key"><b class="now">■</b> now&ensp;<b class="then">■</b> the {_length(week)} '
        "before</p>"
    )
    gist = f"{human_text('opened', week.value('opened'))} opened"
    return _fold("Day by day", gist, chart + key if chart else "no data", is_open=True)


def _groups(con: duckdb.DuckDBPyConnection, week: Week, title: str, report: str, by: str) -> str:
    """The groups of a report with the week before beside them, the busiest first."""
    rows = run_report(con, report, since=week.since, until=week.until, by=by, tz=week.tz)
    past = run_report(con, report, since=week.before, until=week.since, by=by, tz=week.tz)
    earlier = {row[by]: row for row in past.to_pylist()}
    found = sorted(rows.to_pylist(), key=lambda row: -row["replies"])
    for row in found:
        row["past"] = earlier.get(row[by], {})
    attained = [row["attainment"] for row in found if row["attainment"] is not None]
    gist = f"{min(attained):.0%} – {max(attained):.0%} met" if attained else ""
    columns: Sequence[Column] = (
        (by, lambda row: _text(row[by])),
        ("replies", lambda row: f"{row['replies']:,}"),
        ("SLA met", _met),
        ("response", lambda row: _duration(row["assigned_median_seconds"])),
        ("95 %", _interval),
        ("CSAT", lambda row: human_text("csat_ratio", row["csat_ratio"])),
    )
    nobodys = " A deadline missed while nobody had the conversation is no agent’s."
    note = (
        '<p class="key">“response” is the median from assigned to the reply, with its 95 % '
        f"interval.{nobodys if report == 'agents' else ''}</p>"
    )
    return _fold(title, gist, _table(columns, found[:_TOP]) + _rest(len(found)) + note)


def _breaches(con: duckdb.DuckDBPyConnection, week: Week) -> str:
    rows = run_report(con, "breaches", since=week.since, until=week.until, tz=week.tz).to_pylist()
    unanswered = sum(row["answered_at"] is None for row in rows)
    worst = sorted(rows, key=lambda row: -(row["late_by_seconds"] or 0))[:_TOP]
    columns: Sequence[Column] = (
        ("conversation", lambda row: _text(row["conversation_id"])),
        ("late by", lambda row: _duration(row["late_by_seconds"])),
        ("queue", lambda row: _text(row["queue"])),
        ("due", lambda row: f"{row['due_at']:%a %H:%M}"),
        ("SLA", lambda row: _text(row["sla"].replace("_", " "))),
        ("answered by", lambda row: _text(row["answered_by"])),
    )
    gist = f"{len(rows):,} missed, {unanswered:,} unanswered"
    return _fold("Deadlines missed", gist, _table(columns, worst) + _rest(len(rows)))


def _spikes(con: duckdb.DuckDBPyConnection, week: Week) -> str:
    rows = run_report(con, "spikes", since=week.since, until=week.until, tz=week.tz).to_pylist()
    columns: Sequence[Column] = (
        ("what", lambda row: _text(row["kind"])),
        ("channel", lambda row: _text(row["channel"])),
        ("queue", lambda row: _text(row["queue"])),
        ("from", lambda row: f"{row['started_at']:%a %H:%M}"),
        ("posts at its peak", lambda row: f"{row['peak_posts']:,}"),
        ("× expected", lambda row: NO_DATA if row["ratio"] is None else f"{row['ratio']:,.0f}"),
    )
    gist = f"{len(rows):,} episode{'' if len(rows) == 1 else 's'}"
    return _fold("Unusual volume", gist, _table(columns, rows[:_TOP]) + _rest(len(rows)))


def _table(columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return "<p>nothing</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name, _ in columns)
    lines = "".join(
        f"<tr{_class_of(row)}>{''.join(f'<td>{cell(row)}</td>' for _, cell in columns)}</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{lines}</table></div>'


def _class_of(row: dict[str, Any]) -> str:
    return ' class="small"' if row.get("is_small_sample") else ""


def _rest(count: int) -> str:
    return f'<p class="key">the first {_TOP} of {count:,}</p>' if count > _TOP else ""


def _met(row: dict[str, Any]) -> str:
    bar = share_bar(row["attainment"], row["attainment_low_ratio"], row["attainment_high_ratio"])
    was = row["past"].get("attainment")
    before = "" if was is None else f" <small>was {human_text('attainment', was)}</small>"
    return f"{bar} {human_text('attainment', row['attainment'])}{before}"


def _interval(row: dict[str, Any]) -> str:
    low, high = row["assigned_median_low_seconds"], row["assigned_median_high_seconds"]
    return NO_DATA if low is None else f"{human_duration(low)} – {human_duration(high)}"


def _duration(seconds: float | None) -> str:
    return NO_DATA if seconds is None else human_duration(seconds)


def _text(value: Any) -> str:
    return NO_DATA if value is None else escape(visible(str(value)))
