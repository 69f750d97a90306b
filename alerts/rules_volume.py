"""Alerts about how much customers write: a spike, a lasting surge, a crisis."""

from __future__ import annotations

from replywatch.alerts.model import SCOPE, Alert, Proof, Severity
from replywatch.alerts.settings import Alerts, seconds
from replywatch.alerts.words import WHERE, held, number, selector

BY = ", ".join(SCOPE)
ACTIVE = "care_volume_spike_active"
SEVERITY = "care_volume_spike_severity_days"
POSTS, EXPECTED = "care_volume_window_posts", "care_volume_expected_posts"


def volume(alerts: Alerts) -> tuple[Alert, ...]:
    """What is a spike, a surge or a crisis the pipeline's detector decides."""
    step = seconds(alerts.interval)
    return (
        _episode(step, "spike", "CareVolumeSpike", "critical", "volume spike"),
        _episode(step, "surge", "CareVolumeSurge", "warning", "lasting surge of volume"),
        _episode(step, "crisis", "CareCrisisSuspected", "critical", "crisis suspected"),
    )


def _episode(step: int, kind: str, name: str, severity: Severity, what: str) -> Alert:
    is_crisis = kind == "crisis"
    mood = " More of them are negative than usual." if is_crisis else ""
    return Alert(
        name=name,
        expression=f'max by ({BY}) ({ACTIVE}{{kind="{kind}"}}) == 1',
        severity=severity,
        subject="volume",
        summary=f"{WHERE}: {what}",
        description="Posts in the running five minutes: "
        + number(f"sum({POSTS}$)", SCOPE)
        + number(f"sum({EXPECTED}$)", SCOPE, 'printf "%.1f"', ", expected in five: ")
        + "."
        + number(f"max({SEVERITY}$)", SCOPE, 'printf "%.1f"', " As many came last ", " days ago.")
        + mood,
        board="care-crisis" if is_crisis else "care-volume",
        proofs=(
            Proof(
                {
                    f"{ACTIVE}{selector(kind=kind)}": held(step, (0, 12 * step), (1, 12 * step)),
                    f"{POSTS}{selector()}": held(step, (3, 12 * step), (90, 12 * step)),
                    f"{EXPECTED}{selector()}": "4.25x23",
                    f"{SEVERITY}{selector()}": "_x11 36.25x11",
                },
                step,
                quiet_at=(0, 11 * step),
                firing_at=13 * step,
                summary=f"tier1 (acme, chat): {what}",
                description="Posts in the running five minutes: 90, expected in five: 4.2. "
                "As many came last 36.2 days ago." + mood,
            ),
        ),
    )
