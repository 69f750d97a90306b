"""Alerts about the pipeline itself: whether what it shows can be believed."""

from __future__ import annotations

from typing import Literal

from replywatch.alerts.model import Alert, Proof, Severity
from replywatch.alerts.settings import Alerts, seconds
from replywatch.alerts.words import duration, held, percent, until_stop

HEARTBEAT = "care_pipeline_heartbeat_timestamp_seconds"
REJECTED, MESSAGES = "care_events_rejected_total", "care_messages_total"


def pipeline(alerts: Alerts) -> tuple[Alert, ...]:
    """Ages of instants, which keep growing whatever stands still."""
    return (
        _down(alerts),
        _missing(alerts),
        _age(
            alerts,
            "CarePipelineStalled",
            "critical",
            (HEARTBEAT, "max"),
            alerts.pipeline.stalled_after,
            "the pipeline stands still",
            "Last sign of life: {age} ago (more than {limit}). What it shows is as old.",
        ),
        _age(
            alerts,
            "CareWatermarkLagging",
            "warning",
            ("care_pipeline_watermark_timestamp_seconds", "min"),
            alerts.pipeline.lagging_after,
            "the pipeline is behind",
            "It has counted everything up to {age} ago (more than {limit}). Deadlines since then "
            "are not judged yet.",
        ),
        _rejects(alerts),
        _age(
            alerts,
            "CareExportStale",
            "warning",
            ("care_export_last_success_timestamp_seconds", "max"),
            alerts.pipeline.export_stale_after,
            "the history is not being written",
            "Last export: {age} ago (more than {limit}). Live numbers are not affected.",
        ),
        _watchdog(alerts),
    )


def _alert(
    name: str,
    severity: Severity,
    expression: str,
    texts: tuple[str, str],
    proofs: tuple[Proof, ...],
    hold: int = 0,
) -> Alert:
    return Alert(
        name=name,
        expression=expression,
        severity=severity,
        subject="pipeline",
        summary=texts[0],
        description=texts[1],
        board="care-pipeline",
        by=(),
        hold=hold,
        proofs=proofs,
    )


def _down(alerts: Alerts) -> Alert:
    """Held for one interval: a single failed scrape is a restart, not an outage."""
    step = seconds(alerts.interval)
    target = {"instance": "a:9464", "job": alerts.job}
    says = (
        f"No scrape has worked for {alerts.interval}. Nothing is measured, and no other alert "
        "can fire."
    )
    proof = Proof(
        {
            f"up{_target(alerts)}": held(step, (1, 12 * step), (0, step), (1, step), (0, 9 * step)),
            f"{HEARTBEAT}{_target(alerts)}": f"0+{step}x24",
        },
        step,
        quiet_at=(0, 12 * step, 14 * step),
        firing_at=16 * step,
        labels=target,
        summary="a:9464 is down",
        description=says,
    )
    return _alert(
        "CarePipelineDown",
        "critical",
        f'up{{job="{alerts.job}"}} == 0',
        ("{{ $labels.instance }} is down", says),
        (proof,),
        hold=step,
    )


def _missing(alerts: Alerts) -> Alert:
    """The same where there is no target to be down. It takes longer: a new Prometheus needs some
    seconds to find its targets."""
    step, hold = seconds(alerts.interval), seconds(alerts.pipeline.missing_after)
    summary = "no pipeline is being measured"
    says = (
        f"Prometheus has scraped no pipeline for {alerts.pipeline.missing_after}. Nothing is "
        "measured, and no other alert can fire."
    )
    stop = 12 * step
    proof = Proof(
        {f"{HEARTBEAT}{_target(alerts)}": f"0+{step}x11 stale"},
        step,
        quiet_at=(0, stop, stop + hold - step),
        firing_at=stop + hold + step,
        summary=summary,
        description=says,
    )
    return _alert(
        "CarePipelineMissing",
        "critical",
        f'absent({HEARTBEAT})\nunless on()\nup{{job="{alerts.job}"}} == 0',
        (summary, says),
        (proof,),
        hold=hold,
    )


