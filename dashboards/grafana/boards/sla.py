"""SLA and error budget: what was met, what is left to miss, and where it burns."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from replywatch.dashboards.grafana.frame import board
from replywatch.dashboards.grafana.links import (
    row_to_board,
    series_to_board,
    to_board,
    to_runbook,
)
from replywatch.dashboards.grafana.options import Options
from replywatch.dashboards.grafana.panels import (
    AGE,
    COUNT,
    RATIO,
    SECONDS,
    lines,
    number,
    spans,
)
from replywatch.dashboards.grafana.queries import (
    BY_SCOPE,
    SCOPE_LEGEND,
    Query,
    attainment,
    increase,
    of,
    quantile,
)
from replywatch.dashboards.grafana.tables import Column, scopes
from replywatch.dashboards.grafana.words import BAD, GOOD, MUTED, WARN

_FIRST, _NEXT = "first_response", "next_response"
_OBJECTIVE = "min by (sla) ({})".format(of("care_sla_objective_ratio"))
_NONE = "no clock ended"
_BUDGET_STEPS = ((None, BAD), (0, WARN), (0.25, GOOD))


def _burn(over: str) -> str:
    """How many times as fast as allowed clocks are missed; 1 spends the budget exactly."""
    return f"(1 - {attainment(over, by='sla')}) / on (sla) (1 - {_OBJECTIVE})"


def _left(over: str) -> str:
    return f"1 - {_burn(over)}"


def _ended(outcome: str) -> str:
    """Whole first-response clocks of the last day by queue."""
    ended = increase("care_sla_outcomes_total", "24h", by=BY_SCOPE, sla=_FIRST, outcome=outcome)
    return f"floor({ended} + 0.5)"


def make(options: Options) -> Dashboard:
    """Build it."""
    breached = to_runbook("CareSLAWindowBreached", options)
    burning = to_runbook("CareSLAErrorBudgetBurn", options)
    ratio = to_runbook("CareSLABreachRatioHigh", options)
    objective = of("care_sla_objective_ratio", sla=_FIRST)
    target = of("care_sla_target_seconds", sla=_FIRST)
    worst = f"min by (sla) ({of('care_sla_window_attainment_ratio')})"
    numbers = [
        number(
            "Met in the last hour", "Met ÷ (met + missed) of the clocks that ended, for each SLA.",
            Query(attainment("1h", by="sla"), "{{sla}}"), RATIO, _NONE, decimals=1,
            steps=((None, BAD), (0.8, WARN), (0.9, GOOD)), links=[ratio],
        ),
        number(
            "Met in the last day", "The same over 24 hours.",
            Query(attainment("24h", by="sla"), "{{sla}}"), RATIO, _NONE, decimals=1,
            steps=((None, BAD), (0.8, WARN), (0.9, GOOD)), links=[ratio],
        ),
        number(
            "Error budget left, 24 hours",
            "Of the clocks that the objective allows to miss in a day, the share not missed yet; "
            "below zero more were missed than allowed.",
            Query(_left("24h"), "{{sla}}"), RATIO, _NONE, steps=_BUDGET_STEPS, links=[burning],
        ),
        number(
            "Objective", "The lowest objective among the chosen queues, for each SLA.",
            Query(_OBJECTIVE, "{{sla}}"), RATIO, "no objective", steps=((None, MUTED),),
        ),
    ]  # fmt: skip
    table = scopes(
        "Queues, last 24 hours",
        "First-response clocks of each queue against its own target and objective.",
        [
            Column("Met", _ended("met")),
            Column("Missed", _ended("missed"), steps=((None, GOOD), (1, WARN))),
            Column("Attainment", attainment("24h", by=BY_SCOPE, sla=_FIRST), RATIO),
            Column("Objective", f"max by ({BY_SCOPE}) ({objective})", RATIO),
            Column("Target", f"max by ({BY_SCOPE}) ({target})", AGE),
        ],
        "none",
        sort_by="Missed",
        data_links=[row_to_board("care-queue", "This queue in detail")],
    )  # fmt: skip
    detail = [series_to_board("care-queue", "This queue in detail")]
    return board(
        "care-sla",
        "SLA and error budget",
        "Which deadlines were met, what the objective still allows to miss, and where it burns.",
        [
            (5, [(6, one) for one in numbers]),
            (8, [
                (12, lines(
                    "Last five-minute window", "Lowest attainment among the chosen queues in the "
                    "last closed window; no line where no clock ended.",
                    [Query(worst, "{{sla}}"), Query(f"min({objective})", "objective")],
                    RATIO, _NONE, dashed=["objective"], bounds=(0, 1), links=[breached],
                    colours={"objective": MUTED},
                )),
                (12, spans(
                    "Breached windows", "Where the last closed window was under its objective.",
                    Query(
                        f"max by ({BY_SCOPE}) ({of('care_sla_window_breached')})", SCOPE_LEGEND
                    ),
                    "no signal", {0: ("met", GOOD), 1: ("breached", BAD)}, links=[breached],
                    data_links=detail,
                )),
            ]),
            (8, [
                (12, lines(
                    "Clocks that ended", "Per five minutes; void is neither met nor missed.",
                    Query(increase("care_sla_outcomes_total", "5m", by="outcome"), "{{outcome}}"),
                    COUNT, _NONE, are_bars=True, is_stacked=True, links=[ratio],
                    colours={"met": GOOD, "missed": BAD, "void": MUTED},
                )),
                (12, lines(
                    "Burn rate", "How many times as fast as the objective allows clocks are "
                    "missed, over an hour and over six; above 1 the budget won't last.",
                    [
                        Query(_burn("1h"), "{{sla}} · 1 h"),
                        Query(_burn("6h"), "{{sla}} · 6 h"),
                    ],
                    COUNT, _NONE, links=[burning],
                )),
            ]),
            (8, [
                (12, lines(
                    "First response against its target",
                    "Median and p90 of the last hour beside the strictest target chosen.",
                    [
                        Query(quantile(0.5, "care_first_response_seconds", "1h"), "median"),
                        Query(quantile(0.9, "care_first_response_seconds", "1h"), "p90"),
                        Query(f"min({target})", "target"),
                    ],
                    SECONDS, "nothing was answered", dashed=["target"],
                    colours={"target": MUTED}, links=[to_board("care-queue", "Queue detail")],
                )),
                (12, table),
            ]),
        ],
        options,
        since="now-24h",
    )  # fmt: skip
