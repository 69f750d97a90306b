"""Alerts about the share of clocks that were missed: in half an hour, and of the error budget."""

from __future__ import annotations

from collections.abc import Sequence

from replywatch.alerts.model import SCOPE_SLA, Alert, Proof, Record, Severity
from replywatch.alerts.settings import Alerts, BurnWindow, seconds
from replywatch.alerts.words import OBJECTIVE, WHERE, number, percent, selector
from replywatch.metrics.times import DAY, SECOND

FIRST = selector(SCOPE_SLA)
GOAL = f"care_sla_objective_ratio{FIRST}"
MET, MISSED = (
    f"care_sla_outcomes_total{selector(SCOPE_SLA, outcome=one)}" for one in ("met", "missed")
)
PLACE = "tier1 (acme, chat)"
BY = ", ".join(SCOPE_SLA)
BUDGET = "scope_sla:care_sla_error_budget:ratio"


def ended(window: str) -> str:
    """Name of the record: clocks met or missed in `window`."""
    return f"scope_sla:care_sla_outcomes:increase{window}"


def missed(window: str) -> str:
    """Name of the record: share of those that were missed; no sample where none ended."""
    return f"scope_sla:care_sla_missed:ratio_increase{window}"


def budget(alerts: Alerts, objective: float) -> tuple[Record | Alert, ...]:
    """Records of every window, then the alerts on them.

    `objective` is the lowest of the policy: the larger the budget, the harder it is to burn fast.
    """
    lengths = {alerts.sla.breach_ratio.window}
    lengths |= {window for one in alerts.budget.windows for window in (one.long, one.short)}
    records = [record for one in sorted(lengths, key=seconds) for record in _records(one)]
    records.append(Record(BUDGET, f"1 - max by ({BY}) (care_sla_objective_ratio)"))
    severities: tuple[Severity, ...] = ("critical", "warning")
    burns = [
        _burn(alerts, severity, chosen, objective)
        for severity in severities
        if (chosen := [one for one in alerts.budget.windows if one.severity == severity])
    ]
    return (*records, _breach_ratio(alerts), *burns)


def _records(window: str) -> tuple[Record, Record]:
    outcomes = "care_sla_outcomes_total"
    return (
        Record(
            ended(window),
            f'sum by ({BY}) (increase({outcomes}{{outcome=~"met|missed"}}[{window}]))',
        ),
        Record(
            missed(window),
            f'sum by ({BY}) (increase({outcomes}{{outcome="missed"}}[{window}]))'
            f"\n/\n({ended(window)} > 0)",
        ),
    )


