"""The board as a picture for rich: title line, six big totals, scopes worst first, footer.

Deterministic: a function of its arguments and of the width and height it is given; no wall clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich import box
from rich.align import Align
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from replywatch.dashboards.board_table import scope_table
from replywatch.dashboards.board_words import (
    NO_DATA,
    Totals,
    attainment_words,
    duration_words,
    expected_words,
    instant_utc,
    progress_words,
    safe_words,
    scope_name,
    sla_words,
    spike_words,
    totals_of,
    wait_seconds,
)
from replywatch.metrics.board import Board

__all__ = ["render_board"]

_HEADER_ROWS = 2
_FOOTER_ROWS = 2
_BIG_ROWS = 3
_MIN_TABLE_ROWS = 8  # under this the digits give way to the table
_SIX_ACROSS = {True: 162, False: 144}  # columns needed for six tiles in a row, big or small

LAGS_AFTER_SECONDS = 30
"""Age of the news from which a live board says that it lags, as Grafana's wallboard does."""

# Seven-segment digits, three columns by three rows; units stand on the base line.
_GLYPHS = {
    "0": ("┏━┓", "┃ ┃", "┗━┛"),
    "1": (" ┓ ", " ┃ ", " ╹ "),
    "2": ("╺━┓", "┏━┛", "┗━╸"),
    "3": ("╺━┓", " ━┫", "╺━┛"),
    "4": ("╻ ╻", "┗━┫", "  ╹"),
    "5": ("┏━╸", "┗━┓", "╺━┛"),
    "6": ("┏━╸", "┣━┓", "┗━┛"),
    "7": ("╺━┓", "  ┃", "  ╹"),
    "8": ("┏━┓", "┣━┫", "┗━┛"),
    "9": ("┏━┓", "┗━┫", "╺━┛"),
} | {unit: (" ", " ", unit) for unit in "smhd%, "}


@dataclass(frozen=True)
class _Tile:
    label: str
    value: str
    note: str
    style: str  # of border and value: what to think of it; the words say it too


def _big(value: str, columns: int) -> Text | None:
    """`value` in three-row digits; None when it is not a number or is wider than `columns`."""
    if not any(char.isdigit() for char in value) or any(char not in _GLYPHS for char in value):
        return None
    rows = ["".join(_GLYPHS[char][row] for char in value) for row in range(_BIG_ROWS)]
    return Text("\n".join(rows), no_wrap=True) if len(rows[0]) <= columns else None


def render_board(
    board: Board,
    *,
    mode: str,
    metrics_url: str | None,
    targets: Mapping[str, float],
    objective_ratio: float | None = None,
) -> RenderableType:
    """The wallboard of `board` for rich; fits the width and height of the console it meets.

    Made for 80 to 200 columns and 24 rows or more: scopes that do not fit are counted. All times
    are event times in UTC; no wall clock takes part, so the same board gives the same picture.
    `mode` is the word beside the name (`replay`, `demo`, `live`), `targets` are seconds by SLA
    name, `objective_ratio` the share in target to hold (without it the share has no colour).
    """
    return _BoardView(board, mode, metrics_url, targets, objective_ratio)


def _liveness(lag_seconds: float | None) -> Text:
    """Whether what is shown is now, or how long ago."""
    if lag_seconds is not None and lag_seconds > LAGS_AFTER_SECONDS:
        return Text(f"▲ {duration_words(lag_seconds)} behind", style="bold red")
    return Text("● live", style="bold green")


