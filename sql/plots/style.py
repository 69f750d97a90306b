"""What the pictures share: colours, a quiet frame, and their queries."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

import duckdb

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, GRID = "#1f2933", "#9aa5b1", "#e4e7eb"
BLUE, ORANGE, RED, GREEN = "#2266aa", "#d97706", "#c0392b", "#2f855a"
COLOURS = {
    "first": BLUE,
    "next": ORANGE,
    "first_response": BLUE,
    "next_response": ORANGE,
    "resolution": GREEN,
}

Period = dict[str, Any]
"""The parameters of a query: since, until, tz."""


def ask(con: duckdb.DuckDBPyConnection, stem: str, **values: Any) -> list[dict[str, Any]]:
    """The rows of `<stem>.sql` as dictionaries, with those of `values` that it takes."""
    query = (resources.files(__package__) / f"{stem}.sql").read_text(encoding="utf-8")
    wanted = con.extract_statements(query)[0].named_parameters
    params = {key: value for key, value in values.items() if key in wanted}
    found: list[dict[str, Any]] = con.sql(query, params=params).to_arrow_table().to_pylist()
    return found


def plain(axes: Axes, grid: Literal["x", "y"] = "y") -> None:
    """No frame, a quiet grid behind the data."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.grid(axis=grid, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def say_empty(figure: Figure) -> None:
    """A period without data is said, not drawn."""
    figure.text(0.5, 0.5, "nothing in this period", ha="center", color=FAINT, fontsize=14)


def patch(colour: str, label: str) -> Artist:
    """A legend's entry for bars."""
    from matplotlib.patches import Patch

    return Patch(color=colour, label=label, alpha=0.8)


def line(colour: str, label: str) -> Artist:
    """A legend's entry for a line."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, label=label)
