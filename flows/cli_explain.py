"""`replywatch explain`: one conversation, step by step, and how its numbers came about."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from replywatch.flows.cli_args import (
    Commands,
    add_command,
    add_history,
    find_history,
    policy_of,
    read_settings,
)
from replywatch.flows.cli_errors import OK, Failure, UsageError

if TYPE_CHECKING:
    from replywatch.metrics.policy import PolicyBook

_EXAMPLES = """
replywatch explain c-1042 --history out
replywatch explain c-1042 --tz Europe/Berlin
replywatch explain c-1042 --format json
"""


def add_commands(commands: Commands) -> None:
    """Add `explain`."""
    parser = add_command(
        commands,
        "explain",
        _explain,
        help="one conversation, step by step, and its numbers",
        description="Tell a conversation as people read it: each event, who had it, what started, "
        "stopped and ended which clock, closed hours, deadlines, and how each number came about. "
        "The events go through the rules once more, under the policy that the history was made "
        "with, and what comes out is compared with the history.",
        examples=_EXAMPLES,
    )
    parser.add_argument("conversation", metavar="CONVERSATION", help="its conversation_id")
    parser.add_argument(
        "--tz", default="UTC", metavar="ZONE", help="whose clock to show (default: UTC)"
    )
    parser.add_argument(
        "--format", choices=("table", "json"), default="table", help="how (default: table)"
    )
    add_history(parser)


def _explain(given: argparse.Namespace) -> int:
    from replywatch.flows.explain import UnknownConversationError, stories_of
    from replywatch.flows.explain_text import print_stories, to_json
    from replywatch.flows.explain_words import Words
    from replywatch.metrics.calendar import find_zone
    from replywatch.sql.history import open_history

    try:
        words = Words(find_zone(given.tz))
    except ValueError as error:
        raise UsageError(f"--tz: {error}") from None
    folder: Path = find_history(given)
    with closing(open_history(folder)) as con:
        try:
            stories = stories_of(con, given.conversation, _policy(given, folder))
        except UnknownConversationError as error:
            raise Failure(str(error)) from None
    if given.format == "json":
        print(to_json(stories, words))
    else:
        print_stories(stories, words, sys.stdout)
    return OK


def _policy(given: argparse.Namespace, folder: Path) -> PolicyBook:
    """The policy that the history keeps; of one that is older than that, the configuration's."""
    from replywatch.flows.settings import load_policy
    from replywatch.sql.history import kept_policy

    kept = kept_policy(folder)
    if kept is not None:
        return kept
    settings = read_settings(given)
    return policy_of(lambda: load_policy(settings.policy), settings)
