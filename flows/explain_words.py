"""Instants, lengths and places in words, for explanations."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from replywatch.metrics.clocks import Clock
from replywatch.metrics.policy import SLAS, RuleInForce
from replywatch.metrics.times import SECOND, to_datetime
from replywatch.sql.cells import visible

SLA_WORDS = tuple(name.replace("_", " ") for name in SLAS)


class Words:
    """Words in the clock of one zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone

    def day(self, instant: int) -> date:
        """The local date."""
        return to_datetime(instant).astimezone(self.zone).date()

    def clock(self, instant: int) -> str:
        """`12:03:30`, with the fraction of a second if there is one."""
        local = to_datetime(instant).astimezone(self.zone)
        if not local.microsecond:
            return f"{local:%H:%M:%S}"
        unit = "microseconds" if local.microsecond % 1000 else "milliseconds"
        return local.time().isoformat(unit)

    def full(self, instant: int) -> str:
        """`Tue 2026-03-03 12:03:30`."""
        return f"{self.day(instant):%a %Y-%m-%d} {self.clock(instant)}"

    def at(self, instant: int, near: int) -> str:
        """An instant with as much of its date as isn't clear from `near`."""
        day, other = self.day(instant), self.day(near)
        if day == other:
            return self.clock(instant)
        if abs(day - other) < timedelta(days=6):
            return f"{day:%a} {self.clock(instant)}"
        return self.full(instant)

    def span(self, low: int, high: int, near: int) -> str:
        """`12:00:00–12:03:30`."""
        return f"{self.at(low, near)}–{self.at(high, low)}"


def length(microseconds: int) -> str:
    """Exactly: `45s`, `3m 30s`, `1h`, `2d 3h 4m 5s`, `0.5s`."""
    sign, left = ("−", -microseconds) if microseconds < 0 else ("", microseconds)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        count, left = divmod(left, size * SECOND)
        if count:
            parts.append(f"{count:,}{unit}")
    if left or not parts:
        seconds = f"{left // SECOND}"
        if fraction := left % SECOND:
            seconds += f".{fraction:06}".rstrip("0")
        parts.append(f"{seconds}s")
    return sign + " ".join(parts)


def seconds(value: float) -> str:
    """`1,800 s`, with a fraction only where there is one."""
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return f"{text.replace('-', '−')} s"


def who(agent: str | None, nobody: str = "nobody") -> str:
    """An agent's name, safe to show."""
    return nobody if agent is None else visible(agent)


def place(scope: tuple[str, str, str]) -> str:
    """`acme · x · social`."""
    return " · ".join(map(visible, scope))


def rule_words(rule: RuleInForce) -> str:
    """`rule 'chat' of policy 2026-01: first response 5m, …; hours of 'support' (Europe/Berlin)`."""
    if not rule.rule.name:
        return "no rule: nothing is due"
    targets = [
        f"{name} {length(target)}"
        for name, target in zip(SLA_WORDS, rule.targets, strict=True)
        if target is not None
    ]
    listed = ", ".join(targets) or "no target"
    hours = "by the wall clock"
    if rule.calendar is not None:
        zone = rule.calendar.schedule.timezone
        hours = f"in the hours of '{visible(rule.rule.schedule or '')}' ({zone})"
    return (
        f"rule '{visible(rule.rule.name)}' of policy '{visible(rule.version)}': {listed}, {hours}"
    )


def clock_name(clock: Clock) -> str:
    """`first response`."""
    return SLA_WORDS[clock.sla]
