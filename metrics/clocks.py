"""SLA clocks of a conversation: what starts, stops, misses and ends them.

A clock counts business time by its own rule, less the pauses that the rule names. It is missed at
its deadline, with no event needed; an answer exactly then meets it. A missed clock stays, as
overdue, until a reply or a close ends it, and counts nothing more.

Definitions with worked examples: docs/dictionary.md, "Service level".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from replywatch.metrics.book import Book
from replywatch.metrics.cells import (
    AT_RISK,
    DUE,
    DUE_LEFT,
    MET,
    MISSED,
    OVERDUE,
    RELIEVED,
    SAFE,
    VOID,
    Cell,
)
from replywatch.metrics.conversation_rows import sla_row
from replywatch.metrics.policy import PolicyBook, RuleInForce
from replywatch.metrics.times import NEVER

if TYPE_CHECKING:
    from replywatch.metrics.life import Life


class Clock(msgspec.Struct, array_like=True, gc=False):
    """One SLA clock. Instants and lengths in microseconds."""

    sla: int
    started_at: int
    target: int
    tag: str  # of its rule
    used: int = 0  # counted before `since`
    since: int = NEVER  # counting from here on; `NEVER` while it stands still
    due_at: int = NEVER
    risk_at: int = NEVER  # at risk after this instant
    is_at_risk: bool = False
    is_missed: bool = False
    is_parked: bool = False  # missed, and the conversation is closed for now

    @property
    def wakes_at(self) -> int:
        """The next instant at which it changes by itself."""
        if self.is_missed:
            return NEVER
        return self.due_at if self.is_at_risk else min(self.risk_at, self.due_at)

    def counted(self, at: int, policy: PolicyBook) -> int:
        """Microseconds counted by `at`."""
        if self.since == NEVER:
            return self.used
        calendar = policy.tagged(self.tag).calendar
        passed = at - self.since if calendar is None else calendar.between(self.since, at)
        return self.used + passed


def _run(clock: Clock, at: int, rule: RuleInForce, cell: Cell) -> None:
    """Let it count from `at` on."""
    clock.since = at
    if clock.is_missed:
        return
    left = clock.target - clock.used
    until_risk = max(rule.risk(clock.target) - clock.used, 0)
    if rule.calendar is None:
        clock.due_at, clock.risk_at = at + left, at + until_risk
    else:
        clock.due_at = rule.calendar.deadline(at, left)
        clock.risk_at = rule.calendar.deadline(at, until_risk)
    if rule.warning:
        clock.risk_at = min(clock.risk_at, max(clock.due_at - rule.warning, at))
    if clock.due_at < NEVER:
        cell.values.append((DUE + clock.sla, clock.due_at))


def _leave(clock: Clock, cell: Cell) -> int:
    """Take it out of the live state; the deadline it had. A missed one is no longer overdue."""
    due = clock.due_at
    if clock.is_missed:
        if not clock.is_parked:
            cell.facts.append(RELIEVED + clock.sla)
        return due
    if due < NEVER:
        cell.values.append((DUE_LEFT + clock.sla, due))
    if clock.is_at_risk:
        cell.facts.append(SAFE + clock.sla)
    clock.due_at = clock.risk_at = NEVER
    clock.is_at_risk = False
    return due


def _miss(of: Life, clock: Clock, at: int, book: Book, cell: Cell) -> None:
    """Let it be missed at `at`."""
    clock.due_at, clock.is_missed = at, True
    cell.facts += (MISSED + clock.sla, OVERDUE + clock.sla)
    counted = clock.counted(at, book.policy)
    book.sla.append(sla_row(of, clock, "missed", at, counted, of.holding.agent, book.policy))


def start(of: Life, sla: int, at: int, rule: RuleInForce, cell: Cell) -> None:
    """Start a clock at `at` if the rule in force has a target for it."""
    target = rule.targets[sla]
    if target is None:
        return
    clock = Clock(sla, at, target, rule.tag)
    of.clocks.append(clock)
    if not rule.stops(of.holding.paused_for, of.closed_at is not None) >> sla & 1:
        _run(clock, at, rule, cell)
        if clock.wakes_at < of.next_due:
            of.next_due = clock.wakes_at


def settle(of: Life, at: int, policy: PolicyBook, cell: Cell) -> None:
    """Stop and start clocks after a pause, a close or a reopen began or ended at `at`."""
    is_closed = of.closed_at is not None
    for clock in of.clocks:
        rule = policy.tagged(clock.tag)
        is_still = bool(rule.stops(of.holding.paused_for, is_closed) >> clock.sla & 1)
        if is_still and clock.since != NEVER:
            clock.used, clock.since = clock.counted(at, policy), NEVER
            if not clock.is_missed:
                _leave(clock, cell)
        elif not is_still and clock.since == NEVER:
            _run(clock, at, rule, cell)
        if clock.is_missed and clock.is_parked != is_closed:
            clock.is_parked = is_closed
            cell.facts.append((RELIEVED if is_closed else OVERDUE) + clock.sla)
    of.set_next_due()


def retarget(of: Life, at: int, rule: RuleInForce, book: Book) -> None:
    """Priority or place changed at `at`: the clocks that aren't missed go on under `rule`.

    What was counted stays. One that has counted more than the new target is missed there and
    then; one without a target any more ends and leaves no trace.
    """
    cell = book.cell(of.scope, at)
    for clock in of.clocks[:]:
        if clock.is_missed or clock.tag == rule.tag:
            continue
        clock.used = clock.counted(at, book.policy)
        _leave(clock, cell)
        target = rule.targets[clock.sla]
        if target is None:
            of.clocks.remove(clock)
            continue
        clock.since, clock.target, clock.tag = NEVER, target, rule.tag
        if clock.used > target:
            _miss(of, clock, at, book, cell)
        if not rule.stops(of.holding.paused_for, of.closed_at is not None) >> clock.sla & 1:
            _run(clock, at, rule, cell)
    of.set_next_due()


def pass_until(of: Life, until: int, book: Book) -> None:
    """Miss every clock due before `until`, at its deadline, and note those that come at risk."""
    for clock in of.clocks:
        if clock.wakes_at >= until:
            continue
        if not clock.is_at_risk and clock.risk_at < clock.due_at:
            clock.is_at_risk = True
            book.cell(of.scope, clock.risk_at).facts.append(AT_RISK + clock.sla)
        if clock.due_at < until:
            cell = book.cell(of.scope, clock.due_at)
            _miss(of, clock, _leave(clock, cell), book, cell)
    of.set_next_due()


def end(
    of: Life,
    at: int,
    book: Book,
    cell: Cell,
    outcomes: dict[int, str],
    agent: str | None,
) -> list[Clock]:
    """End the clocks of these SLAs at `at`, with the outcome of each; the clocks that ended.

    A missed one keeps its outcome: it counted when it was missed. `agent` is who met it.
    """
    ended = [clock for clock in of.clocks if clock.sla in outcomes]
    for clock in ended:
        of.clocks.remove(clock)
        outcome = outcomes[clock.sla]
        counted = clock.counted(at, book.policy)
        due = _leave(clock, cell)
        of.answers.dues[clock.sla] = due if due < NEVER else None
        if not clock.is_missed:
            clock.due_at = due
            cell.facts.append((MET if outcome == "met" else VOID) + clock.sla)
            who = agent if outcome == "met" and agent is not None else of.holding.agent
            book.sla.append(sla_row(of, clock, outcome, at, counted, who, book.policy))
        clock.used, clock.since = counted, NEVER
    if ended:
        of.set_next_due()
    return ended


def move(clocks: Iterable[Clock], old: Cell, new: Cell) -> None:
    """Let clocks, as they stand, leave one scope for another."""
    for clock in clocks:
        if clock.is_missed:
            if not clock.is_parked:
                old.facts.append(RELIEVED + clock.sla)
                new.facts.append(OVERDUE + clock.sla)
        elif clock.due_at < NEVER:
            old.values.append((DUE_LEFT + clock.sla, clock.due_at))
            new.values.append((DUE + clock.sla, clock.due_at))
            if clock.is_at_risk:
                old.facts.append(SAFE + clock.sla)
                new.facts.append(AT_RISK + clock.sla)


def note_running(of: Life, book: Book) -> None:
    """The rows of clocks that still run when the stream ends for good."""
    for clock in of.clocks:
        if not clock.is_missed:
            book.sla.append(
                sla_row(of, clock, "running", None, None, of.holding.agent, book.policy)
            )
