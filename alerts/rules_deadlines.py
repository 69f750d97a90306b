"""Alerts about deadlines: passed, about to, or too many of them in one window."""

from __future__ import annotations

from replywatch.alerts.model import SCOPE, SCOPE_SLA, Alert, Proof
from replywatch.alerts.settings import Alerts, seconds
from replywatch.alerts.words import OBJECTIVE, WHERE, duration, held, number, selector, when

FIRST = selector(SCOPE_SLA)
PLACE = "tier1 (acme, chat)"
BY = ", ".join(SCOPE_SLA)
NEXT_DEADLINE = "care_next_deadline_timestamp_seconds"
OLDEST = "care_oldest_waiting_timestamp_seconds"


def deadlines(alerts: Alerts) -> tuple[Alert, ...]:
    """All of them."""
    return (_overdue(alerts), _window_breached(alerts), _approaching(alerts))


def _overdue(alerts: Alerts) -> Alert:
    """Deadlines instead of ages, since targets are business time.

    A wait's age keeps growing while the queue is closed or the clock is paused; a deadline doesn't
    pass then. It is an instant too: while the stream stands still nothing is counted as overdue,
    but the next deadline comes, and is behind.
    """
    grace = seconds(alerts.sla.stall_grace)
    chosen = '{sla="first_response"}'
    return Alert(
        name="CareFirstResponseOverdue",
        expression=f"""\
max by ({BY}) (
  care_conversations_overdue{chosen} > 0
  or
  time() - {NEXT_DEADLINE}{chosen} > {grace}
)""",
        severity="critical",
        subject="sla",
        summary=f"{WHERE}: first response overdue",
        description="Past the target of "
        + number("max(care_sla_target_seconds$)", SCOPE_SLA, "humanizeDuration")
        + ": "
        + number("sum(care_conversations_overdue$)", SCOPE_SLA)
        + "."
        + number(
            f"time() - min({OLDEST}$)",
            SCOPE,
            "humanizeDuration",
            before=" Longest wait: ",
            after=".",
        )
        + number(
            f"time() - min({NEXT_DEADLINE}$) > {grace}",
            SCOPE_SLA,
            "humanizeDuration",
            before=" The stream stands still: a deadline passed ",
            after=" ago and was not counted.",
        ),
        board="care-queue",
        by=SCOPE_SLA,
        proofs=(_silence(seconds(alerts.interval)), _stall(seconds(alerts.interval), grace)),
    )


def _silence(step: int) -> Proof:
    """Two customers write and nobody answers; the target of the first passes after a while."""
    opened, due = 12 * step, 72 * step
    return Proof(
        {
            f"care_conversations_overdue{FIRST}": held(step, (0, due), (2, 60 * step)),
            f"{OLDEST}{selector()}": f"_x{opened // step} {opened}x119",
            f"care_sla_target_seconds{FIRST}": held(step, (due - opened, 132 * step)),
        },
        step,
        quiet_at=(0, due - step),
        firing_at=due + 12 * step,
        summary=f"{PLACE}: first response overdue",
        description=f"Past the target of {duration(due - opened)}: 2."
        f" Longest wait: {duration(due + 12 * step - opened)}.",
    )


def _stall(step: int, grace: int) -> Proof:
    """The stream stands still from before a deadline; nobody counts what is overdue."""
    due = 60 * step
    firing_at = due + grace + 2 * step
    return Proof(
        {
            f"care_conversations_overdue{FIRST}": "0x200",
            f"{NEXT_DEADLINE}{FIRST}": f"{due}x200",
            f"care_sla_target_seconds{FIRST}": "300x200",
        },
        step,
        quiet_at=(due, due + grace),
        firing_at=firing_at,
        summary=f"{PLACE}: first response overdue",
        description="Past the target of 5m 0s: 0. The stream stands still: a deadline passed "
        f"{duration(firing_at - due)} ago and was not counted.",
    )


def _window_breached(alerts: Alerts) -> Alert:
    step = seconds(alerts.interval)
    breached, ratio = "care_sla_window_breached", "care_sla_window_attainment_ratio"
    under = f"min({ratio}$) < max(care_sla_objective_ratio$)"
    goal = {f"care_sla_objective_ratio{FIRST}": "0.9x47"}
    summary = f"{PLACE}: too few first_response clocks met"
    return Alert(
        name="CareSLAWindowBreached",
        expression=f"max by ({BY}) ({breached}) == 1",
        severity="critical",
        subject="sla",
        summary=f"{WHERE}: too few {{{{ $labels.sla }}}} clocks met",
        description="To be met of five minutes: "
        + OBJECTIVE
        + "."
        + number(under.partition(" <")[0], SCOPE_SLA, "humanizePercentage", " Of the last: ", ".")
        + when(
            f"max({breached}$) == 1 unless {under}",
            SCOPE_SLA,
            " The running ones can't reach it any more.",
        ),
        board="care-sla",
        by=SCOPE_SLA,
        proofs=(
            Proof(
                {
                    f"{breached}{FIRST}": held(step, (0, 12 * step), (1, 36 * step)),
                    f"{ratio}{FIRST}": held(step, (1, 12 * step), (0.6, 36 * step)),
                    **goal,
                },
                step,
                quiet_at=(0, 11 * step),
                firing_at=13 * step,
                summary=summary,
                description="To be met of five minutes: 90%. Of the last: 60%.",
            ),
            Proof(
                {f"{breached}{FIRST}": held(step, (0, 12 * step), (1, 36 * step)), **goal},
                step,
                quiet_at=(0, 11 * step),
                firing_at=13 * step,
                summary=summary,
                description="To be met of five minutes: 90%. "
                "The running ones can't reach it any more.",
            ),
        ),
    )


def _approaching(alerts: Alerts) -> Alert:
    step, enough = seconds(alerts.interval), alerts.sla.at_risk_from
    return Alert(
        name="CareApproachingSLA",
        expression=f"max by ({BY}) (care_conversations_at_risk) >= {enough}",
        severity="warning",
        subject="sla",
        summary=f"{WHERE}: {{{{ $value }}}} close to the {{{{ $labels.sla }}}} deadline",
        description="Still in time if somebody answers now: {{ $value }}."
        + number(
            f"min({NEXT_DEADLINE}$) - time() > 0",
            SCOPE_SLA,
            "humanizeDuration",
            before=" The next deadline is in ",
            after=".",
        ),
        board="care-queue",
        by=SCOPE_SLA,
        proofs=(
            Proof(
                {
                    f"care_conversations_at_risk{FIRST}": held(
                        step, (enough - 1, 12 * step), (enough + 2, 12 * step)
                    ),
                    f"{NEXT_DEADLINE}{FIRST}": f"{30 * step}x23",
                },
                step,
                quiet_at=(0, 11 * step),
                firing_at=18 * step,
                summary=f"{PLACE}: {enough + 2} close to the first_response deadline",
                description=f"Still in time if somebody answers now: {enough + 2}."
                f" The next deadline is in {duration(12 * step)}.",
            ),
        ),
    )
