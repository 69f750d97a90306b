"""What the commands' arguments have in common: their parser, their types, the configuration."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from replywatch.flows.cli_errors import WRONG_USE, Failure, complain
from replywatch.metrics.policy import parse_duration
from replywatch.metrics.times import NEVER

if TYPE_CHECKING:
    from replywatch.flows.settings import Settings
    from replywatch.metrics.policy import PolicyBook

Command = Callable[[argparse.Namespace], int]
Commands = Any
"""What `add_subparsers` returns; its class has no public name."""

CONFIG = Path("replywatch.toml")
"""The configuration where none is named: this file, if it exists."""

_WIDTH = 79

FORMATS, HTML = ("table", "csv", "json", "parquet"), "html"


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help in which the longest command, too, has its text on its own line."""

    def add_argument(self, action: argparse.Action) -> None:
        super().add_argument(action)
        indent = self._current_indent + self._indent_increment
        commands = action.choices if action.nargs == argparse.PARSER else None
        named = [indent + len(name) for name in commands or ()]
        self._action_max_length = max([self._action_max_length, *named])


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one sentence on standard error."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", _Help)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line; exit code 2."""
        complain(f"{message}; {self.prog} --help tells more")
        raise SystemExit(WRONG_USE)


def add_command(
    commands: Commands, name: str, run: Command, help: str, description: str, examples: str
) -> Parser:
    """A command with its help: what it does, its arguments, and examples to copy."""
    parts = description.split("\n\n")
    filled = [part if part.startswith(" ") else textwrap.fill(part, _WIDTH) for part in parts]
    lines = "\n".join(f"  {line}".rstrip() for line in examples.strip().splitlines())
    parser: Parser = commands.add_parser(
        name, help=help, description="\n\n".join(filled), epilog=f"examples:\n{lines}"
    )
    parser.set_defaults(run=run)
    return parser


def add_config(parser: Parser) -> None:
    """`--config FILE`."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help=f"configuration (default: ./{CONFIG}, if any)"
    )


def add_processes(parser: Parser) -> None:
    """`--processes N`."""
    parser.add_argument(
        "--processes",
        type=count,
        default=1,
        metavar="N",
        help="share the work between so many processes of this host (default: 1)",
    )


def add_history(parser: Parser) -> None:
    """`--history DIR` and the configuration that names its default."""
    parser.add_argument(
        "--history",
        type=Path,
        metavar="DIR",
        help="the folder that --out wrote (default: the configuration's, else ./replywatch-data)",
    )
    add_config(parser)


def add_output(parser: Parser) -> None:
    """`--format` and `--output`."""
    parser.add_argument(
        "--format", choices=FORMATS, help="how to show it (default: as FILE is named, else table)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write it there (default: standard output)"
    )


def shown_as(given: argparse.Namespace, default: str = "table") -> str:
    """The format of `--format`, else the one that `--output` is named for, else the default."""
    if given.format is not None:
        return str(given.format)
    suffix = "" if given.output is None else given.output.suffix.lower().removeprefix(".")
    return suffix if suffix in (*FORMATS[1:], HTML) else default


def program_name() -> str:
    """How to call this command again from here: by its name, or where the path lacks it as now."""
    if shutil.which("replywatch") or not sys.argv[0].endswith("replywatch"):
        return "replywatch"
    return shlex.quote(sys.argv[0])


def read_settings(given: argparse.Namespace) -> Settings:
    """The settings of `--config`, else of `./replywatch.toml` if there is one, else defaults."""
    from replywatch.flows.settings import SettingsError, load_settings

    path: Path | None = given.config
    if path is None and CONFIG.exists():
        path = CONFIG
    try:
        return load_settings(path)
    except SettingsError as error:
        if path is None or not path.is_file():
            raise Failure(f"{error}; name one that exists with --config") from None
        raise Failure(_first_fault(path) or str(error)) from None


def _first_fault(path: Path) -> str | None:
    """The first fault of a configuration with its line, and where to see the others."""
    from replywatch.flows.checks import CONFIG as KIND
    from replywatch.flows.checks import placed, toml_faults

    faults = toml_faults(path, KIND)
    return f"{placed(path, faults)}{_see_check(path)}" if faults else None


def _see_check(path: Path) -> str:
    return f"; see {program_name()} check {shlex.quote(str(path))}"


def policy_of(make: Callable[[], PolicyBook], settings: Settings) -> PolicyBook:
    """What `make` reads from the policy of `settings`; a fault in it is told with its line."""
    from replywatch.flows.checks import first_policy_fault
    from replywatch.flows.settings import SettingsError

    try:
        return make()
    except SettingsError as error:
        path = settings.policy
        found = None if path is None else first_policy_fault(path)
        if found and path is not None and path.exists():
            found += _see_check(path)
        raise Failure(found or str(error)) from None


def find_history(given: argparse.Namespace) -> Path:
    """The folder of `--history`, else the configuration's; one that is named has to be sound."""
    named: Path | None = given.history
    if named is not None and given.config is None:
        return named
    settings = read_settings(given)
    return settings.history if named is None else named


def duration(text: str) -> int:
    """Microseconds of an argument such as `90s`, `5m` or `3600`."""
    try:
        number = float(text)
    except ValueError:
        number = None
    try:
        length = parse_duration(text if number is None else number)
    except (ValueError, OverflowError):
        length = NEVER
    if length >= NEVER:
        raise argparse.ArgumentTypeError(f"'{text}' is no duration: give seconds, or 90s, 5m, 2h")
    return length


def instant(text: str) -> int:
    """Microseconds since the epoch of an argument such as `2026-03-05` or with time and offset."""
    from replywatch.metrics.times import to_instant
    from replywatch.sql.reports import ReportError, parse_bound

    try:
        return to_instant(parse_bound(text))
    except ReportError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def count(text: str) -> int:
    """A whole number of at least one, at most 64."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 64):
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 to 64")
    return int(text)


def port(text: str) -> int:
    """A port; 0 takes a free one."""
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"'{text}' is no port: give a number from 0 to 65535")
    return int(text)


def speed(text: str) -> float | None:
    """Event seconds a second; `None` for `max`."""
    if text == "max":
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e12:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no speed: give how many times as fast as it happened, or max"
        )
    return number
