"""What an event did to the SLA clocks of a conversation, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from replywatch.flows.explain import Change, Values, as_values
from replywatch.flows.explain_words import Words, clock_name, length
from replywatch.metrics.clocks import Clock
from replywatch.metrics.policy import PolicyBook
from replywatch.metrics.times import NEVER, SECOND
from replywatch.sql.schemas import SLA


def clock_effects(change: Change, policy: PolicyBook, words: Words) -> Iterator[str]:
    """What started, stopped, went on under another rule, or ended."""
    at = change.at
    known = {(clock.sla, clock.started_at): clock for clock in change.before.clocks}
    now = {(clock.sla, clock.started_at): clock for clock in change.after.clocks}
    rows = {(row["sla"], row["started_at"]): row for row in ended_rows(change)}
    for key, clock in known.items():
        if key not in now:
            row = rows.get((sla_of(clock), clock.started_at))
            yield f"{clock_name(clock)} clock: {ending(clock, row, at, words)}"
    for key, clock in now.items():
        name, was = clock_name(clock), known.get(key)
        due = going(clock, at, words)
        if was is None:
            stopped = "" if clock.since < NEVER else ", but stands still for now"
            yield f"{name} clock starts, target {length(clock.target)}{stopped}{due}"
        elif was.tag != clock.tag:
            used = clock.counted(at, policy)
            missed = " and is missed at once" if clock.is_missed and not was.is_missed else ""
            yield (
                f"{name} clock: target {length(clock.target)}, no longer {length(was.target)}, "
                f"{length(used)} counted{missed}{'' if missed else due}"
            )
        elif (was.since == NEVER) != (clock.since == NEVER) and not clock.is_missed:
            stands = f"stops at {length(clock.used)} of {length(clock.target)}"
            goes = f"goes on with {length(clock.used)} of {length(clock.target)}{due}"
            yield f"{name} clock {stands if clock.since == NEVER else goes}"
        elif was.is_parked != clock.is_parked:
            yield f"{name} clock: {'overdue no longer' if clock.is_parked else 'overdue again'}"


def sla_of(clock: Clock) -> str:
    """The name of its SLA in the history."""
    return clock_name(clock).replace(" ", "_")


def going(clock: Clock, at: int, words: Words) -> str:
    """When a running clock is due; empty for one that stands still or was missed."""
    if clock.is_missed or clock.since == NEVER:
        return ""
    return f", due {words.at(clock.due_at, at)}" if clock.due_at < NEVER else ", never due"


def ended_rows(change: Change) -> list[Values]:
    """The rows of `sla` that a change gave."""
    return [as_values(SLA, row) for row in change.book.sla]


def ending(clock: Clock, row: Values | None, at: int, words: Words) -> str:
    """How a clock ended that left the row, if any."""
    if clock.is_missed:
        return f"missed already, at {words.at(clock.due_at, at)}; nothing changes that"
    if row is None:
        return "ends and leaves no trace, for the rule here has no target"
    counted = round(row["elapsed_seconds"] * SECOND)
    left = clock.target - counted
    return (
        f"{row['outcome']}, {length(counted)} of {length(clock.target)} used, {length(left)} left"
    )
