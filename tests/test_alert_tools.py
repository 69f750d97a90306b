"""What is generated, judged by promtool and amtool."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from alert_policies import SHIPPED, changed, shipped, with_objective

from replywatch.alerts.build import write
from replywatch.metrics.policy import Policy

FOLDER = SHIPPED.parent
Tool = Callable[..., str]


@pytest.fixture
def run(require_tool: Callable[..., str]) -> Tool:
    """Runs promtool or amtool; what it says, once it has succeeded."""

    def run(command: str, *arguments: object) -> str:
        done = subprocess.run(
            [require_tool(command), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def promtool(run: Tool, folder: Path) -> None:
    """Check the rules of a folder, and run their tests."""
    rules, tests = sorted(folder.glob("rules/*.yaml")), sorted(folder.glob("rule_tests/*.yaml"))
    said = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *rules)
    assert len(rules) == said.count("SUCCESS")
    said = run("promtool", "test", "rules", *tests)
    assert len(tests) == said.count("SUCCESS")


def test_the_rules_are_sound_and_each_alert_is_quiet_and_fires(run: Tool) -> None:
    """By Prometheus's own tests, texts included."""
    promtool(run, FOLDER)


def slower(policy: Policy) -> Policy:
    """The policy with other numbers throughout."""
    return changed(
        policy,
        interval="10s",
        job="care",
        sla={
            "stall_grace": "1m",
            "at_risk_from": 4,
            "breach_ratio": {"window": "20m", "max_missed_ratio": 0.45, "min_outcomes": 7},
        },
        budget={
            "period": "28d",
            "interval": "15s",
            "windows": [
                {
                    "severity": "critical",
                    "long": "2h",
                    "short": "10m",
                    "spent_ratio": 0.03,
                    "max_missed_ratio": 0.6,
                    "min_outcomes": 9,
                }
            ],
        },
        pipeline={
            "missing_after": "3m",
            "stalled_after": "90s",
            "lagging_after": "2m",
            "export_stale_after": "1h",
            "rejects": {"window": "5m", "max_ratio": 0.25, "min_rejected": 3},
        },
    )


@pytest.mark.parametrize("objective", [0.8, 0.99])
def test_rules_of_another_policy_pass_their_tests_too(
    run: Tool, tmp_path: Path, objective: float
) -> None:
    """Tests are generated with the rules, so they hold for any numbers."""
    write(with_objective(slower(shipped()), objective), tmp_path)
    promtool(run, tmp_path)


def test_alertmanager_takes_the_configuration(run: Tool) -> None:
    """With its templates."""
    said = run("amtool", "check-config", FOLDER / "alertmanager.yml")
    assert "SUCCESS" in said
    assert "1 templates" in said


def test_alertmanager_takes_every_receiver(run: Tool, tmp_path: Path) -> None:
    """All kinds, with and without what is optional, and no secret in the file."""
    receiver = {
        "pagerduty": [{"routing_key_file": "a"}, {"routing_key_file": "b", "url": "http://x/y"}],
        "slack": [{"api_url_file": "c", "channel": "#a"}],
        "webhook": [{"url": "http://x"}, {"url": "http://y", "bearer_token_file": "d"}],
    }
    receivers = {"page": receiver, "chat": receiver, "watchdog": receiver}
    write(changed(shipped(), receivers=receivers), tmp_path)
    said = run("amtool", "check-config", tmp_path / "alertmanager.yml")
    assert "SUCCESS" in said
    text = (tmp_path / "alertmanager.yml").read_text()
    assert text.count("_file: ") == 12


