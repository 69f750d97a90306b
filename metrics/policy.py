"""SLA policy as versioned data: which target holds for whom, and from when.

A policy file (TOML) states a `version`, the instant it takes effect and its rules; the first
rule whose `match` fits decides. Several versions form a `PolicyBook`; the one in force at an
event's time applies to it. Targets are seconds, ratios lie in 0..1.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from replywatch.metrics.calendar import Calendar, Schedule
from replywatch.metrics.satisfaction import SurveyScales
from replywatch.metrics.times import DAY, NEVER, SECOND, to_instant

Scope = tuple[str, str, str]
"""Brand, channel and queue of a conversation."""

SLAS = ("first_response", "next_response", "resolution")
"""Names of the SLA clocks, in the order used wherever they are counted."""

FIRST, NEXT, RESOLUTION = range(3)

PositiveDays = Annotated[int, msgspec.Meta(ge=1, le=365)]
PositiveSeconds = Annotated[float, msgspec.Meta(gt=0, le=10 * 365 * 86400)]
Ratio = Annotated[float, msgspec.Meta(gt=0, le=1)]


class PolicyError(ValueError):
    """A policy that can't be used; the message says what is wrong and where."""


_UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY}


def parse_duration(value: float | str) -> int:
    """Microseconds of seconds as a number, or of text such as "90s", "5m", "7d" or "never"."""
    if value == "never":
        return NEVER
    try:
        if isinstance(value, str):
            length = round(float(value[:-1]) * _UNITS[value[-1:]])
        else:
            length = round(value * SECOND)
    except (KeyError, ValueError, OverflowError):
        length = -1
    if not 0 <= length < NEVER:
        raise ValueError(f"{value!r} is no duration; write seconds, or text such as '5m' or '7d'")
    return length


Priority = Literal["low", "normal", "high", "critical"]


