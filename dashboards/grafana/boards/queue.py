"""Queue detail: who waits where, how long, and what is next."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from replywatch.dashboards.grafana.frame import board
from replywatch.dashboards.grafana.links import (
    row_to_board,
    row_to_conversations,
    series_to_board,
    to_board,
    to_runbook,
)
from replywatch.dashboards.grafana.options import Options
from replywatch.dashboards.grafana.panels import AGE, COUNT, PER_SECOND, SECONDS, lines, number
from replywatch.dashboards.grafana.queries import (
    BY_SCOPE,
    RESPONSES,
    SCOPE_LEGEND,
    Query,
    age,
    mean,
    of,
    quantile,
    rate,
    total,
)
from replywatch.dashboards.grafana.tables import Column, scopes
from replywatch.dashboards.grafana.words import BAD, CALM, GOOD, WARN

_OLDEST = of("care_oldest_waiting_timestamp_seconds")
_SILENT = "no signal"
_ZERO_IS_GOOD = ((None, GOOD), (1, BAD))


def _by_scope(metric: str, **labels: str) -> str:
    return total(metric, by=BY_SCOPE, **labels)


def make(options: Options) -> Dashboard:
    """Build it."""
    overdue = to_runbook("CareFirstResponseOverdue", options)
    waiting = total("care_conversations_waiting")
    numbers = [
        number(
            "Waiting", "Conversations whose customer waits.", Query(waiting), COUNT, _SILENT,
            words={0: ("nobody", GOOD)},
        ),
        number(
            "Unassigned", "Of those waiting, with no agent.",
            Query(total("care_conversations_unassigned")), COUNT, _SILENT,
            words={0: ("none", GOOD)}, steps=((None, CALM), (1, WARN)),
        ),
        number(
            "Overdue", "Past a response deadline and unanswered.",
            Query(total("care_conversations_overdue", sla=RESPONSES)), COUNT, _SILENT,
            words={0: ("none", GOOD)}, steps=_ZERO_IS_GOOD, links=[overdue],
        ),
        number(
            "Due soon", "Past the at-risk point, deadline still ahead.",
            Query(total("care_conversations_at_risk", sla=RESPONSES)), COUNT, _SILENT,
            words={0: ("none", GOOD)}, steps=((None, GOOD), (1, WARN)),
            links=[to_runbook("CareApproachingSLA", options)],
        ),
        number(
            "Longest wait", "Of all that wait in the chosen queues.",
            Query(f"{age(f'min({_OLDEST})')} or on () ({waiting} == 0)"), AGE, _SILENT,
            words={0: ("nobody waits", GOOD)}, links=[overdue],
        ),
        number(
            "Backlog", "Conversations that are not closed.", Query(total("care_backlog")), COUNT,
            _SILENT, words={0: ("empty", GOOD)},
        ),
    ]  # fmt: skip
    due = f"min by ({BY_SCOPE}) ({of('care_next_deadline_timestamp_seconds', sla=RESPONSES)})"
    table = scopes(
        "Queues now",
        "One row a queue, the longest wait first. A queue's name leads to this board for it alone"
        " and, where the configuration names the care platform, to its conversations there.",
        [
            Column("Waiting", _by_scope("care_conversations_waiting")),
            Column("Unassigned", _by_scope("care_conversations_unassigned")),
            Column(
                "Overdue", _by_scope("care_conversations_overdue", sla=RESPONSES),
                steps=_ZERO_IS_GOOD,
            ),
            Column(
                "Due soon", _by_scope("care_conversations_at_risk", sla=RESPONSES),
                steps=((None, GOOD), (1, WARN)),
            ),
            Column("Longest wait", age(f"min by ({BY_SCOPE}) ({_OLDEST})"), AGE),
            Column("Next deadline in", f"clamp_min(floor({due} - time()), 0)", AGE),
            Column(
                "First answer due in",
                f"max by ({BY_SCOPE}) ({of('care_sla_target_seconds', sla='first_response')})",
                AGE,
            ),
            Column("Backlog", _by_scope("care_backlog")),
        ],
        "none",
        sort_by="Longest wait",
        links=[overdue],
        data_links=[row_to_board("care-queue", "This queue alone"), *row_to_conversations(options)],
    )  # fmt: skip
    detail = [series_to_board("care-queue", "This queue alone")]
    return board(
        "care-queue",
        "Queue detail",
        "Who waits in which queue, for how long, and what falls due next.",
        [
            (4, [(4, one) for one in numbers]),
            (9, [(24, table)]),
            (8, [
                (12, lines(
                    "Waiting by queue", "Conversations whose customer waits.",
                    Query(_by_scope("care_conversations_waiting"), SCOPE_LEGEND), COUNT, _SILENT,
                    is_stacked=True, data_links=detail,
                )),
                (12, lines(
                    "Longest wait by queue", "No line while nobody waits.",
                    Query(age(f"min by ({BY_SCOPE}) ({_OLDEST})"), SCOPE_LEGEND), SECONDS,
                    "nobody waited", data_links=detail, links=[overdue],
                )),
            ]),
            (8, [
                (8, lines(
                    "First response", "From the opening post to the first answer by a person, of "
                    "answers in the last 15 minutes.",
                    [
                        Query(quantile(0.5, "care_first_response_seconds", "15m"), "median"),
                        Query(quantile(0.9, "care_first_response_seconds", "15m"), "p90"),
                        Query(mean("care_first_response_seconds", "15m"), "mean"),
                    ],
                    SECONDS, "nothing was answered", links=[to_board("care-sla", "SLA")],
                )),
                (8, lines(
                    "All responses", "Every answered wait, first and next together, of answers in "
                    "the last 15 minutes.",
                    [
                        Query(quantile(0.5, "care_response_seconds", "15m"), "median"),
                        Query(quantile(0.9, "care_response_seconds", "15m"), "p90"),
                        Query(mean("care_response_seconds", "15m"), "mean"),
                    ],
                    SECONDS, "nothing was answered",
                )),
                (8, lines(
                    "Time to close", "From the opening to a close, of closes in the last hour.",
                    [
                        Query(quantile(0.5, "care_resolution_seconds", "1h"), "median"),
                        Query(quantile(0.9, "care_resolution_seconds", "1h"), "p90"),
                    ],
                    SECONDS, "nothing was closed",
                )),
            ]),
            (8, [
                (12, lines(
                    "Opened and closed", "Conversations a second.",
                    [
                        Query(rate("care_conversations_opened_total"), "opened"),
                        Query(rate("care_conversations_closed_total", outcome="closed"), "closed"),
                        Query(
                            rate("care_conversations_closed_total", outcome="expired"), "expired"
                        ),
                    ],
                    PER_SECOND, _SILENT, colours={"closed": GOOD, "expired": WARN},
                )),
                (12, lines(
                    "Backlog by queue", "Conversations that are not closed.",
                    Query(_by_scope("care_backlog"), SCOPE_LEGEND), COUNT, _SILENT,
                    is_stacked=True, data_links=detail,
                )),
            ]),
        ],
        options,
    )  # fmt: skip
