"""Every Prometheus metric of Replywatch: name, kind, meaning and labels, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from replywatch.metrics.episodes import KINDS

Kind = Literal["counter", "gauge", "histogram"]
SCOPE = ("brand", "channel", "queue")


@dataclass(frozen=True)
class Metric:
    """One metric family; `labels` are bounded: never a customer, an agent or free text."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


def _scoped(kind: Kind, name: str, text: str, *more: str) -> Metric:
    return Metric(name, kind, text, (*SCOPE, *more))


_ALL = (
    _scoped("counter", "care_messages_total", "Posts in and replies out.", "direction"),
    _scoped("counter", "care_conversations_opened_total", "Conversations opened."),
    _scoped("counter", "care_conversations_closed_total", "Conversations that ended.", "outcome"),
    _scoped("counter", "care_sla_outcomes_total", "SLA clocks that ended.", "sla", "outcome"),
    _scoped("histogram", "care_first_response_seconds", "First post to first human reply."),
    _scoped("histogram", "care_response_seconds", "Wait to human reply, first and next."),
    _scoped(
        "histogram",
        "care_handle_active_seconds",
        "Active handle time of an answered wait, told when nothing can share it any more.",
    ),
    _scoped("histogram", "care_resolution_seconds", "Opening to close, at each close."),
    _scoped("counter", "care_surveys_sent_total", "Surveys that went out.", "survey"),
    _scoped("counter", "care_survey_answers_total", "Answers to them.", "survey", "outcome"),
    _scoped(
        "counter",
        "care_posts_scored_total",
        "Posts with a sentiment, by its sign; those that came late are left out.",
        "sentiment",
    ),
    _scoped("gauge", "care_conversations_waiting", "Conversations whose customer waits."),
    _scoped("gauge", "care_conversations_unassigned", "Of those waiting, with no agent."),
    _scoped("gauge", "care_conversations_overdue", "Past a deadline and unanswered.", "sla"),
    _scoped(
        "gauge",
        "care_conversations_at_risk",
        "Running towards a deadline, past the point from which it is at risk.",
        "sla",
    ),
    _scoped("gauge", "care_backlog", "Conversations not closed."),
    _scoped(
        "gauge",
        "care_oldest_waiting_timestamp_seconds",
        "Start of the longest running wait; no sample while nobody waits.",
    ),
    _scoped(
        "gauge",
        "care_next_deadline_timestamp_seconds",
        "Earliest deadline still ahead; no sample without one.",
        "sla",
    ),
    _scoped("gauge", "care_sla_target_seconds", "Target at normal priority.", "sla"),
    _scoped("gauge", "care_sla_objective_ratio", "Share of clocks to be met.", "sla"),
    _scoped(
        "gauge",
        "care_sla_window_attainment_ratio",
        "Met share of the last closed 5-minute window; no sample where no clock ended.",
        "sla",
    ),
    _scoped(
        "gauge",
        "care_sla_window_breached",
        "1 if the last closed 5-minute window is under its objective, or the running one can't "
        "reach it any more.",
        "sla",
    ),
    _scoped("gauge", "care_volume_window_posts", "Posts of the running 5-minute window."),
    _scoped(
        "gauge",
        "care_volume_expected_posts",
        "Posts expected in a 5-minute window; no sample while that is being learned.",
    ),
    _scoped("gauge", "care_volume_spike_score", "How near an alarm is: 1 raises one."),
    _scoped("gauge", "care_volume_spike_active", "1 during a volume episode of this kind.", "kind"),
    _scoped(
        "gauge",
        "care_volume_spike_severity_days",
        "Days since as many posts came in five minutes; no sample without an episode.",
    ),
    Metric("care_agents", "gauge", "Agents in each state.", ("state",)),
    Metric("care_events_rejected_total", "counter", "Input rows refused.", ("reason",)),
    Metric("care_events_late_total", "counter", "Events that came after their watermark."),
    Metric("care_scopes_folded_total", "counter", "Scopes beyond the cap, shown as 'other'."),
    Metric("care_event_delay_seconds", "histogram", "Event time to arrival, in live service."),
    Metric(
        "care_pipeline_heartbeat_timestamp_seconds", "gauge", "Last sign of life of the pipeline."
    ),
    Metric(
        "care_pipeline_watermark_timestamp_seconds", "gauge", "Everything older has been counted."
    ),
    Metric("care_pipeline_info", "gauge", "Version and mode.", ("version", "mode")),
    Metric(
        "care_export_last_success_timestamp_seconds", "gauge", "Last time history was published."
    ),
    Metric(
        "care_wfm_export_last_success_timestamp_seconds",
        "gauge",
        "Last time a scheduled export of this format was written; no sample before the first.",
        ("kind",),
    ),
)

CATALOGUE: dict[str, Metric] = {metric.name: metric for metric in _ALL}

DIRECTIONS = ("inbound", "outbound")
ENDS = ("closed", "expired")
OUTCOMES = ("met", "missed", "void")
SENTIMENTS = ("negative", "neutral", "positive")
SPIKE_KINDS = KINDS
"""Kinds of volume episodes; during a crisis, `spike` is 1 as well."""

RESPONSE_BOUNDS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
HANDLE_BOUNDS = (5, 15, 30, 60, 120, 180, 300, 450, 600, 900)
RESOLUTION_BOUNDS = (300, 900, 3600, 7200, 14400, 28800, 86400, 172800, 604800)
DELAY_BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""Upper bounds of the histograms in seconds; every SLA target is added to the response ones."""
