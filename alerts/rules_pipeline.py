"""Alerts about the pipeline itself: whether what it shows can be believed."""

from __future__ import annotations

from collections.abc import Mapping

from replywatch.alerts.model import Alert, Proof, Severity
from replywatch.alerts.settings import Alerts, seconds
from replywatch.alerts.words import duration, held, percent, until_stop

HEARTBEAT = "care_pipeline_heartbeat_timestamp_seconds"
REJECTED, MESSAGES = "care_events_rejected_total", "care_messages_total"


def pipeline(alerts: Alerts) -> tuple[Alert, ...]:
    """Ages of instants, which keep growing whatever stands still."""
    return (
        _down(alerts),
        _age(
            alerts,
            "CarePipelineStalled",
            "critical",
            HEARTBEAT,
            alerts.pipeline.stalled_after,
            "the pipeline stands still",
            "Last sign of life: {age} ago (more than {limit}). What it shows is as old.",
        ),
        _age(
            alerts,
            "CareWatermarkLagging",
            "warning",
            "care_pipeline_watermark_timestamp_seconds",
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
            "care_export_last_success_timestamp_seconds",
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
    """Held for one interval: a single failed scrape is a restart, not an outage.

    `up` is there while the target is configured, one series an instance; without any the pipeline's
    own series must be.
    """
    step = seconds(alerts.interval)
    target = f'{{instance="a:9464",job="{alerts.job}"}}'
    says = (
        f"No scrape has worked for {alerts.interval}. Nothing is measured, and no other alert "
        "can fire."
    )
    who = "{{ if $labels.instance }}{{ $labels.instance }}{{ else }}the pipeline{{ end }}"

    def proof(series: Mapping[str, str], labels: Mapping[str, str], name: str) -> Proof:
        return Proof(
            series,
            step,
            quiet_at=(0, 11 * step, 12 * step),
            firing_at=14 * step,
            labels=labels,
            summary=f"{name} is down",
            description=says,
        )

    up = f"up{target}"
    return _alert(
        "CarePipelineDown",
        "critical",
        f'up{{job="{alerts.job}"}} == 0\nor on()\nabsent({HEARTBEAT})',
        (f"{who} is down", says),
        (
            proof(
                {
                    up: held(step, (1, 12 * step), (0, 12 * step)),
                    f"{HEARTBEAT}{target}": f"0+{step}x11 stale",
                },
                {"instance": "a:9464", "job": alerts.job},
                "a:9464",
            ),
            proof({f"{HEARTBEAT}{target}": f"0+{step}x11 stale"}, {}, "the pipeline"),
        ),
        hold=step,
    )


def _age(
    alerts: Alerts,
    name: str,
    severity: Severity,
    metric: str,
    limit: str,
    summary: str,
    description: str,
) -> Alert:
    """An alert on an instant that is too long ago; it stood still when nothing followed it."""
    step, most = seconds(alerts.interval), seconds(limit)
    stop = 12 * step
    firing_at = stop + most + 2 * step
    target = {"instance": "a:9464", "job": alerts.job}
    series = metric + "{" + ",".join(f'{key}="{value}"' for key, value in target.items()) + "}"
    return _alert(
        name,
        severity,
        f"time() - {metric} > {most}",
        (summary, description.format(age="{{ $value | humanizeDuration }}", limit=limit)),
        (
            Proof(
                {series: until_stop(step, stop, most + 10 * step)},
                step,
                quiet_at=(0, stop, stop + most),
                firing_at=firing_at,
                labels=target,
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
