"""Policies for tests of the alerts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from replywatch.alerts.model import Alert, Group
from replywatch.alerts.rules_of import groups_of
from replywatch.alerts.settings import Alerts, read_alerts
from replywatch.metrics.policy import Policy, read_policy

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "alerts/policy.toml"

NAMES = {
    "CareFirstResponseOverdue",
    "CareSLAWindowBreached",
    "CareSLABreachRatioHigh",
    "CareSLAErrorBudgetBurn",
    "CareSLAErrorBudgetBurnSlow",
    "CareApproachingSLA",
    "CareVolumeSpike",
    "CareVolumeSurge",
    "CareCrisisSuspected",
    "CarePipelineDown",
    "CarePipelineMissing",
    "CarePipelineStalled",
    "CareWatermarkLagging",
    "CareRejectsHigh",
    "CareExportStale",
    "Watchdog",
}
"""Every alert there is to be."""


def shipped() -> Policy:
    """The policy that ships."""
    return read_policy(tomllib.loads(SHIPPED.read_text("utf-8")))


def changed(policy: Policy, **tables: Any) -> Policy:
    """The policy with some tables of `[alerts]` in place of its own."""
    return msgspec.structs.replace(policy, alerts={**policy.alerts, **tables})


def with_objective(policy: Policy, ratio: float) -> Policy:
    """The policy with one objective for all its rules."""
    rules = tuple(
        msgspec.structs.replace(
            rule, objective=msgspec.structs.replace(rule.objective, ratio=ratio)
        )
        for rule in policy.rules
    )
    return msgspec.structs.replace(policy, rules=rules)


def settings_of(policy: Policy) -> Alerts:
    """Its alert settings."""
    return read_alerts(policy.alerts)


def groups(policy: Policy) -> list[Group]:
    """Its groups of rules."""
    return groups_of(policy, settings_of(policy))


def alerts_of(policy: Policy) -> list[Alert]:
    """All its alerts."""
    return [alert for group in groups(policy) for alert in group.alerts]
