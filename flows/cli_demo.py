"""`replywatch demo`."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

from replywatch.flows.cli_args import Commands, add_command, port, speed
from replywatch.flows.cli_errors import OK

_EXAMPLES = """
replywatch demo
replywatch demo --speed max --out demo
"""

DEFAULT_OUT = Path("replywatch-demo")
DEFAULT_PORT = 9464
DEFAULT_SEED = 7


def add_commands(commands: Commands) -> None:
    """Add `demo`."""
    parser = add_command(
        commands,
        "demo",
        _demo,
        help="see it all in half a minute, no services needed",
        description="Replay two generated days of a care desk (a backlog at lunch, a spike, SLA "
        "breaches) with a live wallboard, serve /metrics on 127.0.0.1 meanwhile, write a history, "
        "and end with the reports. A folder of an earlier demo is replaced.",
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_OUT,
        metavar="DIR",
        help=f"history folder (default: ./{DEFAULT_OUT})",
    )
    parser.add_argument(
        "--speed",
        type=speed,
        default=0.0,
        metavar="N",
        help="N times as fast as it happened, or max (default: half a minute for both days on a "
        "terminal, else max)",
    )
    parser.add_argument(
        "--port",
        type=port,
        default=DEFAULT_PORT,
        metavar="N",
        help=f"where /metrics is served (default: {DEFAULT_PORT}; a free one if that is taken)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=DEFAULT_SEED,
        metavar="N",
        help=f"other days for another number (default: {DEFAULT_SEED})",
    )


def _demo(given: argparse.Namespace) -> int:
    from replywatch.flows.cli_demo_results import tell_results, tell_where
    from replywatch.flows.demo import run_demo
    from replywatch.sql.history import open_history

    is_default = given.speed == 0.0
    is_paced = is_default and sys.stdout.isatty()
    speed = None if is_default else given.speed
    url = run_demo(given.out, speed, is_paced, given.port, given.seed)
    if url is None:
        print(f"stopped; {given.out} holds the demo up to here, and the next one begins anew")
        return OK
    with closing(open_history(given.out)) as con:
        tell_results(con)
    tell_where(given.out, url)
    return OK
