"""Pipeline health: whether the other boards can be trusted."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from replywatch.dashboards.grafana.frame import board
from replywatch.dashboards.grafana.links import to_runbook
from replywatch.dashboards.grafana.options import Options
from replywatch.dashboards.grafana.panels import (
    AGE,
    COUNT,
    PER_SECOND,
    SECONDS,
    lines,
    number,
    spans,
)
from replywatch.dashboards.grafana.queries import Query, age, increase, quantile, rate
from replywatch.dashboards.grafana.words import BAD, CALM, GOOD, MUTED, WARN

_HEARTBEAT = "max(care_pipeline_heartbeat_timestamp_seconds)"
_WATERMARK = "min(care_pipeline_watermark_timestamp_seconds)"
_EXPORT = "max(care_export_last_success_timestamp_seconds)"
_PLANNING = "max by (kind) (care_wfm_export_last_success_timestamp_seconds)"
_SILENT = "no signal"
_UP = 'min(up{job="replywatch"})'


def make(options: Options) -> Dashboard:
    """Build it."""
    down = to_runbook("CarePipelineDown", options)
    stalled = to_runbook("CarePipelineStalled", options)
    lagging = to_runbook("CareWatermarkLagging", options)
    stale = to_runbook("CareExportStale", options)
    rejects = to_runbook("CareRejectsHigh", options)
    numbers = [
        number(
            "Replywatch", "Whether Prometheus reaches all of its processes.", Query(_UP), COUNT,
            "not watched", words={0: ("down", BAD), 1: ("up", GOOD)}, links=[down],
        ),
        number(
            "Heartbeat", "Time since the pipeline's last sign of life.", Query(age(_HEARTBEAT)),
            AGE, _SILENT, steps=((None, GOOD), (15, WARN), (60, BAD)), links=[stalled],
        ),
        number(
            "Watermark behind", "Time since the instant up to which every event is counted.",
            Query(age(_WATERMARK)), AGE, _SILENT,
            steps=((None, GOOD), (30, WARN), (120, BAD)), links=[lagging],
        ),
        number(
            "History behind", "Time since rows were last published to the history.",
            Query(age(_EXPORT)), AGE, "nothing published yet",
            steps=((None, GOOD), (90, WARN), (300, BAD)), links=[stale],
        ),
        number(
            "Refused, last hour", "Input rows that were no events.",
            Query(f"floor({increase('care_events_rejected_total', '1h')} + 0.5)"), COUNT, _SILENT,
            words={0: ("none", GOOD)}, steps=((None, GOOD), (1, WARN), (100, BAD)),
            links=[rejects],
        ),
        number(
            "Version", "What is running, and how.",
            Query("max by (version, mode) (care_pipeline_info)", "{{version}} · {{mode}}"), COUNT,
            _SILENT, words={1: ("running", CALM)},
        ),
    ]  # fmt: skip
    inbound = "care_messages_total"
    return board(
        "care-pipeline",
        "Pipeline health",
        "Whether events come in, are counted in time and reach the history; if not, no other board "
        "can be trusted.",
        [
            (5, [(4, one) for one in numbers]),
            (7, [
                (12, spans(
                    "Reachable", "Whether Prometheus reached Replywatch.", Query(_UP, "replywatch"),
                    "not watched", {0: ("down", BAD), 1: ("up", GOOD)}, links=[down],
                )),
                (12, lines(
                    "Ages", "Of the heartbeat, of the watermark and of the history; a line that "
                    "climbs as fast as the clock stands still.",
                    [
                        Query(age(_HEARTBEAT), "heartbeat"),
                        Query(age(_WATERMARK), "watermark"),
                        Query(age(_EXPORT), "history"),
                    ],
                    SECONDS, _SILENT, links=[stalled],
                )),
            ]),
            (8, [
                (12, lines(
                    "Messages counted", "A second, over all brands chosen.",
                    Query(rate(inbound, by="direction"), "{{direction}}"), PER_SECOND, _SILENT,
                )),
                (12, lines(
                    "From event to arrival", "Of events in the last five minutes, in live service.",
                    [
                        Query(quantile(0.5, "care_event_delay_seconds", "5m"), "median"),
                        Query(quantile(0.99, "care_event_delay_seconds", "5m"), "p99"),
                    ],
                    SECONDS, "no event came", links=[lagging],
                )),
            ]),
            (8, [
                (6, lines(
                    "Refused by reason", "Input rows in five minutes.",
                    Query(increase("care_events_rejected_total", "5m", by="reason"), "{{reason}}"),
                    COUNT, _SILENT, is_stacked=True, are_bars=True, links=[rejects],
                )),
                (6, lines(
                    "Late events", "Events in five minutes that came after their watermark; their "
                    "windows are told again in the history, the counters are not corrected.",
                    Query(increase("care_events_late_total", "5m"), "late"), COUNT, _SILENT,
                    colours={"late": WARN}, links=[lagging],
                )),
                (6, lines(
                    "Scopes beyond the cap", "Brands, channels and queues that are added up as "
                    "'other' because there are too many.",
                    Query("sum(care_scopes_folded_total)", "folded"), COUNT, _SILENT,
                    colours={"folded": MUTED},
                )),
                (6, number(
                    "Exports for planning", "Time since a scheduled export of each format was "
                    "last written.",
                    Query(age(_PLANNING), "{{kind}}"), AGE, "none yet",
                )),
            ]),
        ],
        options,
        refresh="10s",
        has_episodes=False,
    )  # fmt: skip
