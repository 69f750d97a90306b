"""Agents: how many are there for the work, never who is better. No panel has a person in it."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from replywatch.dashboards.grafana.frame import board
from replywatch.dashboards.grafana.links import to_board, to_runbook
from replywatch.dashboards.grafana.options import Options
from replywatch.dashboards.grafana.panels import COUNT, SECONDS, lines, number
from replywatch.dashboards.grafana.queries import (
    Query,
    increase,
    mean,
    of,
    quantile,
    total,
)
from replywatch.dashboards.grafana.words import BAD, CALM, GOOD, MUTED, WARN

_STATES = {"available": GOOD, "busy": CALM, "away": WARN, "offline": MUTED}
_ON_DUTY = of("care_agents", state="~available|busy")
_UNKNOWN = "no states come in"


def make(options: Options) -> Dashboard:
    """Build it."""
    numbers = [
        number(
            state.capitalize(), f"Agents whose latest state is {state}.",
            Query(f"sum({of('care_agents', state=state)})"), COUNT, _UNKNOWN,
            steps=((None, colour),), words={0: ("nobody", MUTED)},
        )
        for state, colour in _STATES.items()
    ]  # fmt: skip
    waiting = total("care_conversations_waiting")
    numbers += [
        number(
            "Waiting for each on duty", "Conversations that wait, divided by the agents who are "
            "available or busy.",
            Query(f"{waiting} / (sum({_ON_DUTY}) > 0)"), COUNT, "nobody on duty", decimals=1,
            steps=((None, GOOD), (3, WARN), (6, BAD)),
            links=[to_runbook("CareApproachingSLA", options)],
        ),
        number(
            "Waiting without an agent", "Of those waiting, the ones nobody has taken.",
            Query(total("care_conversations_unassigned")), COUNT, "no signal",
            words={0: ("none", GOOD)}, steps=((None, GOOD), (1, WARN)),
            links=[to_board("care-queue", "Queue detail")],
        ),
    ]  # fmt: skip
    handle = "care_handle_active_seconds"
    return board(
        "care-agents",
        "Agents",
        "How many people are there for the work that waits. Persons are in reports, not on a wall.",
        [
            (5, [(4, one) for one in numbers]),
            (8, [
                (12, lines(
                    "Agents by state", "How many are in each state; the states say nothing of who.",
                    Query("sum by (state) (care_agents)", "{{state}}"), COUNT, _UNKNOWN,
                    is_stacked=True, colours=_STATES,
                )),
                (12, lines(
                    "Work and people", "Conversations that wait beside the agents on duty.",
                    [
                        Query(waiting, "waiting"),
                        Query(total("care_conversations_unassigned"), "unassigned"),
                        Query(f"sum({_ON_DUTY})", "on duty"),
                    ],
                    COUNT, "no signal", colours={"on duty": GOOD, "unassigned": WARN},
                )),
            ]),
            (8, [
                (12, lines(
                    "Active handle time", "Time that answers took of an agent's attention, "
                    "estimated or from focus; of answers in the last hour.",
                    [
                        Query(quantile(0.5, handle, "1h"), "median"),
                        Query(quantile(0.9, handle, "1h"), "p90"),
                        Query(mean(handle, "1h"), "mean"),
                    ],
                    SECONDS, "nothing was answered",
                )),
                (12, lines(
                    "Replies for each on duty, an hour", "Replies of the team in the last hour, "
                    "divided by the agents who are available or busy now.",
                    Query(
                        increase("care_messages_total", "1h", direction="outbound")
                        + f" / (sum({_ON_DUTY}) > 0)",
                        "replies",
                    ),
                    COUNT, "nobody on duty",
                )),
            ]),
        ],
        options,
        since="now-12h",
    )  # fmt: skip
