"""SLA policy as versioned data: which target holds for whom, and from when.

A policy file (TOML) states a `version`, the instant it takes effect and its rules; the first
rule whose `match` fits decides. Several versions form a `PolicyBook`; the one in force at an
event's time applies to it. Targets are seconds, ratios lie in 0..1.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from replywatch.metrics.times import DAY, NEVER, SECOND, to_instant

Scope = tuple[str, str, str]
"""Brand, channel and queue of a conversation."""

SLAS = ("first_response", "next_response", "resolution")
"""Names of the SLA clocks, in the order used wherever they are counted."""

FIRST, NEXT, RESOLUTION = range(3)

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


class Rule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Targets and objective of the conversations that `match`."""

    name: str
    targets: Targets
    match: Match = Match()
    schedule: str | None = None
    pause_on: tuple[str, ...] = ()
    at_risk_ratio: Ratio = 0.8
    objective: Objective = Objective()

    def __post_init__(self) -> None:
        if self.objective.window != "5m":
            raise ValueError(f"rule {self.name!r}: objective.window must be '5m'")
        if self.schedule is not None or self.pause_on:
            raise ValueError(
                f"rule {self.name!r}: schedule and pause_on are not supported by this version; "
                "leave them out for wall-clock targets"
            )


class Policy(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One version of the policy, in force from `effective_from` on."""

    version: str
    effective_from: datetime
    rules: tuple[Rule, ...]
    reopen_window: float | str = "7d"
    expire_after: float | str = "30d"
    alerts: dict[str, object] = {}  # what pages and whom: read by `replywatch.alerts`

    def __post_init__(self) -> None:
        parse_duration(self.reopen_window)
        if parse_duration(self.expire_after) == 0:
            raise ValueError("expire_after must be longer than nothing; write 'never' for no end")


class RuleInForce(msgspec.Struct, frozen=True):
    """A rule with the version it stands in and its targets in microseconds (by `SLAS`)."""

    version: str
    rule: Rule
    targets: tuple[int | None, ...]


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
        latest = self.policies[-1]
        self.reopen_window = parse_duration(latest.reopen_window)
        own = parse_duration(latest.expire_after)
        self.expire_after = own if expire_after is None else expire_after
        self.memory = min(self.reopen_window, self.expire_after)
        self._known: dict[tuple[int, Scope, str], RuleInForce | None] = {}

    def rule_for(self, at: int, scope: Scope, priority: str) -> RuleInForce | None:
        """The rule in force at `at`, or `None` when none matches."""
        index = len(self._starts) - 1
        while index >= 0 and self._starts[index] > at:
            index -= 1
        key = (index, scope, priority)
        try:
            return self._known[key]
        except KeyError:
            return self._known.setdefault(key, self._look_up(index, scope, priority))

    def _look_up(self, index: int, scope: Scope, priority: str) -> RuleInForce | None:
        if index < 0:
            return None
        policy = self.policies[index]
        for rule in policy.rules:
            if rule.match.fits(scope, priority):
                seconds = (getattr(rule.targets, sla) for sla in SLAS)
                targets = tuple(None if s is None else round(s * SECOND) for s in seconds)
                return RuleInForce(policy.version, rule, targets)
        return None

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
