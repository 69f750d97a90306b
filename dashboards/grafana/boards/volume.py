"""Volume and spikes: what comes in, what is usual, and what is far from it."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from replywatch.dashboards.grafana.frame import board
from replywatch.dashboards.grafana.links import series_to_board, to_board, to_runbook
from replywatch.dashboards.grafana.options import Options
from replywatch.dashboards.grafana.panels import COUNT, PER_SECOND, bars, lines, number, spans
from replywatch.dashboards.grafana.queries import (
    BY_SCOPE,
    SCOPE_LEGEND,
    Query,
    increase,
    of,
    rate,
    total,
)
from replywatch.dashboards.grafana.words import BAD, CALM, GOOD, MUTED, WARN

_LEARNING = "being learned"
_WINDOW = total("care_volume_window_posts")
_EXPECTED = total("care_volume_expected_posts")


def make(options: Options) -> Dashboard:
    """Build it."""
    spike = to_runbook("CareVolumeSpike", options)
    crisis = to_board("care-crisis", "Crisis room")
    active = of("care_volume_spike_active")
    numbers = [
        number(
            "Posts in this window", "Customer posts in the running five minutes.", Query(_WINDOW),
            COUNT, "no signal", words={0: ("none", GOOD)},
        ),
        number(
            "Expected", "Posts that a whole five minutes usually bring at this time.",
            Query(_EXPECTED), COUNT, _LEARNING, decimals=1, steps=((None, MUTED),),
        ),
        number(
            "Queues in an episode", "How many queues have far more posts than usual just now.",
            Query(f"count(max by ({BY_SCOPE}) ({active}) > 0) or on () 0 * sum({active})"), COUNT,
            "no signal", words={0: ("none", GOOD)}, steps=((None, GOOD), (1, BAD)),
            links=[spike, crisis],
        ),
        number(
            "Nearest to an alarm", "How near the most unusual of the chosen queues is to an alarm; "
            "1 raises one.",
            Query(f"max({of('care_volume_spike_score')})"), COUNT, _LEARNING, decimals=2,
            steps=((None, GOOD), (0.5, WARN), (1, BAD)), links=[spike],
        ),
    ]  # fmt: skip
    detail = [
        series_to_board("care-volume", "This queue alone"),
        series_to_board("care-crisis", "Crisis room for this queue"),
    ]
    return board(
        "care-volume",
        "Volume and spikes",
        "What comes in, what is usual at this time, and which queue is far from it.",
        [
            (4, [(6, one) for one in numbers]),
            (9, [(24, lines(
                "Posts and what is expected", "Posts in the last five minutes against what a "
                "window of five minutes usually brings.",
                [
                    Query(increase("care_messages_total", "5m", direction="inbound"), "posts"),
                    Query(_EXPECTED, "expected"),
                ],
                COUNT, _LEARNING, dashed=["expected"], colours={"posts": CALM, "expected": MUTED},
                links=[spike],
            ))]),
            (8, [
                (12, lines(
                    "Score by queue", "How near each queue is to an alarm; 1 raises one.",
                    Query(
                        f"max by ({BY_SCOPE}) ({of('care_volume_spike_score')})", SCOPE_LEGEND
                    ),
                    COUNT, _LEARNING, links=[spike], data_links=detail,
                )),
                (12, spans(
                    "Episodes", "When a queue had far more posts than usual, by kind.",
                    Query(
                        f"max by ({BY_SCOPE}, kind) ({active})", "{{kind}} · " + SCOPE_LEGEND
                    ),
                    "no signal", {0: ("usual", GOOD), 1: ("unusual", BAD)},
                    links=[to_runbook("CareVolumeSurge", options)], data_links=detail,
                )),
            ]),
            (8, [
                (8, bars(
                    "Posts by queue, last hour", "The ten queues with most posts.",
                    Query(
                        "topk(10, floor("
                        + increase("care_messages_total", "1h", by=BY_SCOPE, direction="inbound")
                        + " + 0.5))",
                        SCOPE_LEGEND,
                    ),
                    COUNT, "no signal", data_links=detail,
                )),
                (8, lines(
                    "In and out", "Posts of customers and replies to them, a second.",
                    Query(rate("care_messages_total", by="direction"), "{{direction}}"),
                    PER_SECOND, "no signal",
                )),
                (8, lines(
                    "Conversations opened", "A second, by channel.",
                    Query(rate("care_conversations_opened_total", by="channel"), "{{channel}}"),
                    PER_SECOND, "no signal", is_stacked=True,
                )),
            ]),
        ],
        options,
        since="now-24h",
    )  # fmt: skip
