"""`make faults`: does every fault, prints a line each, and exits 1 if one of them did harm.

A fault that this machine can't do is passed over with its reason, or counts as harm where
`REPLYWATCH_REQUIRE` names what is missing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from child import BREAKS

from faults.registry import Size, all_faults
from faults.table import HEAD, do, line


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
    print(line(HEAD), flush=True)
    names = given.names or list(faults)
    spawn = multiprocessing.get_context("spawn")  # each fault has a main thread of its own
    with ProcessPoolExecutor(given.jobs, mp_context=spawn) as pool:
        doing = [pool.submit(do, name, size, given.seed) for name in names]
        harmed = [lines for one in doing if (lines := one.result())]
    if harmed:
        # Once more at the end: what faults print side by side scrolls by.
        print(f"\n{len(harmed)} of {len(names)} faults did harm:", line(HEAD), sep="\n")
        print(*(text for lines in harmed for text in lines), sep="\n", flush=True)
    return 1 if harmed else 0


if __name__ == "__main__":
    sys.exit(main())
