"""The wallboard's table of scopes: worst first, as many columns and rows as there is room for."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.table import Table
from rich.text import Text

from replywatch.dashboards.board_words import (
    NO_DATA,
    attainment_words,
    due_seconds,
    duration_words,
    expected_words,
    overdue_count,
    scope_name,
    spike_words,
    wait_seconds,
    worst_first,
)
from replywatch.metrics.board import Board, ScopeBoard

__all__ = ["scope_table"]

_HEAD_ROWS = 2
_WIDE = 112  # columns from which unassigned, next due and backlog have room
_WITH_BARS = 146  # and from which a bar of those waiting does
_MIN_BAR, _MAX_BAR = 24, 60
_AT_RISK_RATIO = 0.8  # of a target used up: METRICS' default for "at risk"


def scope_table(board: Board, targets: Mapping[str, float], *, width: int, rows: int) -> Table:
    """The scopes of `board` in at most `rows` lines (heading included) of `width` columns.

    Scopes that do not fit are counted in the last line. An empty board says so.
    """
    bar = min(_MAX_BAR, width - _WITH_BARS + _MIN_BAR) if width >= _WITH_BARS else 0
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        expand=True,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="dim",
        border_style="dim",
    )
    table.add_column("scope, worst first", ratio=1, min_width=12, no_wrap=True, overflow="ellipsis")
    for heading in _headings(width):
        table.add_column(heading, justify="right", no_wrap=True)
    if bar:
        table.add_column("waiting (red: overdue)", width=bar, no_wrap=True)
    scopes = worst_first(board)
    room = max(1, rows - _HEAD_ROWS)
    shown = scopes if len(scopes) <= room else scopes[: room - 1]
    most = max((scope.waiting for scope in scopes), default=0)
    for scope in shown:
        cells = _cells(scope, board.as_of, targets, width)
        table.add_row(*cells, *([_bar(scope, most, bar)] if bar else []))
    if not scopes:
        table.add_row(Text("no scope yet", style="dim"))
    elif len(shown) < len(scopes):
        left = len(scopes) - len(shown)
        table.add_row(Text(f"+{left:,} more", style="dim"))
    return table


def _headings(width: int) -> list[str]:
    if width < _WIDE:
        return ["waiting", "overdue", "longest", "in target", "posts/exp", "volume"]
    return [
        "waiting",
        "unassigned",
        "overdue",
        "next due",
        "longest",
        "in target, 1h",
        "posts/expected",
        "volume",
        "backlog",
    ]


def _cells(scope: ScopeBoard, as_of: int, targets: Mapping[str, float], width: int) -> list[Text]:
    overdue = overdue_count(scope)
    outcomes = scope.met_last_hour + scope.missed_last_hour
    longest = duration_words(wait_seconds(scope, as_of))
    share = attainment_words(scope.met_last_hour, scope.missed_last_hour)
    words = spike_words(scope)
    cells = {
        "scope": Text(scope_name(scope), style="bold red" if scope.is_spike or overdue else ""),
        "waiting": _count(scope.waiting, "bold"),
        "unassigned": _count(scope.unassigned, ""),
        "overdue": _count(overdue, "bold red"),
        "next due": _next_due(scope, as_of, targets),
        "longest": Text(longest, style="bold red" if overdue else ""),
        "in target": Text(f"{share} n={outcomes:,}" if outcomes else NO_DATA),
        "posts": Text(f"{scope.window_posts:,}/{expected_words(scope.posts_expected)}"),
        "volume": Text(words, style="bold white on red" if scope.is_spike else "dim"),
        "backlog": _count(scope.backlog, ""),
    }
    if width < _WIDE:
        for name in ("unassigned", "next due", "backlog"):
            del cells[name]
    return list(cells.values())


def _count(count: int, style: str) -> Text:
    return Text(f"{count:,}", style=style) if count else Text("none", style="dim")


def _next_due(scope: ScopeBoard, as_of: int, targets: Mapping[str, float]) -> Text:
    """Time to the next deadline; yellow while some clock is at risk by the board's targets."""
    at_risk = any(
        (due_at - as_of) / 1e6 < (1 - _AT_RISK_RATIO) * targets[sla]
        for sla, due_at in scope.next_due_at.items()
        if sla in targets
    )
    words = duration_words(due_seconds(scope, as_of))
    return Text(words, style="bold yellow" if at_risk else "")


def _bar(scope: ScopeBoard, most: int, columns: int) -> Text:
    """Those waiting, as a bar against the scope with most; the overdue part in red."""
    if not scope.waiting or not most:
        return Text()
    length = max(1, round(columns * scope.waiting / most))
    red = min(length, round(length * overdue_count(scope) / scope.waiting))
    return Text("━" * red, style="red").append("━" * (length - red), style="cyan")