SCOPE = {"brand": "acme", "channel": "chat", "queue": "tier1"}


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "CareFirstResponseOverdue", "severity": "critical", "subject": "sla"},
         "page"),
        ({"alertname": "CareVolumeSpike", "severity": "critical", "subject": "volume"}, "page"),
        ({"alertname": "CarePipelineDown", "severity": "critical", "subject": "pipeline"}, "page"),
        ({"alertname": "CareApproachingSLA", "severity": "warning", "subject": "sla"}, "chat"),
        ({"alertname": "CareRejectsHigh", "severity": "warning", "subject": "pipeline"}, "chat"),
        ({"alertname": "Watchdog", "severity": "none", "subject": "watchdog"}, "watchdog"),
        ({"alertname": "SomethingElse"}, "chat"),
    ],
)  # fmt: skip
def test_alerts_reach_whom_they_should(run: Tool, labels: dict[str, str], receiver: str) -> None:
    """By Alertmanager's own test of routes."""
    given = [f"{name}={value}" for name, value in {**SCOPE, **labels}.items()]
    config = FOLDER / "alertmanager.yml"
    said = run("amtool", "config", "routes", "test", f"--config.file={config}", *given)
    assert receiver == said.strip()


def notification(status: str, count: int) -> dict[str, object]:
    """What a template gets: `count` alerts of one queue."""
    alerts = [
        {
            "status": status,
            "labels": {"severity": "critical"},
            "annotations": {
                "summary": f"tier{n} (a&b, <chat>): first response overdue",
                "description": "Past the target of 5m 0s: 2. Longest wait: 7m 10s.",
                "runbook_url": "https://care.example/runbooks/X.md",
                "dashboard_url": "http://localhost:3000/d/care-queue",
            },
        }
        for n in range(count)
    ]
    return {"status": status, "alerts": alerts, "commonLabels": {"severity": "critical"}}


def render(run: Tool, folder: Path, name: str, status: str, count: int) -> str:
    """One of the templates, as amtool renders it."""
    data = folder / "data.json"
    data.write_text(json.dumps(notification(status, count)))
    return run(
        "amtool",
        "template",
        "render",
        f"--template.glob={FOLDER}/templates/*.tmpl",
        f'--template.text={{{{ template "{name}" . }}}}',
        f"--template.data={data}",
    ).rstrip("\n")


def test_titles_are_read_at_a_glance(run: Tool, tmp_path: Path) -> None:
    """One alert by its summary, several by their number and the first, the end as such."""
    said = [
        render(run, tmp_path, "care.title", status, count)
        for status, count in [("firing", 1), ("firing", 3), ("resolved", 1)]
    ]
    summary = "tier0 (a&b, <chat>): first response overdue"
    assert [summary, f"3 alerts, first: {summary}", f"Resolved: {summary}"] == said


def test_texts_fit_a_phone(run: Tool, tmp_path: Path) -> None:
    """Two lines and two links for an alert, five alerts at most, and how many there are."""
    lines = render(run, tmp_path, "care.text", "firing", 300).splitlines()
    assert [
        "tier0 (a&b, <chat>): first response overdue",
        "Past the target of 5m 0s: 2. Longest wait: 7m 10s.",
        "Runbook: https://care.example/runbooks/X.md",
        "Board: http://localhost:3000/d/care-queue",
    ] == lines[:4]
    assert 21 == len(lines)
    assert "5 of 300 alerts are shown." == lines[-1]
    assert 4 == len(render(run, tmp_path, "care.text", "resolved", 1).splitlines())


def test_slack_reads_names_as_text(run: Tool, tmp_path: Path) -> None:
    """A brand with & or < in its name is shown, and can't mention anybody."""
    lines = render(run, tmp_path, "care.slack", "firing", 1).splitlines()
    assert [
        "*tier0 (a&amp;b, &lt;chat&gt;): first response overdue*",
        "Past the target of 5m 0s: 2. Longest wait: 7m 10s.",
        "<https://care.example/runbooks/X.md|Runbook> · <http://localhost:3000/d/care-queue|Board>",
    ] == lines
    colors = [render(run, tmp_path, "care.color", status, 1) for status in ("firing", "resolved")]
    assert ["danger", "good"] == colors
