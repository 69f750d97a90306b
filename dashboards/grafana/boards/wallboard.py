"""The wallboard: six numbers for a television, each with its state in words and its target."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from replywatch.dashboards.grafana.frame import board
from replywatch.dashboards.grafana.links import to_board, to_runbook
from replywatch.dashboards.grafana.options import Options
from replywatch.dashboards.grafana.panels import AGE, COUNT, RATIO, Panel
from replywatch.dashboards.grafana.queries import (
    BY_SCOPE,
    RESPONSES,
    Query,
    age,
    attainment,
    increase,
    of,
    total,
)
from replywatch.dashboards.grafana.tiles import (
    LINE,
    STRIP,
    TILE,
    State,
    strip,
    target,
    tile,
)
from replywatch.dashboards.grafana.words import BAD, CALM, GOOD, WARN

_SILENT = "No signal"
_WAIT = f"(time() - {of('care_oldest_waiting_timestamp_seconds')})"
_FIRST = "first_response"
_LATE = total("care_conversations_overdue", sla=RESPONSES)
_LATE_BY = f"sum by ({BY_SCOPE}) ({of('care_conversations_overdue', sla=RESPONSES)}) > 0"
_CLOSE = total("care_conversations_at_risk", sla=RESPONSES)
_CLOSE_BY = f"sum by ({BY_SCOPE}) ({of('care_conversations_at_risk', sla=RESPONSES)}) > 0"
_TARGET = f"max by ({BY_SCOPE}) ({of('care_sla_target_seconds', sla=_FIRST)})"
_OBJECTIVE = f"min({of('care_sla_objective_ratio', sla=_FIRST)})"
_POSTS = total("care_volume_window_posts")
_EPISODE = f"max({of('care_volume_spike_active')})"


def make(options: Options) -> Dashboard:
    """Build it."""
    upper = [_wait(options), _in_target(options), _overdue(options)]
    lower = [_at_risk(options), _waiting(options), _posts(options)]
    return board(
        "care-wallboard",
        "Wallboard",
        "For a television: who waits, what is late, how much comes in, and how old that news is.",
        [
            (STRIP, [(24, _freshness(options))]),
            (TILE, [(8, one) for one, _ in upper]),
            (LINE, [(8, below) for _, below in upper]),
            (TILE, [(8, one) for one, _ in lower]),
            (LINE, [(8, below) for _, below in lower]),
        ],
        options,
        since="now-1h",
        refresh="5s",
        has_episodes=False,
    )


def _freshness(options: Options) -> Panel:
    seconds = age("min(care_pipeline_watermark_timestamp_seconds)")
    states = [
        State("Live · news are this old", GOOD, f"{seconds} <= 30"),
        State("Delayed · news are this old", BAD, f"{seconds} > 30"),
        State(
            "Replywatch isn't heard",
            BAD,
            "absent(care_pipeline_watermark_timestamp_seconds)",
            ((1, _SILENT),),
        ),
    ]
    return strip(
        "How old the news are",
        "Time since the instant up to which every event is counted. Delayed from 30 s on; without "
        "a signal nothing below can be trusted.",
        states,
        AGE,
        _SILENT,
        [to_board("care-pipeline", "Pipeline health"), to_runbook("CarePipelineStalled", options)],
    )


def _wait(options: Options) -> tuple[Panel, Panel]:
    worst = f"topk(1, {_WAIT} / on ({BY_SCOPE}) {_TARGET})"
    late = f"max({_WAIT} and on ({BY_SCOPE}) ({_LATE_BY}))"
    close = f"max({_WAIT} and on ({BY_SCOPE}) ({_CLOSE_BY}))"
    states = [
        State("Wait · over target", BAD, f"floor({late})"),
        State("Wait · near target", WARN, f"floor({close} unless on () ({_LATE} > 0))"),
        State(
            "Wait · in target",
            GOOD,
            f"floor(max({_WAIT}) unless on () ({_LATE} > 0) unless on () ({_CLOSE} > 0))",
        ),
        State("Wait", GOOD, f"{total('care_conversations_waiting')} == 0", ((0, "Nobody"),)),
    ]
    return tile(
        "Longest wait",
        "How long the customer who waits longest has waited, of the queues that are late if any "
        "is, else of those near their target.",
        states,
        AGE,
        _SILENT,
        [
            to_board("care-queue", "Queue detail"),
            to_runbook("CareFirstResponseOverdue", options),
        ],
    ), target(
        "Target of the first answer",
        "Of the queue whose longest wait is nearest to its target, or past it; with nobody "
        "waiting, the shortest target.",
        [
            Query(f"floor({_TARGET} and on ({BY_SCOPE}) {worst})", "{{channel}} target"),
            Query(f"floor(min({_TARGET}) unless on () max({_WAIT}))", "shortest target"),
        ],
        AGE,
        "no target",
    )


def _in_target(options: Options) -> tuple[Panel, Panel]:
    share = attainment("1h", sla=_FIRST)
    ended = increase("care_sla_outcomes_total", "1h", outcome="~met|missed", sla=_FIRST)
    states = [
        State("In target · too few", BAD, f"floor(100 * ({share})) / 100 < {_OBJECTIVE}"),
        State("In target · enough", GOOD, f"floor(100 * ({share})) / 100 >= {_OBJECTIVE}"),
        State("In target", CALM, f"{ended} == 0", ((0, "None due"),)),
    ]
    return tile(
        "First answers in target, last hour",
        "Met ÷ (met + missed) of the first-response clocks that ended in the last hour, rounded "
        "down to a whole percent.",
        states,
        RATIO,
        _SILENT,
        [
            to_board("care-sla", "SLA and error budget"),
            to_runbook("CareSLABreachRatioHigh", options),
        ],
    ), target(
        "Objective",
        "The lowest objective among the chosen queues.",
        [Query(_OBJECTIVE, "objective")],
        RATIO,
        "no objective",
    )


def _overdue(options: Options) -> tuple[Panel, Panel]:
    states = [
        State("Overdue · answer", BAD, f"{_LATE} > 0"),
        State("Overdue", GOOD, f"{_LATE} == 0", ((0, "None"),)),
    ]
    return tile(
        "Overdue now",
        "Conversations past a response deadline and still unanswered.",
        states,
        COUNT,
        _SILENT,
        [
            to_board("care-queue", "Queue detail"),
            to_runbook("CareFirstResponseOverdue", options),
        ],
    ), target(
        "Target of overdue conversations",
        "None may be overdue.",
        [Query(f"0 * {total('care_conversations_waiting')}", "target")],
        COUNT,
        "target 0",
    )


def _at_risk(options: Options) -> tuple[Panel, Panel]:
    due = of("care_next_deadline_timestamp_seconds", sla=RESPONSES)
    states = [
        State("Due soon · answer", WARN, f"{_CLOSE} > 0"),
        State("Due soon", GOOD, f"{_CLOSE} == 0", ((0, "None"),)),
    ]
    return tile(
        "Due soon",
        "Conversations past their at-risk point and not yet past their deadline.",
        states,
        COUNT,
        _SILENT,
        [to_board("care-queue", "Queue detail"), to_runbook("CareApproachingSLA", options)],
    ), target(
        "Next deadline",
        "Time until the earliest response deadline ahead.",
        [Query(f"clamp_min(floor(min({due}) - time()), 0)", "next deadline in")],
        AGE,
        "no deadline ahead",
    )


def _waiting(options: Options) -> tuple[Panel, Panel]:
    waiting = total("care_conversations_waiting")
    free = total("care_conversations_unassigned")
    states = [
        State("Waiting · take one", WARN, f"{waiting} > 0 and on () {free} > 0"),
        State("Waiting · all taken", CALM, f"{waiting} > 0 unless on () {free} > 0"),
        State("Waiting", GOOD, f"{waiting} == 0", ((0, "Nobody"),)),
    ]
    return tile(
        "Waiting now",
        "Conversations whose customer waits for an answer.",
        states,
        COUNT,
        _SILENT,
        [to_board("care-queue", "Queue detail"), to_board("care-agents", "Agents")],
    ), target(
        "Unassigned",
        "Of those waiting, with no agent.",
        [Query(free, "unassigned · target 0")],
        COUNT,
        _SILENT,
    )


def _posts(options: Options) -> tuple[Panel, Panel]:
    expected = total("care_volume_expected_posts")
    states = [
        State("Posts · alarm", BAD, f"{_POSTS} and on () ({_EPISODE} > 0)"),
        State(
            "Posts · as usual", GOOD, f"{_POSTS} unless on () ({_EPISODE} > 0) and on () {expected}"
        ),
        State(
            "Posts · learning",
            CALM,
            f"{_POSTS} unless on () ({_EPISODE} > 0) unless on () {expected}",
        ),
    ]
    return tile(
        "Posts in this five minutes",
        "Customer posts in the five-minute window that is running.",
        states,
        COUNT,
        _SILENT,
        [to_board("care-volume", "Volume and spikes"), to_runbook("CareVolumeSpike", options)],
    ), target(
        "Expected posts",
        "What a whole window of five minutes brings at this time, as far as that is known.",
        [Query(f"ceil({expected})", "expected")],
        COUNT,
        "being learned",
    )
