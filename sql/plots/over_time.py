"""Pictures over time: volume against what was expected, attainment over the day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from replywatch.sql.plots.style import (
    BLUE,
    COLOURS,
    INK,
    RED,
    Period,
    ask,
    line,
    patch,
    plain,
    say_empty,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DAY_MINUTES = 24 * 60
# Labels of years, months, days, hours, minutes, seconds, and those where a larger unit begins.
_DATES = ["%Y", "%b", "%-d %b", "%H:%M", "%H:%M", "%S"]
_DATE_STARTS = ["", "%Y", "%-d %b", "%-d %b", "%H:%M", "%H:%M"]


def draw_volume(
    figure: Figure, con: duckdb.DuckDBPyConnection, rows: pa.Table, period: Period
) -> None:
    """Posts as they came, what was expected, and where volume was a spike."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

    span = ask(con, "span", **period)[0]
    if span["first_at"] is None:
        say_empty(figure)
        return
    days = (span["last_at"] - span["first_at"]).total_seconds() / 86400
    width = 5 if days <= 1 else 15 if days <= 4 else 60 if days <= 31 else _DAY_MINUTES
    found = ask(con, "volume", width=width, **period)
    axes = figure.subplots()
    plain(axes)
    # Buckets without anything are no rows: they are drawn as none.
    at = [date2num(row["bucket"]) for row in found]
    bucket = width / _DAY_MINUTES
    axes.bar(
        at,
        [row["posts"] for row in found],
        width=bucket,
        align="edge",
        color=[RED if row["is_spike"] else BLUE for row in found],
        alpha=0.8,
        linewidth=0,
    )
    judged = [(a, row["expected"]) for a, row in zip(at, found, strict=True) if row["expected"]]
    if judged:
        places, values = zip(*judged, strict=True)
        axes.step(places, values, where="post", color=INK, linewidth=1.4)
    zone = period["tz"]
    locator = AutoDateLocator(tz=zone)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        ConciseDateFormatter(
            locator, tz=zone, formats=_DATES, zero_formats=_DATE_STARTS, show_offset=False
        )
    )
    named = {5: "5 minutes", 15: "15 minutes", 60: "hour", _DAY_MINUTES: "day"}[width]
    axes.set_ylabel(f"customers' posts by {named}")
    handles = [
        patch(BLUE, "posts"),
        *([patch(RED, "in a spike")] if any(row["is_spike"] for row in found) else []),
        *([line(INK, "expected")] if judged else []),
    ]
    axes.legend(handles=handles, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    highest = max(row["posts"] for row in found)
    for place, row in enumerate(_ask_spikes(con, period)):
        axes.annotate(
            f"{row['kind']}, {row['scope']}\n{row['peak_posts']:,} posts in 5 minutes, "
            f"{row['ratio']:,.0f} × expected",
            (date2num(row["peak_at"]), highest),
            xytext=(-10, -4 - 30 * place),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=9,
            color=RED,
        )


def _ask_spikes(con: duckdb.DuckDBPyConnection, period: Period) -> list[dict[str, Any]]:
    """The largest episodes of the period that are worth a word, at most three."""
    return [row for row in ask(con, "spikes", **period) if row["ratio"] is not None]


def draw_sla(
    figure: Figure, con: duckdb.DuckDBPyConnection, rows: pa.Table, period: Period
) -> None:
    """Attainment by hour of the day with its interval, above how many clocks that is."""
    found = ask(con, "sla", **period)
    if not found:
        say_empty(figure)
        return
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    plain(top)
    plain(bottom)
    slas = sorted({row["sla"] for row in found})
    for number, sla in enumerate(slas):
        own = {row["hour"]: row for row in found if row["sla"] == sla}
        hours = list(range(24))
        nan = float("nan")
        colour = COLOURS.get(sla, INK)
        values = [own[h]["attainment"] if h in own else nan for h in hours]
        lows = [own[h]["low"] if h in own else nan for h in hours]
        highs = [own[h]["high"] if h in own else nan for h in hours]
        top.fill_between(hours, lows, highs, color=colour, alpha=0.13, linewidth=0)
        top.plot(hours, values, "o-", color=colour, markersize=4.5, label=sla.replace("_", " "))
        share = 0.8 / len(slas)
        bottom.bar(
            [h - 0.4 + share * (number + 0.5) for h in hours],
            [own[h]["met"] + own[h]["missed"] if h in own else 0 for h in hours],
            width=share,
            color=colour,
            alpha=0.8,
        )
    top.set_ylim(0, 1.03)
    top.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    top.set_ylabel("attainment, 95 % interval")
    top.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(slas))
    bottom.set_ylabel("clocks")
    bottom.set_xticks(range(0, 24, 2), [f"{h:02}:00" for h in range(0, 24, 2)])
    bottom.set_xlabel(f"hour of the day, {period['tz']}")