@dataclass(frozen=True)
class _BoardView:
    """Renders `board` into whatever width and height rich offers."""

    board: Board
    mode: str
    metrics_url: str | None
    targets: Mapping[str, float]
    objective_ratio: float | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        totals = totals_of(self.board)
        # One row stays free, for the cursor.
        height = (options.height or options.max_height) - 1 - _HEADER_ROWS - _FOOTER_ROWS
        is_big = True
        tile_rows = self._tile_rows(width, is_big)
        wanted = min(_MIN_TABLE_ROWS, len(self.board.scopes) + 2)
        if height - tile_rows < wanted:
            is_big = False
            tile_rows = self._tile_rows(width, is_big)
        yield self._title(width)
        yield Text()
        yield self._tiles(totals, width, is_big)
        yield scope_table(self.board, self.targets, width=width, rows=height - tile_rows)
        yield Text()
        yield self._footer(width)

    def _title(self, width: int) -> RenderableType:
        board, name = self.board, Text(" REPLYWATCH ", style="bold reverse", no_wrap=True)
        at = f"{instant_utc(board.as_of):%a %Y-%m-%d %H:%M:%S} UTC"
        if self.mode != "live" or board.progress_ratio is not None:
            name.append(f" {safe_words(self.mode)}", style="not reverse bold")
        row = Table.grid(expand=True, padding=(0, 2, 0, 0), pad_edge=False)
        row.add_column(no_wrap=True)
        row.add_column(no_wrap=True)
        row.add_column(ratio=1, justify="right")
        row.add_column(no_wrap=True, justify="right")
        when = Text(at if board.as_of else "waiting for the first event", style="bold")
        if board.progress_ratio is None:
            row.add_row(name, when, "", _liveness(board.lag_seconds))
            return row
        done = min(1.0, max(0.0, board.progress_ratio))
        bar = ProgressBar(total=1.0, completed=done, complete_style="cyan", finished_style="green")
        row.add_row(name, when, bar, Text(progress_words(done), style="bold"))
        return row

    def _tile_rows(self, width: int, is_big: bool) -> int:
        rows_each = 2 + (_BIG_ROWS if is_big else 1) + 1
        return rows_each * (1 if width >= _SIX_ACROSS[is_big] else 2)

    def _tiles(self, totals: Totals, width: int, is_big: bool) -> RenderableType:
        across = 6 if width >= _SIX_ACROSS[is_big] else 3
        tiles = self._values(totals)
        grid = Table.grid(expand=True)
        for _ in range(across):
            grid.add_column(ratio=1)
        for start in range(0, len(tiles), across):
            grid.add_row(
                *(_panel(tile, width // across - 4, is_big) for tile in tiles[start:][:across])
            )
        return grid

    def _values(self, totals: Totals) -> list[_Tile]:
        return [
            self._longest(totals),
            self._in_target(totals),
            self._waiting(totals),
            self._overdue(totals),
            self._posts(totals),
            self._volume(totals),
        ]

    def _longest(self, totals: Totals) -> _Tile:
        scope = totals.longest
        if scope is None:
            return _Tile("longest wait", "nobody waiting", "no wait running", "green")
        style = "red" if any(scope.overdue.values()) else "green"
        value = duration_words(wait_seconds(scope, self.board.as_of))
        return _Tile("longest wait", value, scope_name(scope), style)

    def _in_target(self, totals: Totals) -> _Tile:
        outcomes = totals.met + totals.missed
        if not outcomes:
            return _Tile("answered in target", NO_DATA, "none in last hour", "default")
        style = "default"
        if self.objective_ratio is not None:
            style = "green" if totals.met / outcomes >= self.objective_ratio else "red"
        share = attainment_words(totals.met, totals.missed)
        return _Tile("answered in target", share, f"last hour, n={outcomes:,}", style)

    def _waiting(self, totals: Totals) -> _Tile:
        value = f"{totals.waiting:,}" if totals.waiting else "nobody waiting"
        unassigned = f"{totals.unassigned:,}" if totals.unassigned else "none"
        note = f"backlog {totals.backlog:,}" if totals.backlog else "backlog empty"
        if totals.waiting:
            note = f"{unassigned} unassigned"
        return _Tile("waiting", value, note, "default" if totals.waiting else "green")

    def _overdue(self, totals: Totals) -> _Tile:
        count = totals.overdue.total()
        if count:
            parts = [f"{sla_words(s)} {n:,}" for s, n in totals.overdue.most_common() if n]
            note = ", ".join(part.replace(" response", "") for part in parts)
            return _Tile("overdue", f"{count:,}", note, "red")
        due = totals.next_due_seconds
        note = "no deadline ahead" if due is None else f"next due in {duration_words(due)}"
        return _Tile("overdue", "none overdue", note, "green")

    def _posts(self, totals: Totals) -> _Tile:
        start = max((scope.window_start for scope in self.board.scopes), default=0)
        label = f"posts since {instant_utc(start):%H:%M}" if start else "posts in this window"
        note = f"{expected_words(totals.expected)} expected"
        if totals.expected is None:
            note = "expectation: learning"
        elif totals.learning:
            note += f", {totals.learning:,} learning"
        style = "red" if totals.spikes else "default"
        return _Tile(label, f"{totals.posts:,}" if totals.posts else "no posts", note, style)

    def _volume(self, totals: Totals) -> _Tile:
        if totals.spikes:
            first = totals.spikes[0]
            more = f" +{len(totals.spikes) - 1}" if len(totals.spikes) > 1 else ""
            return _Tile("volume", spike_words(first), scope_name(first) + more, "red")
        if totals.expected is None:
            return _Tile("volume", "learning", "no baseline yet", "default")
        return _Tile("volume", "normal", "nothing unusual", "green")

    def _footer(self, width: int) -> RenderableType:
        board = self.board
        counts = ", ".join(
            (
                f"{board.events_total:,} events" if board.events_total else "no events",
                f"{board.rejected_total:,} rejected" if board.rejected_total else "none rejected",
                f"{board.late_total:,} late" if board.late_total else "none late",
            )
        )
        left = Text(counts, style="dim", no_wrap=True, overflow="ellipsis")
        targets = ", ".join(f"{sla_words(s)} {duration_words(t)}" for s, t in self.targets.items())
        address = self.metrics_url or "/metrics off"
        right = Text(address, style="cyan" if self.metrics_url else "dim", no_wrap=True)
        room = width - left.cell_len - right.cell_len - 4
        if targets and len(targets) + 9 <= room:
            left.append(f"  ·  targets {targets}"[: room + 2])
        row = Table.grid(expand=True, padding=(0, 2, 0, 0), pad_edge=False)
        row.add_column(ratio=1, no_wrap=True)
        row.add_column(no_wrap=True, justify="right", overflow="ellipsis")
        row.add_row(left, right)
        return row


def _panel(tile: _Tile, columns: int, is_big: bool) -> RenderableType:
    is_alarm = tile.value.startswith("SPIKE")
    style = "bold white on red" if is_alarm else f"bold {tile.style}"
    value = _big(tile.value, columns) if is_big else None
    if value is None:
        lines = ["", tile.value, ""] if is_big else [tile.value]
        value = Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
    value.stylize(style)
    centred = Align.center(value, style=style if is_alarm else None)
    note = Text(tile.note, style="dim", no_wrap=True, overflow="ellipsis", justify="center")
    border = tile.style if tile.style != "default" else "dim"
    label = Text(tile.label, style="bold" if tile.style == "red" else "default")
    return Panel(
        Group(centred, note),
        title=label,
        title_align="left",
        box=box.ROUNDED,
        border_style=border,
        padding=(0, 1),
    )
