"""Reports as pictures, PNG or SVG, where people would rather look than read.

Drawn with matplotlib, which nothing else needs (the extra `plot`). Small samples are drawn faintly
and intervals always, so that a picture says no more than its data.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from replywatch.sql.plots.over_time import draw_sla, draw_volume
from replywatch.sql.plots.spread import draw_agents, draw_responses
from replywatch.sql.plots.style import FAINT, INK
from replywatch.sql.render import RenderError, whole_file
from replywatch.sql.report_list import REPORTS

SUFFIXES = (".png", ".svg")

PLOTS = {
    "agents": draw_agents,
    "teams": draw_agents,
    "sla": draw_sla,
    "volume": draw_volume,
    "responses": draw_responses,
}
"""What draws which report."""

_BY_GROUPS = ("agents", "teams")
"""Those that are drawn by the groups of `by`; the others by time or by length of wait."""

_STYLE: dict[Any, Any] = {
    "font.size": 10.5,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "replywatch",
    "svg.fonttype": "path",
}


def plot_report(
    con: duckdb.DuckDBPyConnection,
    name: str,
    rows: pa.Table,
    output: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    by: str | None = None,
    tz: str = "UTC",
) -> None:
    """Draws report `name`, whose rows are `rows`, to `output`: PNG or SVG by its suffix.

    Raises `RenderError` for a report that has no picture, another suffix, or without matplotlib.
    """
    if name not in PLOTS:
        raise RenderError(f"report {name} has no picture: use one of {', '.join(PLOTS)}")
    if by is not None and by in REPORTS[name].listings:
        raise RenderError(f"report {name} --by {by} has no picture: leave --by out or group by it")
    if by is not None and name not in _BY_GROUPS:
        raise RenderError(f"the picture of report {name} takes no --by {by}: leave it out")
    suffix = output.suffix.lower()
    if suffix not in SUFFIXES:
        raise RenderError(f"cannot draw {output}: name a file that ends in .png or .svg")
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise RenderError(
            "pictures need matplotlib, which is not installed: install replywatch[plot]"
        ) from None
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10, 5.4), layout="constrained")
        figure.patch.set_facecolor("white")
        PLOTS[name](figure, con, rows, {"since": since, "until": until, "tz": tz})
        what, _, when = (rows.schema.metadata or {}).get(b"title", b"").decode().partition(" · ")
        figure.suptitle(what, x=0.01, ha="left", fontsize=12.5, fontweight="bold")
        figure.text(0.99, 0.985, when, ha="right", va="top", fontsize=9, color=FAINT)
        metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
        with whole_file(output) as sink:
            figure.savefig(sink, format=suffix[1:], dpi=144, metadata=metadata)