class Match(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which conversations a rule holds for; an empty list matches all."""

    brand: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    queue: tuple[str, ...] = ()
    priority: tuple[Priority, ...] = ()

    def fits(self, scope: Scope, priority: str) -> bool:
        """Whether a conversation of `scope` and `priority` is meant."""
        wanted = (self.brand, self.channel, self.queue, self.priority)
        return all(
            not names or name in names
            for names, name in zip(wanted, (*scope, priority), strict=True)
        )


class Targets(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Seconds allowed by SLA; `None`: no such clock."""

    first_response: PositiveSeconds | None = None
    next_response: PositiveSeconds | None = None
    resolution: PositiveSeconds | None = None


class Objective(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Share of clocks to be met in a window, judged from `min_outcomes` on."""

    ratio: Ratio = 0.9
    window: str = "5m"
    min_outcomes: Annotated[int, msgspec.Meta(ge=1)] = 5

    def __post_init__(self) -> None:
        if self.window != "5m":
            raise ValueError("objective.window must be '5m'")


class PauseReasons(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What stops a clock, by SLA."""

    first_response: tuple[str, ...] = ()
    next_response: tuple[str, ...] = ()
    resolution: tuple[str, ...] = ()


CLOSED = "closed"
"""The reason that stands for a close in `pause_on`."""


class Rule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Targets and objective of the conversations that `match`.

    `schedule` names the opening hours in which targets count down (none: the wall clock).
    `pause_on` lists reasons of `paused`, and "closed", that stop the clocks: of all SLAs, or of
    each in a table. A conversation is at risk from `at_risk_ratio` of its target on, or
    `at_risk_seconds` before its deadline, whichever comes first.
    """

    name: str
    targets: Targets = Targets()
    match: Match = Match()
    schedule: str | None = None
    pause_on: tuple[str, ...] | PauseReasons = ()
    at_risk_ratio: Ratio = 0.8
    at_risk_seconds: PositiveSeconds | None = None
    objective: Objective = Objective()

    def pauses(self, sla: int) -> tuple[str, ...]:
        """What stops the clock of an SLA (an index in `SLAS`)."""
        if isinstance(self.pause_on, PauseReasons):
            reasons: tuple[str, ...] = getattr(self.pause_on, SLAS[sla])
            return reasons
        return self.pause_on


Variant = Literal["default", "include_flow_outs", "exclude_short_abandons", "exclude_abandons"]


class ServiceLevel(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which conversations the service level is a share of, and how soon an abandon is short."""

    variant: Variant = "default"
    short_abandon: float | str = "10s"


class Policy(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One version of the policy, in force from `effective_from` on."""

    version: str
    effective_from: datetime
    rules: tuple[Rule, ...]
    reopen_window: float | str = "7d"
    expire_after: float | str = "30d"
    active_cap: float | str = "15m"
    fcr_days: PositiveDays = 7
    schedules: dict[str, Schedule] = {}
    surveys: SurveyScales = SurveyScales()
    service_level: ServiceLevel = ServiceLevel()
    alerts: dict[str, object] = {}  # what pages and whom: read by `replywatch.alerts`

    def __post_init__(self) -> None:
        for length in (self.reopen_window, self.active_cap, self.service_level.short_abandon):
            parse_duration(length)
        if parse_duration(self.expire_after) == 0:
            raise ValueError("expire_after must be longer than nothing; write 'never' for no end")


class RuleInForce:
    """A rule with the version it stands in, in the form that conversations ask it.

    `targets` and `risks` are microseconds by `SLAS`: how much counted time is allowed, and from
    how much on it is at risk. `calendar` is `None` for the wall clock. `tag` names it in
    snapshots. `until` is the instant from which a later version of the policy is in force.
    """

    __slots__ = ("_stops", "calendar", "rule", "tag", "targets", "until", "version", "warning")

    def __init__(
        self, version: str, rule: Rule, calendar: Calendar | None, until: int = NEVER
    ) -> None:
        self.version, self.rule, self.calendar, self.until = version, rule, calendar, until
        self.tag = f"{version}\0{rule.name}"
        seconds = (getattr(rule.targets, sla) for sla in SLAS)
        self.targets = tuple(None if s is None else round(s * SECOND) for s in seconds)
        self.warning = round((rule.at_risk_seconds or 0) * SECOND)
        self._stops: dict[str, int] = {}
        for sla in range(len(SLAS)):
            for reason in rule.pauses(sla):
                self._stops[reason] = self._stops.get(reason, 0) | 1 << sla

    def stops(self, reason: str | None, is_closed: bool) -> int:
        """Which clocks stand still while paused for `reason`, or closed: a bit for each SLA."""
        if not self._stops:
            return 0
        mask = 0 if reason is None else self._stops.get(reason, 0)
        return mask | self._stops.get(CLOSED, 0) if is_closed else mask

    def risk(self, target: int) -> int:
        """Counted microseconds of `target` from which a clock is at risk, by the ratio."""
        return round(self.rule.at_risk_ratio * target)


def read_policy(data: object) -> Policy:
    """A checked policy from parsed TOML, or `PolicyError`."""
    try:
        policy = msgspec.convert(data, Policy)
        to_instant(policy.effective_from)
    except (msgspec.ValidationError, ValueError) as error:
        raise PolicyError(str(error)) from None
    names = [rule.name for rule in policy.rules]
    for name in names:
        if names.count(name) > 1:
            raise PolicyError(f"two rules are named {name!r}; give each its own name")
    for rule in policy.rules:
        if rule.schedule is not None and rule.schedule not in policy.schedules:
            raise PolicyError(f"rule {rule.name!r}: no schedule is named {rule.schedule!r}")
    return policy


class PolicyBook:
    """All versions of a policy; answers which rule is in force for a conversation at an instant.

    Before the first version's `effective_from` no rule applies and no SLA clock starts.
    `expire_after` overrides the policy's own (microseconds; `NEVER` for archives of threads).
    """

    def __init__(self, policies: Iterable[Policy], expire_after: int | None = None) -> None:
        self.policies = sorted(policies, key=lambda policy: policy.effective_from)
        if not self.policies:
            raise PolicyError("no policy given; a policy file needs at least a version")
        self._starts = [to_instant(policy.effective_from) for policy in self.policies]
        for earlier, later in zip(self._starts, self._starts[1:], strict=False):
            if earlier == later:
                raise PolicyError("two policy versions take effect at the same instant")
        names = [policy.version for policy in self.policies]
        if again := next((name for name in names if names.count(name) > 1), None):
            raise PolicyError(f"two policy versions are named {again!r}; give each its own name")
        latest = self.policies[-1]
        self.reopen_window = parse_duration(latest.reopen_window)
        own = parse_duration(latest.expire_after)
        self.expire_after = own if expire_after is None else expire_after
        self.memory = min(self.reopen_window, self.expire_after)
        self.active_cap = parse_duration(latest.active_cap)
        self._known: dict[tuple[int, Scope, str], RuleInForce] = {}
        self._rules = self._prepared()
        self._tagged = {one.tag: one for rules in self._rules for one in rules}

    def _prepared(self) -> list[list[RuleInForce]]:
        """The rules of each version, in their order; a last one without targets for the rest."""
        versions = []
        for policy, until in zip(self.policies, [*self._starts[1:], NEVER], strict=True):
            calendars = {
                name: Calendar(schedule)
                for name, schedule in policy.schedules.items()
                if any(schedule.week)  # one that never opens means the wall clock
            }
            versions.append(
                [
                    RuleInForce(policy.version, rule, calendars.get(rule.schedule or ""), until)
                    for rule in (*policy.rules, Rule(""))
                ]
            )
        return versions

    def rule_for(self, at: int, scope: Scope, priority: str) -> RuleInForce:
        """The rule in force at `at`; one without name and targets when none matches."""
        index = len(self._starts) - 1
        while index >= 0 and self._starts[index] > at:
            index -= 1
        key = (index, scope, priority)
        try:
            return self._known[key]
        except KeyError:
            return self._known.setdefault(key, self._look_up(index, scope, priority))

    def surveys_at(self, at: int) -> SurveyScales:
        """The scales of surveys in the version in force at `at`."""
        index = bisect_right(self._starts, at)
        return self.policies[index - 1].surveys if index else SurveyScales()

    def _look_up(self, index: int, scope: Scope, priority: str) -> RuleInForce:
        if index < 0:
            return RuleInForce("", Rule(""), None, self._starts[0])
        rules = self._rules[index]
        return next((one for one in rules if one.rule.match.fits(scope, priority)), rules[-1])

    def tagged(self, tag: str) -> RuleInForce:
        """The rule that `RuleInForce.tag` names; after a change of policies perhaps none's."""
        try:
            return self._tagged[tag]
        except KeyError:
            version, _, name = tag.partition("\0")
            return self._tagged.setdefault(tag, RuleInForce(version, Rule(name), None))

    def target_bounds(self) -> list[float]:
        """Every distinct target in seconds, ascending: bounds for the histograms."""
        return sorted(
            {
                seconds
                for policy in self.policies
                for rule in policy.rules
                for sla in SLAS
                if (seconds := getattr(rule.targets, sla)) is not None
            }
        )
