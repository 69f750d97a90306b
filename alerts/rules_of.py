"""All groups of a policy, and the file that each becomes, with the file of its tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from replywatch.alerts.model import Alert, Group, Proof, Record
from replywatch.alerts.rules_budget import budget
from replywatch.alerts.rules_deadlines import deadlines
from replywatch.alerts.rules_pipeline import pipeline
from replywatch.alerts.rules_volume import volume
from replywatch.alerts.settings import Alerts, seconds
from replywatch.alerts.words import label_values
from replywatch.metrics.policy import Policy


def groups_of(policy: Policy, alerts: Alerts) -> list[Group]:
    """The groups in which an alert is left when those that are `off` are taken out.

    All that is judged at each scrape is one group, the pipeline first: so Alertmanager has what
    says that numbers are old no later than what those numbers say.
    """
    objective = min((rule.objective.ratio for rule in policy.rules), default=1.0)
    live = (*pipeline(alerts), *deadlines(alerts), *volume(alerts))
    every = (
        Group("care-live", seconds(alerts.interval), live),
        Group("care-error-budget", seconds(alerts.budget.interval), budget(alerts, objective)),
    )
    chosen = (
        Group(group.name, group.interval, tuple(_wanted(group.rules, alerts.off)))
        for group in every
    )
    return [group for group in chosen if group.alerts]


def _wanted(rules: Sequence[Record | Alert], off: Sequence[str]) -> Iterator[Record | Alert]:
    return (rule for rule in rules if isinstance(rule, Record) or rule.name not in off)


def links_of(alert: Alert, alerts: Alerts) -> dict[str, str]:
    """Where a reader goes on: the runbook, and the board with the alert's scope chosen."""
    names = [name for name in alert.by if name != "sla"]
    chosen = "&".join(f"var-{name}={{{{ $labels.{name} | urlquery }}}}" for name in names)
    return {
        "runbook_url": f"{alerts.runbooks}/{alert.name}.md",
        "dashboard_url": f"{alerts.dashboards}/{alert.board}" + (f"?{chosen}" if chosen else ""),
    }


def rules_file(group: Group, alerts: Alerts) -> dict[str, Any]:
    """A rule file of Prometheus."""
    rules = [_rule(rule, alerts) for rule in group.rules]
    return {"groups": [{"name": group.name, "interval": f"{group.interval}s", "rules": rules}]}


def _rule(rule: Record | Alert, alerts: Alerts) -> dict[str, Any]:
    if isinstance(rule, Record):
        return {"record": rule.name, "expr": rule.expression}
    hold = {"for": f"{rule.hold}s"} if rule.hold else {}
    return {
        "alert": rule.name,
        "expr": rule.expression,
        **hold,
        "labels": _labels(rule),
        "annotations": {
            "summary": rule.summary,
            "description": rule.description,
            **links_of(rule, alerts),
        },
    }


def _labels(alert: Alert) -> dict[str, str]:
    return {"severity": alert.severity, "subject": alert.subject, **alert.labels}


def tests_file(group: Group, alerts: Alerts) -> dict[str, Any]:
    """A file of `promtool test rules` for the rules of `group`, which stand in ../rules."""
    return {
        "rule_files": [f"../rules/{group.name}.yaml"],
        "evaluation_interval": f"{group.interval}s",
        "tests": [_test(alert, proof, alerts) for alert in group.alerts for proof in alert.proofs],
    }


def _test(alert: Alert, proof: Proof, alerts: Alerts) -> dict[str, Any]:
    values = label_values(alert.by)
    links = links_of(alert, alerts)
    for name, value in values.items():
        for key in links:
            links[key] = links[key].replace(f"{{{{ $labels.{name} | urlquery }}}}", value)
    fires = {
        "exp_labels": {**_labels(alert), **values, **proof.labels},
        "exp_annotations": {"summary": proof.summary, "description": proof.description, **links},
    }
    times: list[tuple[int, list[Any]]] = [(at, []) for at in proof.quiet_at]
    return {
        "name": f"{alert.name}: quiet, then firing",
        "interval": f"{proof.step}s",
        "input_series": [
            {"series": name, "values": values} for name, values in proof.series.items()
        ],
        "alert_rule_test": [
            {"eval_time": f"{at}s", "alertname": alert.name, "exp_alerts": expected}
            for at, expected in sorted([*times, (proof.firing_at, [fires])], key=lambda one: one[0])
        ],
    }
