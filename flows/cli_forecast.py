"""The command `forecast`."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from replywatch.flows.cli_args import (
    FORMATS,
    Commands,
    add_command,
    add_history,
    find_history,
    policy_of,
    read_settings,
    shown_as,
)
from replywatch.flows.cli_errors import OK, Failure, complain
from replywatch.flows.cli_export import add_grid
from replywatch.sql.exports.intervals import MINUTES

if TYPE_CHECKING:
    import pyarrow as pa

    from replywatch.sql.exports.queues import Queues

_EXAMPLES = """
replywatch forecast --tz Europe/Berlin --history out
replywatch forecast --interval 15m --format csv --output forecast.csv
replywatch forecast --format genesys --output genesys.csv
"""


def add_commands(commands: Commands) -> None:
    """Add `forecast`."""
    parser = add_command(
        commands,
        "forecast",
        _forecast,
        help="the next two weeks by queue and interval, and its error",
        description="Forecast conversations by queue and interval for the next two weeks: the "
        "median of the same weekday and time over four weeks, with an 80 % interval, beside the "
        "seasonal-naive forecast, with the error on weeks held back, and the agents that it "
        "needs. Spikes and tagged crises teach nothing. As a table it shows days.",
        examples=_EXAMPLES,
    )
    add_grid(parser)
    parser.add_argument(
        "--format",
        choices=(*FORMATS, "genesys"),
        metavar="NAME",
        help=f"one of {', '.join((*FORMATS, 'genesys'))} (default: as FILE is named, else table)",
    )
    parser.add_argument(
        "--shrinkage",
        type=_share,
        default=0.0,
        metavar="SHARE",
        help="share of paid time that agents are away, added to the agents (default: 0)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write it there (default: standard output)"
    )
    add_history(parser)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no share: give a number from 0 to below 1")
    return share


def _forecast(given: argparse.Namespace) -> int:
    from replywatch.flows.settings import load_policy
    from replywatch.metrics.policy import FIRST, Scope
    from replywatch.metrics.times import NEVER, SECOND
    from replywatch.sql.exports.queues import Queues
    from replywatch.sql.forecast import ForecastError, by_day, errors_by_queue, forecast
    from replywatch.sql.forecast_past import Ask, Demand
    from replywatch.sql.history import open_history
    from replywatch.sql.render import render, write_whole

    settings = read_settings(given)
    policy = policy_of(lambda: load_policy(settings.policy), settings)

    def demand(scope: Scope) -> Demand:
        rule = policy.rule_for(NEVER, scope, "normal")
        target = rule.targets[FIRST]
        seconds = None if target is None else target / SECOND
        return Demand(seconds, rule.rule.objective.ratio, rule.calendar)

    ask = Ask(MINUTES[given.interval], given.tz, demand, settings.crisis_tags, given.shrinkage)
    with closing(open_history(find_history(given))) as con:
        try:
            rows = forecast(con, ask)
        except ForecastError as error:
            raise Failure(str(error)) from None
    if not any(rows.column("weeks_held_back").to_pylist()):
        complain("too little history to say how far this is off: six whole weeks would do")
    shown = shown_as(given)
    if shown == "genesys":
        text = _genesys(rows, Queues(settings.queue_names))
        if given.output is None:
            sys.stdout.write(text)
        else:
            write_whole(given.output, text.encode("utf-8"))
    elif shown == "table" and given.output is None:
        render(by_day(rows), "table")
        print()
        render(errors_by_queue(rows), "table")
    else:
        render(by_day(rows) if shown == "table" else rows, shown, given.output)
    return OK


def _genesys(rows: pa.Table, queues: Queues) -> str:
    """The forecast in the columns of Genesys Cloud's interval file; may raise `QueueError`."""
    from replywatch.sql.cells import csv_text
    from replywatch.sql.exports.formats import GENESYS_COLUMNS, genesys_cells, genesys_media
    from replywatch.sql.exports.queues import queue_name

    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(GENESYS_COLUMNS)
    found = rows.to_pylist()
    queues.check({(queue_name(row), genesys_media(row["channel"])) for row in found}, has_ids=False)
    for row in found:
        name = queues.name(row)
        if not name:
            continue
        volume = round(row["offered"] or 0.0, 2)
        seconds = round(volume * (row["aht_active_seconds"] or 0.0))
        cells = genesys_cells(
            row["interval_start_utc"], name, row["channel"], volume, volume, seconds
        )
        writer.writerow([csv_text(cell) for cell in cells])
    return text.getvalue()
