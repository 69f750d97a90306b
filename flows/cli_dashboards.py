"""`replywatch dashboards`: build, check and push Grafana's boards."""

from __future__ import annotations

import argparse
import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from replywatch.flows.cli_args import Commands, Parser, add_command, add_config, read_settings
from replywatch.flows.cli_errors import FAILURE, OK, Failure, complain, counted

if TYPE_CHECKING:
    from replywatch.dashboards.grafana.options import Options

FOLDER = Path("dashboards/generated")
TOKEN = "REPLYWATCH_GRAFANA_TOKEN"

_EXAMPLES = """
replywatch dashboards build --out boards
replywatch dashboards check --out boards
replywatch dashboards push
"""
_BUILD = """
replywatch dashboards build
replywatch dashboards build --config replywatch.toml --out boards
"""
_CHECK = """
replywatch dashboards check
replywatch dashboards check --config replywatch.toml --out boards
"""
_PUSH = """
replywatch dashboards push
replywatch dashboards push --config replywatch.toml
"""


def add_commands(commands: Commands) -> None:
    """Add `dashboards` and what it does."""
    parser = add_command(
        commands,
        "dashboards",
        lambda given: given.parser.error("say what to do: build, check or push"),
        help="Grafana's boards as code: build, check, push",
        description="Boards for Grafana, written as code. The configuration's table [dashboards] "
        "names the addresses they link to, and the Grafana they are pushed to.",
        examples=_EXAMPLES,
    )
    parser.set_defaults(parser=parser)
    kinds = parser.add_subparsers(metavar="ACTION", title="actions", parser_class=Parser)
    build = add_command(
        kinds,
        "build",
        _build,
        help="write the boards as JSON",
        description="Write each board to DIR/UID.json, as Grafana's file provisioning reads it. "
        "Boards that are no more are removed, other files kept.",
        examples=_BUILD,
    )
    check = add_command(
        kinds,
        "check",
        _check,
        help="compare a folder of boards with what is built, and judge them",
        description="Name every board of DIR that is not as it would be built now, and every "
        "fault in it: no title, description, unit or word for no data, a metric that isn't in "
        "the catalogue, a label that would show a person. Exits with 1 if there is any.",
        examples=_CHECK,
    )
    for action in (build, check):
        action.add_argument(
            "--out",
            type=Path,
            default=FOLDER,
            metavar="DIR",
            help=f"the folder of the boards (default: {FOLDER})",
        )
        add_config(action)
    push = add_command(
        kinds,
        "push",
        _push,
        help="bring folder, data source, boards and playlist into a Grafana",
        description="Create or update them through Grafana's HTTP API and leave what is as wanted "
        f"alone. A service account's token comes from the environment ({TOKEN}).",
        examples=_PUSH,
    )
    add_config(push)


def _needs(module: str, package: str, extra: str, what: str) -> None:
    if find_spec(module) is None:
        raise Failure(
            f"{what} needs the package {package}, which is not installed; "
            f"pip install 'replywatch[{extra}]' brings it"
        )


def _options(given: argparse.Namespace) -> Options:
    from replywatch.dashboards.grafana.options import Options

    chosen = read_settings(given).dashboards
    return Options(chosen.runbooks_url, chosen.conversation_url)


def _build(given: argparse.Namespace) -> int:
    _needs("grafana_foundation_sdk", "grafana-foundation-sdk", "dashboards", "dashboards build")
    options = _options(given)
    from replywatch.dashboards.grafana.build import write_boards

    written = write_boards(given.out, options)
    print(f"{counted(len(written), 'board')} in {given.out}")
    return OK


def _check(given: argparse.Namespace) -> int:
    _needs("grafana_foundation_sdk", "grafana-foundation-sdk", "dashboards", "dashboards check")
    options = _options(given)
    from replywatch.dashboards.grafana.build import differences
    from replywatch.dashboards.grafana.lint import faults

    if not given.out.is_dir():
        raise Failure(f"no folder {given.out}; replywatch dashboards build writes one")
    paths = sorted(given.out.glob("*.json"))
    found = differences(given.out, options)
    for path in paths:
        try:
            found += faults(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            found.append(f"{path}: no board ({type(error).__name__}: {error})")
    for fault in found:
        complain(fault)
    ending = counted(len(found), "fault") if found else "no faults"
    print(f"{given.out}: {counted(len(paths), 'board')}, {ending}")
    return FAILURE if found else OK


def _push(given: argparse.Namespace) -> int:
    _needs("grafana_foundation_sdk", "grafana-foundation-sdk", "grafana", "dashboards push")
    _needs("grafana_client", "grafana-client", "grafana", "dashboards push")
    options = _options(given)
    chosen = read_settings(given).dashboards
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise Failure(f"{TOKEN} is not set; give it the token of a service account of Grafana")
    from replywatch.dashboards.grafana.build import build_boards
    from replywatch.dashboards.grafana.push import push

    for line in push(build_boards(options), chosen.grafana_url, chosen.prometheus_url, token):
        print(line, flush=True)
    return OK
