"""`replywatch alerts build` and `replywatch alerts check`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from replywatch.flows.cli_args import (
    Commands,
    Parser,
    add_command,
    add_config,
    policy_of,
    program_name,
    read_settings,
)
from replywatch.flows.cli_errors import FAILURE, OK, Failure, counted

if TYPE_CHECKING:
    from replywatch.metrics.policy import Policy

_EXAMPLES = """
replywatch alerts build --policy policy.toml --out alerts
replywatch alerts check --policy policy.toml --out alerts
"""

_BUILD_EXAMPLES = """
replywatch alerts build
replywatch alerts build --policy policy.toml --out /etc/prometheus/care
"""

_CHECK_EXAMPLES = """
replywatch alerts check
replywatch alerts check --policy policy.toml --out /etc/prometheus/care
"""


def add_commands(commands: Commands) -> None:
    """Add `alerts` with its two commands."""
    parser = add_command(
        commands,
        "alerts",
        lambda given: given.parser.error("say what to do: build or check"),
        help="rules for Prometheus and Alertmanager, from the policy",
        description="Make Prometheus' rules with their tests and Alertmanager's configuration of "
        "the table [alerts] of the policy, or compare what is there with it.",
        examples=_EXAMPLES,
    )
    parser.set_defaults(parser=parser)
    actions = parser.add_subparsers(metavar="ACTION", title="actions", parser_class=Parser)
    build = add_command(
        actions,
        "build",
        _build,
        help="write the files",
        description="Write rules/, rule_tests/, alertmanager.yml, templates/ and runbooks/ into a "
        "folder. "
        "A file that this command made before and makes no more is removed; others stay.",
        examples=_BUILD_EXAMPLES,
    )
    check = add_command(
        actions,
        "check",
        _check,
        help="compare the files with the policy",
        description="Name every fault of the policy's [alerts], and every file that is missing, "
        "left over or not what the policy makes. Exits with 1 if there is any.",
        examples=_CHECK_EXAMPLES,
    )
    for action in (build, check):
        action.add_argument(
            "--policy",
            type=Path,
            metavar="FILE",
            help="the policy, or a folder of versions (default: the configuration's)",
        )
        action.add_argument(
            "--out",
            type=Path,
            metavar="DIR",
            default=Path("alerts"),
            help="where the files are (default: ./alerts)",
        )
        add_config(action)


def _build(given: argparse.Namespace) -> int:
    from replywatch.alerts.build import write

    changed = write(_policy(given), given.out)
    for name in changed:
        print(given.out / name)
    print(f"{counted(len(changed), 'file')} changed in {given.out}")
    return OK


def _check(given: argparse.Namespace) -> int:
    from replywatch.alerts.build import differences

    found = differences(_policy(given), given.out)
    for line in found:
        print(line)
    if found:
        print(f"{counted(len(found), 'fault')}; write them anew with {program_name()} alerts build")
        return FAILURE
    print(f"{given.out}: as the policy makes it")
    return OK


def _policy(given: argparse.Namespace) -> Policy:
    """The latest version of the policy; a fault in it is told with its line."""
    import msgspec

    from replywatch.flows.checks import first_policy_fault
    from replywatch.flows.settings import load_policy

    settings = read_settings(given)
    if given.policy is not None:
        settings = msgspec.structs.replace(settings, policy=given.policy)
    latest = policy_of(lambda: load_policy(settings.policy), settings).policies[-1]
    if settings.policy is not None and (fault := first_policy_fault(settings.policy)):
        raise Failure(fault)
    return latest
