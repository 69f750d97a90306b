"""Charts of the executive page as inline SVG: they take their colours from the page's style."""

from __future__ import annotations

from collections.abc import Sequence

_WIDTH, _HEIGHT = 320, 110
_SPARK_WIDTH, _SPARK_HEIGHT = 120, 28


def sparkline(now: Sequence[float | None], then: Sequence[float | None]) -> str:
    """The days of a week as a line, over those of the week before as a faint one."""
    known = [value for value in (*now, *then) if value is not None]
    if len([value for value in now if value is not None]) < 3:
        return ""
    low, high = min(known), max(known)
    lines = []
    for values, style in ((then, "then"), (now, "now")):
        points = _points(values, low, high, _SPARK_WIDTH, _SPARK_HEIGHT)
        if len(points) > 1:
            lines.append(f'<polyline class="{style}" points="{" ".join(points)}"/>')
    return (
        f'<svg class="spark" viewBox="0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}" '
        f'aria-hidden="true">{"".join(lines)}</svg>'
    )


def _points(
    values: Sequence[float | None], low: float, high: float, width: int, height: int
) -> list[str]:
    span = (high - low) or 1.0
    step = (width - 6) / max(len(values) - 1, 1)
    return [
        f"{3 + n * step:.1f},{height - 4 - (value - low) / span * (height - 8):.1f}"
        for n, value in enumerate(values)
        if value is not None
    ]


def day_bars(
    labels: Sequence[str], now: Sequence[int | None], then: Sequence[int | None], title: str
) -> str:
    """Two bars a day: this week's, and the week before's beside it."""
    top = max((value for value in (*now, *then) if value), default=0)
    if not top:
        return ""
    floor = _HEIGHT - 16
    slot = _WIDTH / max(len(labels), 1)
    parts = []
    for n, (label, this, other) in enumerate(zip(labels, now, then, strict=True)):
        for value, style, shift in ((other, "then", 0.12), (this, "now", 0.46)):
            tall = (value or 0) / top * (floor - 14)
            parts.append(
                f'<rect class="{style}" x="{(n + shift) * slot:.1f}" y="{floor - tall:.1f}" '
                f'width="{slot * 0.32:.1f}" height="{tall:.1f}" rx="1.5"/>'
            )
        if this:
            tall = this / top * (floor - 14)
            parts.append(
                f'<text class="value" x="{(n + 0.62) * slot:.1f}" y="{floor - tall - 3:.1f}">'
                f"{this:,}</text>"
            )
        parts.append(f'<text x="{(n + 0.45) * slot:.1f}" y="{_HEIGHT - 3}">{label}</text>')
    return (
        f'<svg class="bars" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{title}">{"".join(parts)}</svg>'
    )


def share_bar(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A share of 0–1 as a bar, its interval as a line over it."""
    if value is None:
        return ""
    interval = (
        ""
        if low is None or high is None
        else f'<line class="interval" x1="{low * 100:.1f}" x2="{high * 100:.1f}" y1="5" y2="5"/>'
    )
    return (
        '<svg class="share" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="10" rx="2"/>'
        f'<rect class="now" width="{value * 100:.1f}" height="10" rx="2"/>{interval}</svg>'
    )
