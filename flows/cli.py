"""The command `replywatch`: its parser, and the exit code of whatever happens.

0 is success, 1 a failure, 2 wrong use. What a user can set right is one sentence on standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from replywatch.flows import (
    cli_alerts,
    cli_check,
    cli_dashboards,
    cli_demo,
    cli_explain,
    cli_export,
    cli_forecast,
    cli_history,
    cli_replay,
    cli_report,
    cli_run,
    cli_upkeep,
)
from replywatch.flows.cli_args import Parser
from replywatch.flows.cli_errors import FAILURE, OK, WRONG_USE, complain, report_error

_DESCRIPTION = """\
Measures how customer care answers: response times, SLAs, volume and breaches, from events as they
come (run) or from a file of them (replay), as metrics for Prometheus and as a history for SQL."""

_SUBJECTS = (
    cli_demo,
    cli_replay,
    cli_run,
    cli_history,
    cli_report,
    cli_explain,
    cli_alerts,
    cli_dashboards,
    cli_export,
    cli_forecast,
    cli_upkeep,
    cli_check,
)
"""What adds commands, in the order in which help lists them."""

_EXAMPLES = """\
examples:
  replywatch demo
  replywatch replay events.jsonl --out out
  replywatch report agents --history out
  replywatch COMMAND --help"""


def build_parser() -> Parser:
    """The parser with every command."""
    parser = Parser(prog="replywatch", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument(
        "--version", action="version", version=f"replywatch {version('replywatch')}"
    )
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=Parser)
    for subject in _SUBJECTS:
        subject.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (default: of this process); its exit code."""
    try:
        given = build_parser().parse_args(arguments)
        if not hasattr(given, "run"):
            complain("no command given; replywatch --help lists them, replywatch demo shows it all")
            return WRONG_USE
        code: int = given.run(given)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _forget_output()
        return OK
    except SystemExit as ending:  # argparse, after --help or a complaint
        return ending.code if isinstance(ending.code, int) else FAILURE
    except BaseException as error:  # the engine's panics are no `Exception`
        return report_error(error)


def _forget_output() -> None:
    """The reader of standard output is gone: let nothing be flushed to it any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
