"""Alertmanager's configuration: who is told of what, in which groups, and what holds what back.

Written for Alertmanager 0.25, which reads the secrets of PagerDuty and Slack from files but the
address of a webhook only from the configuration itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from replywatch.alerts.model import SCOPE
from replywatch.alerts.settings import (
    WEEKDAYS,
    Alerts,
    PagerDuty,
    QuietHours,
    Receiver,
    Route,
    Slack,
    Spans,
    Webhook,
)

PAGE, CHAT, WATCHDOG = "page", "chat", "watchdog"
QUIET = "quiet"

BLIND = "CarePipelineDown|CarePipelineMissing|CarePipelineStalled|CareWatermarkLagging"
"""Alerts that say that the numbers behind all others are old."""

SPIKE = "CareVolumeSpike|CareCrisisSuspected"
"""Alerts that explain why more clocks are missed than usual."""

_DAY = {
    "mon": "monday",
    "tue": "tuesday",
    "wed": "wednesday",
    "thu": "thursday",
    "fri": "friday",
    "sat": "saturday",
    "sun": "sunday",
}


def alertmanager_file(alerts: Alerts) -> dict[str, Any]:
    """The whole of alertmanager.yml."""
    quiet = _quiet(alerts.quiet_hours)
    receivers = alerts.receivers
    return {
        "templates": ["templates/*.tmpl"],
        "route": _route(alerts, is_quiet=bool(quiet)),
        "inhibit_rules": _inhibitions(),
        **({"time_intervals": [{"name": QUIET, "time_intervals": quiet}]} if quiet else {}),
        "receivers": [
            _receiver(PAGE, receivers.page),
            _receiver(CHAT, receivers.chat),
            _receiver(WATCHDOG, receivers.watchdog, is_sign_of_life=True),
        ],
    }


def _route(alerts: Alerts, is_quiet: bool) -> dict[str, Any]:
    routing = alerts.routing
    muted = {"mute_time_intervals": [QUIET]} if is_quiet else {}
    return {
        **_options(CHAT, routing.chat),
        "routes": [
            {"matchers": ["alertname = Watchdog"], **_options(WATCHDOG, routing.watchdog)},
            {
                "matchers": ["severity = critical", "subject = pipeline"],
                **_options(PAGE, routing.pipeline),
            },
            {"matchers": ["severity = critical"], **_options(PAGE, routing.pages)},
            {"matchers": ["severity = warning"], "receiver": CHAT, **muted},
        ],
    }


def _options(receiver: str, route: Route) -> dict[str, Any]:
    return {
        "receiver": receiver,
        "group_by": list(route.group_by),
        "group_wait": route.group_wait,
        "group_interval": route.group_interval,
        "repeat_interval": route.repeat_interval,
    }


def _inhibitions() -> list[dict[str, Any]]:
    """No `equal`: every alert. Labels that both lack, as those of the pipeline, are equal."""
    return [
        {
            "source_matchers": [f'alertname =~ "{BLIND}"'],
            "target_matchers": ['subject =~ "sla|volume"'],
        },
        {
            "source_matchers": [f'alertname =~ "{SPIKE}"'],
            "target_matchers": ["alertname = CareSLABreachRatioHigh"],
            "equal": [*SCOPE],
        },
        {
            "source_matchers": ["severity = critical"],
            "target_matchers": ["severity = warning"],
            "equal": ["subject", *SCOPE],
        },
    ]


def _quiet(hours: QuietHours) -> list[dict[str, Any]]:
    """Spans with the days that have them; days without any have no quiet time."""
    days: dict[Spans, list[str]] = {}
    for day in WEEKDAYS:
        days.setdefault(getattr(hours, day), []).append(_DAY[day])
    return [
        {
            "weekdays": names,
            "times": [{"start_time": start, "end_time": end} for start, end in spans],
            "location": hours.timezone,
        }
        for spans, names in days.items()
        if spans
    ]


def _receiver(name: str, receiver: Receiver, is_sign_of_life: bool = False) -> dict[str, Any]:
    kinds = {
        "pagerduty_configs": [_pagerduty(one) for one in receiver.pagerduty],
        "slack_configs": [_slack(one) for one in receiver.slack],
        "webhook_configs": [_webhook(one, not is_sign_of_life) for one in receiver.webhook],
    }
    return {"name": name, **{kind: configs for kind, configs in kinds.items() if configs}}


def _pagerduty(one: PagerDuty) -> dict[str, Any]:
    first = "(index .Alerts 0).Annotations"
    return {
        "routing_key_file": one.routing_key_file,
        **({} if one.url is None else {"url": one.url}),
        "description": '{{ template "care.title" . }}',
        "severity": "{{ .CommonLabels.severity }}",
        "client": "Replywatch",
        "client_url": f"{{{{ {first}.dashboard_url }}}}",
        "details": {"text": '{{ template "care.text" . }}'},
        "links": [
            {"href": f"{{{{ {first}.runbook_url }}}}", "text": "Runbook"},
            {"href": f"{{{{ {first}.dashboard_url }}}}", "text": "Board"},
        ],
    }


def _slack(one: Slack) -> dict[str, Any]:
    return {
        "api_url_file": one.api_url_file,
        "channel": one.channel,
        "send_resolved": True,
        "color": '{{ template "care.color" . }}',
        "title": '{{ template "care.title" . }}',
        "title_link": "{{ (index .Alerts 0).Annotations.dashboard_url }}",
        "fallback": '{{ template "care.title" . }}',
        "text": '{{ template "care.slack" . }}',
    }


def _webhook(one: Webhook, is_resolved_sent: bool) -> dict[str, Any]:
    token = one.bearer_token_file
    authorization = {"authorization": {"type": "Bearer", "credentials_file": token}}
    return {
        "url": one.url,
        "send_resolved": is_resolved_sent,
        **({} if token is None else {"http_config": authorization}),
    }


def names_of_labels() -> Iterator[str]:
    """Labels by which notifications can be grouped."""
    yield from ("alertname", "severity", "subject", "sla", *SCOPE)
