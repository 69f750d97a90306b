"""`make faults`: does every fault, prints a line each, and exits 1 if one of them did harm.

A fault that this machine can't do is passed over with its reason, or counts as harm where
`REPLYWATCH_REQUIRE` names what is missing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

from child import BREAKS

from faults.registry import Figures, Size, Unavailable, all_faults

HEAD = ("fault", "times", "lost", "doubled", "retracted", "mismatches", "fresh s", "max", "took s")
WIDTHS = (26, 6, 6, 8, 10, 11, 8, 6, 7)
SHOWN = 20
"""Mismatches of a fault that are told in full."""


def _line(cells: tuple[object, ...]) -> str:
    first, *rest = (str(cell) for cell in cells)
    return first.ljust(WIDTHS[0]) + "".join(
        cell.rjust(width) for cell, width in zip(rest, WIDTHS[1:], strict=True)
    )


def told(name: str, figures: Figures, seconds: float) -> str:
    """The line of a fault."""
    fresh = figures.fresh
    return _line(
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


def do(name: str, size: Size, seed: int) -> bool:
    """Do one fault in a folder of its own and print what came of it; whether no harm did."""
    began = time.monotonic()
    required = re.split(r"[\s,]+", os.environ.get("REPLYWATCH_REQUIRE", ""))
    with tempfile.TemporaryDirectory(prefix=f"replywatch-{name}-") as folder:
        try:
            figures = all_faults()[name](size, seed, Path(folder))
        except Unavailable as missing:
            is_required = missing.name in required
            print(f"{name.ljust(WIDTHS[0])}  {'failed' if is_required else 'skipped'}: {missing}")
            return not is_required
        except Exception:
            traceback.print_exc()
            print(f"{name.ljust(WIDTHS[0])}  failed: the harness itself", flush=True)
            return False
    lines = [told(name, figures, time.monotonic() - began)]
    lines += [f"    {mismatch}" for mismatch in figures.mismatches[:SHOWN]]
    if len(figures.mismatches) > SHOWN:
        lines.append(f"    and {len(figures.mismatches) - SHOWN} more")
    print("\n".join(lines), flush=True)
    return figures.is_sound


def main(arguments: list[str] | None = None) -> int:
    """Do the faults that were named, or all."""
    faults = all_faults()
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--size", choices=("small", "full"), default="small")
    parser.add_argument("--kills", type=int, help="how often processes are killed")
    parser.add_argument("--jobs", type=int, default=2, help="faults done side by side (2)")
    parser.add_argument("--seed", type=int, default=1)
    broken = "break the writer first, to see that it shows"
    parser.add_argument("--break", action="append", default=[], choices=BREAKS, help=broken)
    parser.add_argument("names", nargs="*", help="faults to do (all)")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if name not in faults]:
        parser.error(f"no fault {', '.join(unknown)}; there are {', '.join(faults)}")
    size = Size(given.size == "full", given.kills, tuple(getattr(given, "break")))
    print(_line(HEAD), flush=True)
    names = given.names or list(faults)
    spawn = multiprocessing.get_context("spawn")  # each fault has a main thread of its own
    with ProcessPoolExecutor(given.jobs, mp_context=spawn) as pool:
        doing = [pool.submit(do, name, size, given.seed) for name in names]
        are_sound = [one.result() for one in doing]
    if not all(are_sound):
        print(f"{are_sound.count(False)} of {len(are_sound)} faults did harm")
    return 0 if all(are_sound) else 1


if __name__ == "__main__":
    sys.exit(main())
