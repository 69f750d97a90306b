"""What is wrong with alert settings though each value is sound by itself."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import msgspec

from replywatch.alerts.routes import names_of_labels
from replywatch.alerts.rules_of import groups_of
from replywatch.alerts.settings import WEEKDAYS, Alerts, seconds
from replywatch.metrics.policy import Policy

Place = tuple[str | int, ...]
"""Where in the policy: keys, and indices from 0."""


def faults_of(policy: Policy, alerts: Alerts) -> Iterator[tuple[Place, str]]:
    """Every fault with its place, in no order."""
    yield from _names(policy, alerts)
    yield from _budgets(policy, alerts)
    yield from _routes(alerts)
    yield from _hours(alerts)


def _names(policy: Policy, alerts: Alerts) -> Iterator[tuple[Place, str]]:
    every = groups_of(policy, msgspec.structs.replace(alerts, off=()))
    known = {alert.name for group in every for alert in group.alerts}
    for name in alerts.off:
        if name not in known:
            yield ("alerts", "off"), f"there is no alert '{name}': use {', '.join(sorted(known))}"
    if known <= set(alerts.off):
        yield ("alerts", "off"), "no alert is left: take some out of 'off'"


def _budgets(policy: Policy, alerts: Alerts) -> Iterator[tuple[Place, str]]:
    """A threshold within the objective fires while nothing is wrong."""
    place: Place = ("alerts", "budget", "windows")
    for rule in policy.rules:
        allowed = 1 - rule.objective.ratio
        limits: list[tuple[Place, float]] = [
            (("alerts", "sla", "breach_ratio"), alerts.sla.breach_ratio.max_missed_ratio),
            *((place, one.max_missed_ratio) for one in alerts.budget.windows),
        ]
        for at, limit in limits:
            if limit <= allowed:
                yield (
                    at,
                    f"max_missed_ratio = {limit:g} fires while rule '{rule.name}' is met, which "
                    f"may miss {allowed:.3g}: raise it",
                )
    for one in alerts.budget.windows:
        factor = one.factor(alerts.budget.period)
        if round(factor, 6) < 1:
            yield (
                place,
                f"{one.spent_ratio:g} of {alerts.budget.period} in {one.long} is {factor:.3g} "
                "times the allowed pace and fires while the objective is met: take more",
            )
        if seconds(one.short) >= seconds(one.long):
            yield place, f"short = '{one.short}' must be shorter than long = '{one.long}'"
        if seconds(one.short) < 10 * seconds(alerts.budget.interval):
            yield (
                place,
                f"short = '{one.short}' must be at least ten times budget.interval "
                f"('{alerts.budget.interval}')",
            )


def _routes(alerts: Alerts) -> Iterator[tuple[Place, str]]:
    labels = list(names_of_labels())
    for name in ("pages", "pipeline", "chat", "watchdog"):
        route = getattr(alerts.routing, name)
        for label in route.group_by:
            if label not in labels:
                yield (
                    ("alerts", "routing", name),
                    f"'{label}' is no label of an alert: group by {', '.join(labels)}",
                )
    for name in ("page", "chat"):
        receiver = getattr(alerts.receivers, name)
        if not (receiver.pagerduty or receiver.slack or receiver.webhook):
            yield (
                ("alerts", "receivers", name),
                f"'{name}' reaches nobody: give it pagerduty, slack or webhook",
            )


def _hours(alerts: Alerts) -> Iterator[tuple[Place, str]]:
    hours = alerts.quiet_hours
    try:
        ZoneInfo(hours.timezone)
    except (OSError, ValueError, KeyError):
        yield (
            ("alerts", "quiet_hours", "timezone"),
            f"'{hours.timezone}' is no time zone: use a name such as 'Europe/Berlin'",
        )
    for day in WEEKDAYS:
        for start, end in getattr(hours, day):
            if start >= end:
                yield (
                    ("alerts", "quiet_hours", day),
                    f"{start} to {end} ends before it begins: a span can't cross midnight, so "
                    "give the rest to the next day",
                )
