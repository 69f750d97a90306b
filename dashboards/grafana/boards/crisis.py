"""Crisis room: one queue in trouble, everything on one screen, and what to do."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from replywatch.dashboards.grafana.frame import board
from replywatch.dashboards.grafana.links import to_board, to_runbook
from replywatch.dashboards.grafana.options import Options
from replywatch.dashboards.grafana.panels import AGE, COUNT, RATIO, SECONDS, lines, note, number
from replywatch.dashboards.grafana.queries import (
    BY_SCOPE,
    RESPONSES,
    SCOPE_LEGEND,
    Query,
    age,
    attainment,
    increase,
    of,
    quantile,
    total,
)
from replywatch.dashboards.grafana.words import BAD, CALM, GOOD, MUTED, WARN

_SILENT = "no signal"
_POSTS = "care_messages_total"
_EXPECTED = total("care_volume_expected_posts")
_SCORED = "care_posts_scored_total"


def _words(options: Options) -> str:
    return f"""\
1. Choose the brand, channel and queue above, so that every number here is about them.
2. Read what customers write before anything is announced; one cause or several?
3. Answer who waits longest first. Tag the crisis, so that its volume isn't learned as usual.
4. [Volume spike]({options.runbook("CareVolumeSpike")}) ·
   [Surge]({options.runbook("CareVolumeSurge")}) ·
   [Crisis suspected]({options.runbook("CareCrisisSuspected")}) say when it is over.
"""


def make(options: Options) -> Dashboard:
    """Build it."""
    suspected = to_runbook("CareCrisisSuspected", options)

    def active(**labels: str) -> str:
        return of("care_volume_spike_active", **labels)

    waiting = total("care_conversations_waiting")
    negative = increase(_SCORED, "15m", sentiment="negative")
    negative = f"{negative} / ({increase(_SCORED, '15m')} > 0)"
    posts = increase(_POSTS, "5m", direction="inbound")
    numbers = [
        number(
            "Volume", "Whether posts are far more than usual, and whether unusually many of them "
            "are negative, in the chosen queues.",
            Query(f"max({active(kind='~spike|surge')}) + max({active(kind='crisis')})"), COUNT,
            _SILENT,
            words={
                0: ("usual", GOOD),
                1: ("far above usual", WARN),
                2: ("crisis suspected", BAD),
            },
            links=[to_runbook("CareVolumeSpike", options), suspected],
        ),
        number(
            "As many posts last came", "Days since as many posts came in five minutes.",
            Query(f"max({of('care_volume_spike_severity_days')})"), "d", "no episode", decimals=1,
            steps=((None, WARN), (7, BAD)), links=[to_runbook("CareVolumeSpike", options)],
        ),
        number(
            "Times the usual", "Posts of the last five minutes ÷ posts expected in five minutes.",
            Query(f"{posts} / ({_EXPECTED} > 0)"), COUNT, "usual is being learned", decimals=1,
            steps=((None, GOOD), (3, WARN), (10, BAD)),
        ),
        number(
            "Negative share", "Of the scored posts in the last 15 minutes.", Query(negative),
            RATIO, "no post is scored", steps=((None, GOOD), (0.4, WARN), (0.6, BAD)),
            links=[suspected],
        ),
        number(
            "Waiting", "Conversations whose customer waits.", Query(waiting), COUNT, _SILENT,
            words={0: ("nobody", GOOD)}, links=[to_board("care-queue", "Queue detail")],
        ),
        number(
            "Overdue", "Past a response deadline and unanswered.",
            Query(total("care_conversations_overdue", sla=RESPONSES)), COUNT, _SILENT,
            words={0: ("none", GOOD)}, steps=((None, GOOD), (1, BAD)),
            links=[to_runbook("CareFirstResponseOverdue", options)],
        ),
        number(
            "Longest wait", "Of all that wait in the chosen queues.",
            Query(
                age(f"min({of('care_oldest_waiting_timestamp_seconds')})")
                + f" or on () ({waiting} == 0)"
            ),
            AGE, _SILENT, words={0: ("nobody waits", GOOD)},
        ),
    ]  # fmt: skip
    return board(
        "care-crisis",
        "Crisis room",
        "For the hours in which one topic brings far more than usual: volume, mood, and what it "
        "does to those who wait.",
        [
            (5, list(zip((4, 4, 4, 3, 3, 3, 3), numbers, strict=True))),
            (9, [
                (16, lines(
                    "Posts and what is expected", "Posts in the last five minutes against what a "
                    "window of five minutes usually brings.",
                    [Query(posts, "posts"), Query(_EXPECTED, "expected")],
                    COUNT, "usual is being learned", dashed=["expected"],
                    colours={"posts": CALM, "expected": MUTED},
                    links=[to_board("care-volume", "Volume and spikes")],
                )),
                (8, note("What to do", "The first steps, and where it is written what ends it.",
                         _words(options))),
            ]),
            (8, [
                (8, lines(
                    "Negative share over time", "Of the scored posts in the 15 minutes before.",
                    Query(negative, "negative"), RATIO, "no post is scored", bounds=(0, 1),
                    colours={"negative": BAD}, links=[suspected],
                )),
                (8, lines(
                    "Waiting and overdue", "Conversations, now and before.",
                    [
                        Query(waiting, "waiting"),
                        Query(total("care_conversations_unassigned"), "unassigned"),
                        Query(total("care_conversations_overdue", sla=RESPONSES), "overdue"),
                    ],
                    COUNT, _SILENT, colours={"overdue": BAD, "unassigned": WARN},
                )),
                (8, lines(
                    "Answers in and out", "Posts and replies in five minutes: do replies keep up?",
                    Query(increase(_POSTS, "5m", by="direction"), "{{direction}}"), COUNT, _SILENT,
                )),
            ]),
            (8, [
                (8, lines(
                    "First response", "Of answers in the last 15 minutes.",
                    [
                        Query(quantile(0.5, "care_first_response_seconds", "15m"), "median"),
                        Query(quantile(0.9, "care_first_response_seconds", "15m"), "p90"),
                    ],
                    SECONDS, "nothing was answered",
                )),
                (8, lines(
                    "Met of the first-response clocks", "Of the 30 minutes before.",
                    Query(attainment("30m", sla="first_response"), "met"), RATIO,
                    "no clock ended", bounds=(0, 1),
                    links=[to_runbook("CareSLABreachRatioHigh", options)],
                )),
                (8, lines(
                    "Score by queue", "Which queues it has reached.",
                    Query(
                        f"max by ({BY_SCOPE}) ({of('care_volume_spike_score')})", SCOPE_LEGEND
                    ),
                    COUNT, "usual is being learned",
                )),
            ]),
        ],
        options,
        since="now-3h",
        refresh="10s",
    )  # fmt: skip