def _breach_ratio(alerts: Alerts) -> Alert:
    settings = alerts.sla.breach_ratio
    window, limit = settings.window, percent(settings.max_missed_ratio)
    length = seconds(window)
    step = length // 30
    few = settings.min_outcomes - 1
    return Alert(
        name="CareSLABreachRatioHigh",
        expression=f"""\
{missed(window)} > {settings.max_missed_ratio:.15g}
and
{ended(window)} >= {settings.min_outcomes}""",
        severity="critical",
        subject="sla",
        summary=f"{WHERE}: {{{{ $value | humanizePercentage }}}} of {{{{ $labels.sla }}}} missed",
        description=f"More than {limit} of the clocks that ended in the last {window} were missed; "
        f"the objective is {OBJECTIVE} met.",
        board="care-sla",
        by=SCOPE_SLA,
        proofs=(
            Proof(
                # First too few clocks to judge, all of them missed; then many, of both kinds.
                {
                    MET: "0x30 0+1x30",
                    MISSED: f"0 {few}x29 {few}+999x30",
                    GOAL: "0.9x61",
                },
                step,
                quiet_at=(0, length // 2),
                firing_at=2 * length,
                summary=f"{PLACE}: 99.9% of first_response missed",
                description=f"More than {limit} of the clocks that ended in the last {window} were "
                "missed; the objective is 90% met.",
            ),
        ),
    )


def _burn(
    alerts: Alerts, severity: Severity, windows: Sequence[BurnWindow], objective: float
) -> Alert:
    """Fires while the budget is spent too fast in a long window and in its short one, which lets it
    end soon after the last miss. The value is how many times too fast."""
    period = alerts.budget.period
    days = seconds(period) * SECOND / DAY
    longs = sorted({one.long for one in windows}, key=seconds)
    shares = [
        number(f"max({missed(one)}$)", SCOPE_SLA, "humanizePercentage") + f" in {one}"
        for one in longs
    ]
    lasts = f"{{{{ with printf `{days:.6g} / %f` $value | query }}}}"
    lasts += '{{ . | first | value | printf "%.1f" }}{{ end }}'
    return Alert(
        name="CareSLAErrorBudgetBurn" + "Slow" * (severity == "warning"),
        expression="\nor\n".join(_condition(one, period) for one in windows),
        severity=severity,
        subject="sla",
        summary=f"{WHERE}: {{{{ $labels.sla }}}} budget burns {{{{ $value | humanize }}}} "
        "times too fast",
        description=f"Missed: {', '.join(shares)}. The objective is {OBJECTIVE} met. "
        f"At this pace the budget of {period} lasts {lasts} days.",
        board="care-sla",
        by=SCOPE_SLA,
        proofs=_burn_proofs(alerts, windows, objective),
    )


def _condition(one: BurnWindow, period: str) -> str:
    limit = f"clamp_max({one.factor(period):.6g} * {BUDGET}, {one.max_missed_ratio:.15g})"
    return f"""\
(
  {missed(one.long)} / {BUDGET}
  and
  {missed(one.long)} > {limit}
  and
  {missed(one.short)} > {limit}
  and
  {ended(one.long)} >= {one.min_outcomes}
)"""


def _burn_proofs(
    alerts: Alerts, windows: Sequence[BurnWindow], objective: float
) -> tuple[Proof, ...]:
    """Of each window: a share of misses that is too much for it and not for the next stricter one.

    First a little fewer are missed than the laxest window takes, then many, then few again for as
    long as the longest of the short windows. Before the series begin there is no history, so that
    it need not be as long as the long windows; and many are so many that few don't matter.
    """
    period = alerts.budget.period
    step = min(seconds(one.short) for one in windows) // 5
    phase = max(seconds(one.short) for one in windows) // step
    limits = sorted({one.threshold(period, 1 - objective) for one in windows})
    longs = sorted({one.long for one in windows}, key=seconds)
    proofs = []
    for lower, upper in zip(limits, [*limits[1:], 1.0], strict=True):
        calm, late = 0.98 * limits[0], round(lower + 0.02 * (upper - lower), 4)
        pace = late / (1 - objective)
        shares = ", ".join(f"{late * 100:.4g}% in {one}" for one in longs)
        days = seconds(period) * SECOND / DAY / pace
        proofs.append(
            Proof(
                {
                    MET: _counter(phase, 1 - calm, 1 - late),
                    MISSED: _counter(phase, calm, late),
                    GOAL: f"{objective:.15g}x{3 * phase + 2}",
                },
                step,
                quiet_at=(0, phase * step, (3 * phase + 2) * step),
                firing_at=(2 * phase + 1) * step,
                summary=f"{PLACE}: first_response budget burns {pace:.4g} times too fast",
                description=f"Missed: {shares}. The objective is {percent(objective)} met. "
                f"At this pace the budget of {period} lasts {days:.1f} days.",
            )
        )
    return tuple(proofs)


FEW, MANY = 1000, 1e9  # clocks a step


def _counter(phase: int, calm: float, late: float) -> str:
    """What grows by a share of few clocks, of many, and of few again."""
    few, many = FEW * calm, MANY * late
    parts, total = [], 0.0
    for step in (few, many, few):
        parts.append(f"{total:.15g}+{step:.15g}x{phase}")
        total += step * phase
    return " ".join(parts)
