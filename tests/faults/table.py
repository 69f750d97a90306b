"""One line a fault: does one and prints what came of it."""

from __future__ import annotations

import os
import re
import tempfile
import time
import traceback
from pathlib import Path
from statistics import median

from faults.registry import Figures, Size, Unavailable, all_faults

HEAD = ("fault", "times", "lost", "doubled", "retracted", "mismatches", "fresh s", "max", "took s")
WIDTHS = (26, 6, 6, 8, 10, 11, 8, 6, 7)
SHOWN = 20
"""Mismatches of a fault that are told in full."""


def line(cells: tuple[object, ...]) -> str:
    """Cells under their heads."""
    first, *rest = (str(cell) for cell in cells)
    return first.ljust(WIDTHS[0]) + "".join(
        cell.rjust(width) for cell, width in zip(rest, WIDTHS[1:], strict=True)
    )


def told(name: str, figures: Figures, seconds: float) -> str:
    """The line of a fault."""
    fresh = figures.fresh
    return line(
        (
            name,
            figures.times,
            figures.lost,
            figures.doubled,
            figures.retracted,
            len(figures.mismatches),
            f"{median(fresh):.1f}" if fresh else "-",
            f"{max(fresh):.1f}" if fresh else "-",
            f"{seconds:.0f}",
        )
    )


def do(name: str, size: Size, seed: int) -> list[str]:
    """Do one fault in a folder of its own and print what came of it; if it did harm, that again."""
    began = time.monotonic()
    required = re.split(r"[\s,]+", os.environ.get("REPLYWATCH_REQUIRE", ""))
    with tempfile.TemporaryDirectory(prefix=f"replywatch-{name}-") as folder:
        try:
            figures = all_faults()[name](size, seed, Path(folder))
        except Unavailable as missing:
            is_required = missing.name in required
            said = f"{name.ljust(WIDTHS[0])}  {'failed' if is_required else 'skipped'}: {missing}"
            print(said, flush=True)
            return [said] if is_required else []
        except Exception:
            said = f"{name.ljust(WIDTHS[0])}  failed: the harness itself\n{traceback.format_exc()}"
            print(said, flush=True)
            return [said]
    lines = [told(name, figures, time.monotonic() - began)]
    lines += [f"    {mismatch}" for mismatch in figures.mismatches[:SHOWN]]
    if len(figures.mismatches) > SHOWN:
        lines.append(f"    and {len(figures.mismatches) - SHOWN} more")
    print("\n".join(lines), flush=True)
    return [] if figures.is_sound else lines
