"""The wallboard as an SVG picture: the real rendering, recorded by rich."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape, unescape
from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME

from replywatch.dashboards.board_view import render_board
from replywatch.metrics.board import Board

__all__ = ["board_svg"]

_FONTS = "Fira Code, DejaVu Sans Mono, Menlo, Consolas, monospace"
_WEB_FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_TEXT = re.compile(
    r'<text class="(?P<style>[^"]+)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)"'
    r' textLength="(?P<length>[\d.]+)" clip-path="(?P<clip>[^"]+)">(?P<words>[^<]*)</text>'
)


def board_svg(
    board: Board,
    *,
    mode: str,
    metrics_url: str | None,
    targets: Mapping[str, float],
    objective_ratio: float | None = None,
    width: int = 120,
    height: int = 40,
    title: str = "replywatch",
) -> str:
    """The same rendering as an SVG picture, `width` columns wide and at most `height` rows high.

    Self-contained and the same in every environment: the web fonts that rich links to are left
    out, for a viewer of pictures does not load them.
    """
    console = Console(
        record=True,
        file=StringIO(),
        width=width,
        height=height,
        force_terminal=True,
        color_system="truecolor",
        no_color=False,
        legacy_windows=False,
    )
    console.print(
        render_board(
            board,
            mode=mode,
            metrics_url=metrics_url,
            targets=targets,
            objective_ratio=objective_ratio,
        )
    )
    svg = console.export_svg(title=title, theme=SVG_EXPORT_THEME)
    svg = _TEXT.sub(_pin_words, _WEB_FONT.sub("", svg))
    return svg.replace("font-family: Fira Code, monospace", f"font-family: {_FONTS}")


def _pin_words(match: re.Match[str]) -> str:
    """One `<text>` for each word, at its own column.

    rich aligns with runs of no-break spaces, which some viewers collapse and other fonts make
    narrower; a word that carries its place stays there.
    """
    words = unescape(match["words"])
    cells = cell_len(words.rstrip("\n"))
    if not cells:
        return match[0]
    step = float(match["length"]) / cells
    return "".join(
        f'<text class="{match["style"]}" x="{float(match["x"]) + step * before:.1f}"'
        f' y="{match["y"]}" textLength="{step * cell_len(word[0]):.1f}"'
        f' clip-path="{match["clip"]}">{escape(word[0])}</text>'
        for word in re.finditer(r"[^\s\xa0]+", words)
        for before in (cell_len(words[: word.start()]),)
    )
