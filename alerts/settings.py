"""The table `[alerts]` of a policy: windows, thresholds, durations, receivers.

The file that ships (`policy.toml`) holds the values and where they come from; a policy of a
user's replaces those it names. Durations are text that Prometheus and Alertmanager read too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Any, Literal

import msgspec

from replywatch.metrics.policy import Ratio, parse_duration
from replywatch.metrics.times import SECOND

Length = Annotated[
    str,
    msgspec.Meta(pattern=r"^[1-9][0-9]*[smhd]$", description="a duration such as '90s' or '5m'"),
]
Count = Annotated[int, msgspec.Meta(ge=1)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
Spans = Annotated[
    tuple[tuple[Clock, Clock], ...],
    msgspec.Meta(description="spans such as [['00:00', '07:00'], ['22:00', '24:00']]"),
]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def seconds(length: str) -> int:
    """Seconds of a duration such as "5m"."""
    return parse_duration(length) // SECOND


class AlertsError(Exception):
    """Alerts that can't be made from this policy; the message says what is wrong and where."""


class Section(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table; a name it doesn't know is a fault."""


class BreachRatio(Section, frozen=True, kw_only=True):
    """How many of the clocks that ended in `window` may be missed."""

    window: Length
    max_missed_ratio: Ratio
    min_outcomes: Count


class Sla(Section, frozen=True, kw_only=True):
    """Customers who wait, and windows in which too many did."""

    stall_grace: Length
    at_risk_from: Count
    breach_ratio: BreachRatio


class BurnWindow(Section, frozen=True, kw_only=True):
    """`spent_ratio` of the period's budget gone within `long`, and still being spent in `short`.

    Never asks for a larger share of missed clocks than `max_missed_ratio`.
    """

    severity: Literal["critical", "warning"]
    long: Length
    short: Length
    spent_ratio: Ratio
    max_missed_ratio: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    min_outcomes: Count

    def factor(self, period: str) -> float:
        """How many times faster than allowed the budget is spent at this pace."""
        return self.spent_ratio * seconds(period) / seconds(self.long)

    def threshold(self, period: str, budget: float) -> float:
        """The share of missed clocks beyond which it fires, for a budget of 1 − objective."""
        return min(self.factor(period) * budget, self.max_missed_ratio)


class Budget(Section, frozen=True, kw_only=True):
    """The error budget (1 − objective) of `period`, and how fast it may be spent."""

    period: Length
    interval: Length
    windows: tuple[BurnWindow, ...]


class Rejects(Section, frozen=True, kw_only=True):
    """What share of the input may be refused."""

    window: Length
    max_ratio: Ratio
    min_rejected: Count


class Pipeline(Section, frozen=True, kw_only=True):
    """When the pipeline counts as missing, stalled, behind or silent."""

    missing_after: Length
    stalled_after: Length
    lagging_after: Length
    export_stale_after: Length
    rejects: Rejects


class Route(Section, frozen=True, kw_only=True):
    """How Alertmanager groups notifications, and how often it tells of them."""

    group_by: tuple[Text, ...]
    group_wait: Length
    group_interval: Length
    repeat_interval: Length


class Routing(Section, frozen=True, kw_only=True):
    """Routes: pages, pages about the pipeline, chat, and the sign of life of the chain itself."""

    pages: Route
    pipeline: Route
    chat: Route
    watchdog: Route


class PagerDuty(Section, frozen=True, kw_only=True):
    """A PagerDuty service (Events API v2); its key stands in a file."""

    routing_key_file: Text
    url: str | None = None


class Slack(Section, frozen=True, kw_only=True):
    """A Slack channel; its webhook's URL stands in a file."""

    api_url_file: Text
    channel: Text


class Webhook(Section, frozen=True, kw_only=True):
    """Any HTTP endpoint; a bearer token stands in a file."""

    url: Text
    bearer_token_file: str | None = None


class Receiver(Section, frozen=True, kw_only=True):
    """Where notifications go; to all that are named."""

    pagerduty: tuple[PagerDuty, ...] = ()
    slack: tuple[Slack, ...] = ()
    webhook: tuple[Webhook, ...] = ()


class Receivers(Section, frozen=True, kw_only=True):
    """Who is told: pages, chat, and whoever expects the watchdog's sign of life."""

    page: Receiver
    chat: Receiver
    watchdog: Receiver = Receiver()


class QuietHours(Section, frozen=True, kw_only=True):
    """When chat is left in peace, by local time; pages always go out."""

    timezone: Text = "UTC"
    mon: Spans = ()
    tue: Spans = ()
    wed: Spans = ()
    thu: Spans = ()
    fri: Spans = ()
    sat: Spans = ()
    sun: Spans = ()


class Alerts(Section, frozen=True, kw_only=True):
    """All of `[alerts]`. `off` lists alerts that are not wanted."""

    interval: Length
    job: Text
    dashboards: Text
    runbooks: Text
    off: tuple[str, ...] = ()
    sla: Sla
    budget: Budget
    pipeline: Pipeline
    routing: Routing
    receivers: Receivers
    quiet_hours: QuietHours = QuietHours()


def with_defaults(table: Mapping[str, object]) -> dict[str, Any]:
    """`table` with the values that ship where it has none; a table in it is taken as a whole."""
    shipped = tomllib.loads(files("replywatch.alerts").joinpath("policy.toml").read_text("utf-8"))
    return {**shipped["alerts"], **table}


def read_alerts(table: Mapping[str, object]) -> Alerts:
    """The settings in the table `[alerts]` of a policy, or `AlertsError`."""
    try:
        return msgspec.convert(with_defaults(table), Alerts)
    except msgspec.ValidationError as error:
        raise AlertsError(f"[alerts]: {error}") from None