def _target(alerts: Alerts) -> str:
    return f'{{instance="a:9464",job="{alerts.job}"}}'


def _age(
    alerts: Alerts,
    name: str,
    severity: Severity,
    instant: tuple[str, Literal["min", "max"]],
    limit: str,
    summary: str,
    description: str,
) -> Alert:
    """An alert on an instant that is too long ago; it stood still when nothing followed it.

    Of the processes of a cluster, which differ in `instance`, the latest counts or the earliest: a
    process may have nothing to say for long, but what one has not counted nobody has. So the proof
    has a second process, which is silent or goes on.
    """
    metric, which = instant
    step, most = seconds(alerts.interval), seconds(limit)
    stop = 12 * step
    firing_at = stop + most + 2 * step
    other = metric + _target(alerts).replace("a:9464", "a:9465")
    lasts = (most + 10 * step + stop) // step
    return _alert(
        name,
        severity,
        f"time() - {which} without (instance) ({metric}) > {most}",
        (summary, description.format(age="{{ $value | humanizeDuration }}", limit=limit)),
        (
            Proof(
                {
                    metric + _target(alerts): until_stop(step, stop, most + 10 * step),
                    other: f"0x{lasts}" if which == "max" else f"0+{step}x{lasts}",
                },
                step,
                quiet_at=(0, stop, stop + most),
                firing_at=firing_at,
                labels={"job": alerts.job},
                summary=summary,
                description=description.format(age=duration(firing_at - stop), limit=limit),
            ),
        ),
    )


def _rejects(alerts: Alerts) -> Alert:
    """The proof: twice as many messages a refused line as must be, then refused lines alone."""
    step, settings = seconds(alerts.interval), alerts.pipeline.rejects
    window, length = settings.window, seconds(settings.window)
    refused = f"increase({REJECTED}[{window}])"
    calm = round(1 / settings.max_ratio)
    n = length // step
    many = max(settings.min_rejected, 10)
    return _alert(
        "CareRejectsHigh",
        "warning",
        f"""\
sum({refused})
/
(sum({refused}) + sum(increase({MESSAGES}[{window}])))
> {settings.max_ratio:.15g}
and
sum({refused}) >= {settings.min_rejected}""",
        (
            "{{ $value | humanizePercentage }} of the input is refused",
            f"More than {percent(settings.max_ratio)} in {window}."
            f"{{{{ with query `topk(1, sum by (reason) ({refused}))` }}}}"
            " Mostly: {{ . | first | label `reason` }}.{{ end }}",
        ),
        (
            Proof(
                {
                    f'{MESSAGES}{{direction="inbound"}}': f"0+{2 * calm}x{n} {2 * calm * n}x{n}",
                    f'{REJECTED}{{reason="malformed"}}': f"0+1x{n} {n}+{many}x{n}",
                    f'{REJECTED}{{reason="ahead"}}': f"0x{2 * n}",
                },
                step,
                quiet_at=(0, length),
                firing_at=2 * length + step,
                summary="100% of the input is refused",
                description=f"More than {percent(settings.max_ratio)} in {window}. "
                "Mostly: malformed.",
            ),
        ),
    )


def _watchdog(alerts: Alerts) -> Alert:
    """Always fires; it is its absence that tells. So its quiet time is that of no rules at all."""
    summary = "alerts are being sent"
    says = "This one always fires. If it stops arriving, Prometheus or Alertmanager is down."
    proof = Proof({"up": "1x5"}, seconds(alerts.interval), (), 0, summary, says)
    return Alert(
        name="Watchdog",
        expression="vector(1)",
        severity="none",
        subject="watchdog",
        summary=summary,
        description=says,
        board="care-pipeline",
        by=(),
        proofs=(proof,),
    )
