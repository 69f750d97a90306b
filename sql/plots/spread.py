"""Pictures of a spread: response times against their targets, groups with their intervals."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from replywatch.sql.cells import human_duration
from replywatch.sql.plots.style import (
    BLUE,
    COLOURS,
    FAINT,
    INK,
    RED,
    Period,
    ask,
    plain,
    say_empty,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NICE_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 86400, 3 * 86400, 7 * 86400)
_MAX_ROWS = 60
_ROW_INCHES = 0.27


def draw_responses(
    figure: Figure, con: duckdb.DuckDBPyConnection, rows: pa.Table, period: Period
) -> None:
    """How long waits were, first and next one below the other, against their targets."""
    bins = ask(con, "responses", **period)
    targets = ask(con, "targets", **period)
    if not bins:
        say_empty(figure)
        return
    low = min(row["bin"] for row in bins)
    high = max(row["bin"] for row in bins) + 1
    all_axes = figure.subplots(2, 1, sharex=True)
    for axes, kind in zip(all_axes, ("first", "next"), strict=True):
        plain(axes)
        own = {row["bin"]: row["answers"] for row in bins if row["kind"] == kind}
        total = sum(own.values())
        marks = [t["target_seconds"] for t in targets if t["sla"] == f"{kind}_response"][:3]
        for place, answers in own.items():
            start, end = 10 ** (place / 10), 10 ** ((place + 1) / 10)
            is_late = bool(marks) and start >= max(marks)
            axes.bar(
                start,
                answers / total,
                width=end - start,
                align="edge",
                color=COLOURS[kind],
                alpha=0.45 if is_late else 0.9,
                edgecolor="white",
                linewidth=0.8,
            )
        for number, mark in enumerate(sorted(marks)):
            axes.axvline(mark, color=RED, linewidth=1.4, linestyle="--")
            axes.annotate(
                f"{'target ' if number == 0 else ''}{_short(mark)}",
                (mark, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(4, -4),
                textcoords="offset points",
                va="top",
                color=RED,
                fontsize=9,
            )
        axes.set_xscale("log")
        axes.set_xlim(10 ** (low / 10), 10 ** (high / 10))
        axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.set_ylabel(f"{kind} responses\nn = {total:,}")
    ticks = [t for t in _NICE_SECONDS if 10 ** (low / 10) <= t <= 10 ** (high / 10)]
    all_axes[-1].set_xticks(ticks, [_short(t) for t in ticks])
    all_axes[-1].minorticks_off()
    all_axes[-1].set_xlabel(
        "from the start of the wait to the reply, logarithmic; paler: later than every target"
    )


def draw_agents(
    figure: Figure, con: duckdb.DuckDBPyConnection, rows: pa.Table, period: Period
) -> None:
    """Median response from assigned with its interval, and the share of SLA clocks met."""
    keys = rows.column_names[: rows.column_names.index("agents")]
    found = [
        {**row, "label": " · ".join(str(row[key]) for key in keys)}
        for row in rows.to_pylist()
        if row["assigned_median_seconds"] is not None
    ]
    found.sort(key=lambda row: row["assigned_median_seconds"], reverse=True)
    if not found:
        say_empty(figure)
        return
    left_out = len(found) - _MAX_ROWS
    found = found[-_MAX_ROWS:]
    figure.set_size_inches(10, max(4.0, 1.9 + _ROW_INCHES * len(found)))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    low, high = "assigned_median_low_seconds", "assigned_median_high_seconds"
    _dots(left, found, "assigned_median_seconds", low, high, "assigned_responses")
    _dots(
        right, found, "attainment", "attainment_low_ratio", "attainment_high_ratio", "met", "missed"
    )
    left.set_yticks(range(len(found)), [row["label"] for row in found])
    left.set_ylim(-0.7, len(found) - 0.3)
    left.set_xlim(left=0)
    left.xaxis.set_major_formatter(lambda value, _: _short(value))
    left.set_xlabel("median response from assigned, 95 % interval")
    shares = [row["attainment_low_ratio"] for row in found if row["attainment"] is not None]
    right.set_xlim(floor(10 * min(shares, default=0.0)) / 10, 1.01)
    right.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    right.set_xlabel("SLA clocks met, 95 % interval")
    small = any(row["is_small_sample"] for row in found)
    note = "n at the right of each row; dotted: the mean of the rows, weighted by n"
    if small:
        note += "; grey: fewer than 30 answered waits"
    if left_out > 0:
        note += f"; the {left_out} slowest are left out"
    figure.supxlabel(note, fontsize=9, color=FAINT)


def _short(seconds: float) -> str:
    """A duration without what is zero: `5m`, `1h`, `1d`."""
    return human_duration(seconds).replace(" 00s", "").replace(" 00m", "").replace(" 00h", "")


def _dots(
    axes: Any, found: list[dict[str, Any]], value: str, low: str, high: str, *counts: str
) -> None:
    """One row of `found` a line: a dot at `value`, its interval, and its number at the right."""
    plain(axes, grid="x")
    weights = [sum(row[count] for count in counts) for row in found]
    known = [
        (row[value], n) for row, n in zip(found, weights, strict=True) if row[value] is not None
    ]
    if known:
        total = sum(n for _, n in known)
        mean = sum(v * n for v, n in known) / total if total else known[0][0]
        axes.axvline(mean, color=FAINT, linewidth=1, linestyle=":")
    for place, (row, n) in enumerate(zip(found, weights, strict=True)):
        colour = FAINT if row["is_small_sample"] else BLUE
        if row[low] is not None:
            axes.plot([row[low], row[high]], [place, place], color=colour, linewidth=2.4, alpha=0.6)
        if row[value] is not None:
            axes.plot(row[value], place, "o", color=colour, markersize=6)
        axes.annotate(
            f"{n:,}",
            (1.0, place),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=FAINT if row["is_small_sample"] else INK,
        )
