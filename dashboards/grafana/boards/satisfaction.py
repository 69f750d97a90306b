"""Satisfaction and sentiment: what customers answer, and how their posts sound."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from replywatch.dashboards.grafana.frame import board
from replywatch.dashboards.grafana.links import series_to_board, to_board, to_runbook
from replywatch.dashboards.grafana.options import Options
from replywatch.dashboards.grafana.panels import COUNT, RATIO, bars, lines, number
from replywatch.dashboards.grafana.queries import (
    BY_SCOPE,
    SCOPE_LEGEND,
    Query,
    increase,
)
from replywatch.dashboards.grafana.words import BAD, CALM, GOOD, MUTED, WARN

_ANSWERS, _SENT, _SCORED = (
    "care_survey_answers_total",
    "care_surveys_sent_total",
    "care_posts_scored_total",
)
_NOBODY = "nobody answered"
_UNSCORED = "no post is scored"


def _csat(over: str) -> str:
    """Positive answers ÷ answers; no value where nobody answered."""
    positive = increase(_ANSWERS, over, survey="csat", outcome="positive")
    return f"{positive} / ({increase(_ANSWERS, over, survey='csat')} > 0)"


def _nps(over: str) -> str:
    """Share of promoters less share of detractors, in points from -100 to 100."""
    promoters = increase(_ANSWERS, over, survey="nps", outcome="promoter")
    detractors = increase(_ANSWERS, over, survey="nps", outcome="detractor")
    answers = increase(_ANSWERS, over, survey="nps", outcome="~promoter|passive|detractor")
    return f"100 * ({promoters} - {detractors}) / ({answers} > 0)"


def _negative(over: str, by: str = "") -> str:
    """Share of scored posts that are negative; no value where none was scored."""
    negative = increase(_SCORED, over, by=by, sentiment="negative")
    return f"{negative} / ({increase(_SCORED, over, by=by)} > 0)"


def make(options: Options) -> Dashboard:
    """Build it."""
    crisis = to_runbook("CareCrisisSuspected", options)
    numbers = [
        number(
            "CSAT, last day", "Positive answers ÷ answers of satisfaction surveys.",
            Query(_csat("24h")), RATIO, _NOBODY,
            steps=((None, BAD), (0.7, WARN), (0.85, GOOD)),
        ),
        number(
            "NPS, last day", "Share of promoters less share of detractors, in points.",
            Query(_nps("24h")), COUNT, _NOBODY, steps=((None, BAD), (0, WARN), (30, GOOD)),
        ),
        number(
            "Answers, last day", "Surveys that were answered.",
            Query(f"floor({increase(_ANSWERS, '24h')} + 0.5)"), COUNT, "no signal",
            words={0: ("none", MUTED)},
        ),
        number(
            "Answered of those sent, last day", "Answers ÷ surveys that were sent.",
            Query(f"{increase(_ANSWERS, '24h')} / ({increase(_SENT, '24h')} > 0)"), RATIO,
            "none sent",
        ),
        number(
            "Negative posts, last hour", "Share of the scored posts.", Query(_negative("1h")),
            RATIO, _UNSCORED, steps=((None, GOOD), (0.4, WARN), (0.6, BAD)), links=[crisis],
        ),
    ]  # fmt: skip
    widths = (5, 5, 5, 5, 4)
    detail = [series_to_board("care-queue", "This queue in detail")]
    return board(
        "care-satisfaction",
        "Satisfaction and sentiment",
        "What customers answer to surveys, and how their posts sound. An answer counts when it "
        "comes in, with the conversation's queue at that time.",
        [
            (5, list(zip(widths, numbers, strict=True))),
            (8, [
                (12, lines(
                    "CSAT over time", "Positive answers ÷ answers of the six hours before.",
                    Query(_csat("6h"), "CSAT"), RATIO, _NOBODY, bounds=(0, 1),
                )),
                (12, lines(
                    "NPS over time", "In points, of the six hours before.",
                    Query(_nps("6h"), "NPS"), COUNT, _NOBODY, bounds=(-100, 100),
                )),
            ]),
            (8, [
                (12, lines(
                    "Posts by sentiment", "Scored posts in five minutes.",
                    Query(increase(_SCORED, "5m", by="sentiment"), "{{sentiment}}"), COUNT,
                    _UNSCORED, is_stacked=True, are_bars=True,
                    colours={"negative": BAD, "neutral": MUTED, "positive": GOOD},
                    links=[to_board("care-crisis", "Crisis room")],
                )),
                (12, lines(
                    "Negative share by channel", "Of the scored posts in the 30 minutes before.",
                    Query(_negative("30m", by="channel"), "{{channel}}"), RATIO, _UNSCORED,
                    bounds=(0, 1), links=[crisis],
                )),
            ]),
            (8, [
                (12, bars(
                    "Answers by outcome, last day", "CSAT and NPS apart.",
                    Query(
                        f"floor({increase(_ANSWERS, '24h', by='survey, outcome')} + 0.5)",
                        "{{survey}} · {{outcome}}",
                    ),
                    COUNT, _NOBODY, steps=((None, CALM),),
                )),
                (12, bars(
                    "Negative share by queue, last hour", "The ten highest.",
                    Query(f"topk(10, {_negative('1h', by=BY_SCOPE)})", SCOPE_LEGEND), RATIO,
                    _UNSCORED, steps=((None, GOOD), (0.4, WARN), (0.6, BAD)), data_links=detail,
                )),
            ]),
        ],
        options,
        since="now-24h",
    )  # fmt: skip
