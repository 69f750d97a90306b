"""What a real Alertmanager holds back, mutes and groups, with the generated configuration."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from endtoend.servers import Alertmanager, Listener, wait_until
from endtoend.stack import generate, policy_text
from replywatch.alerts.model import Alert
from replywatch.alerts.rules_of import groups_of
from replywatch.alerts.settings import read_alerts
from replywatch.metrics.policy import read_policy

HOURS = "\n".join(
    f'{day} = [["00:00", "24:00"]]' for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
)


class Site:
    """An Alertmanager, what it sends to, and the alerts of its policy."""

    def __init__(self, folder: Path, binary: str, listener: Listener, quiet: str = "") -> None:
        policy = policy_text(listener.url, folder) + quiet
        made = generate(folder, policy)
        parsed = read_policy(tomllib.loads(policy))
        groups = groups_of(parsed, read_alerts(parsed.alerts))
        self.alerts: dict[str, Alert] = {
            alert.name: alert for group in groups for alert in group.alerts
        }
        self.listener = listener
        self.alertmanager = Alertmanager(binary, folder, made / "alertmanager.yml")

    def fire(self, *names: str, **labels: str) -> None:
        """Alerts of these names, with the labels that they would have."""
        known = {"brand": "acme", "channel": "chat", "queue": "tier1", "sla": "first_response"}
        alerts = [self.alerts[name] for name in names]
        self.alertmanager.post(
            *(
                {
                    "labels": {
                        "alertname": alert.name,
                        "severity": alert.severity,
                        "subject": alert.subject,
                        **{label: {**known, **labels}[label] for label in alert.by},
                    },
                    "annotations": {"summary": alert.name, "description": "x"},
                }
                for alert in alerts
            )
        )

    def told(self, path: str) -> list[list[str]]:
        """Names of the alerts in each notification of a receiver."""
        return [
            sorted(alert["labels"]["alertname"] for alert in one.body["alerts"])
            for one in self.listener.received
            if one.path == path
        ]


@pytest.fixture
def site(tmp_path: Path, alertmanager_binary: str) -> Iterator[Site]:
    """With quiet hours all day, every day."""
    with Listener() as listener:
        site = Site(tmp_path, alertmanager_binary, listener, HOURS)
        with site.alertmanager:
            yield site


@pytest.mark.parametrize(
    ("source", "held_back", "not_held_back"),
    [
        (
            ["CarePipelineStalled"],
            ["CareFirstResponseOverdue", "CareSLAWindowBreached", "CareSLAErrorBudgetBurn",
             "CareApproachingSLA", "CareVolumeSpike", "CareWatermarkLagging"],
            ["Watchdog"],
        ),
        (["CarePipelineDown"], ["CareSLAWindowBreached", "CareCrisisSuspected"], ["Watchdog"]),
        (
            ["CareWatermarkLagging"],
            ["CareFirstResponseOverdue", "CareVolumeSurge"],
            ["CareRejectsHigh", "CareExportStale"],
        ),
        (
            ["CareVolumeSpike"],
            ["CareSLABreachRatioHigh", "CareVolumeSurge"],
            ["CareFirstResponseOverdue", "CareSLAErrorBudgetBurn"],
        ),
        (["CareCrisisSuspected"], ["CareSLABreachRatioHigh"], ["CareVolumeSpike"]),
        (
            ["CareFirstResponseOverdue"],
            ["CareApproachingSLA", "CareSLAErrorBudgetBurnSlow"],
            ["CareVolumeSurge", "CareRejectsHigh"],
        ),
    ],
    ids=lambda names: names[0],
)  # fmt: skip
def test_what_explains_more_holds_back_what_follows(
    site: Site, source: list[str], held_back: list[str], not_held_back: list[str]
) -> None:
    """A blind pipeline everything told from its numbers, a spike the breach ratio it brings, a
    page the warning about the same; and each no more than that."""
    site.fire(*source, *held_back, *not_held_back)
    expected = dict.fromkeys(source + not_held_back, False) | dict.fromkeys(held_back, True)
    wait_until(lambda: site.alertmanager.states() == expected, 10, str(expected))


def test_another_scope_is_not_held_back(site: Site) -> None:
    """A spike of one queue is no excuse for the breaches of another."""
    site.fire("CareVolumeSpike", "CareFirstResponseOverdue", queue="social")
    site.fire("CareSLABreachRatioHigh")
    site.fire("CareApproachingSLA", queue="billing")
    names = ["CareVolumeSpike", "CareFirstResponseOverdue", "CareSLABreachRatioHigh"]
    expected = dict.fromkeys([*names, "CareApproachingSLA"], False)
    wait_until(lambda: site.alertmanager.states() == expected, 10, str(expected))


def test_quiet_hours_mute_chat_and_no_page(site: Site) -> None:
    """A page comes at night; what goes to chat waits."""
    site.fire("CareVolumeSurge", queue="calm")
    site.fire("CareFirstResponseOverdue")
    wait_until(lambda: site.told("/page"), 10, "a page")
    time.sleep(12)  # longer than chat waits for its group
    assert [] == site.told("/chat")


def test_a_queue_is_paged_once_for_all_that_happens_in_it(
    tmp_path: Path, alertmanager_binary: str
) -> None:
    """Alerts of several kinds, brands and channels come in one page for their queue; the pipeline's
    in one of their own; chat gets one message for each alert and queue."""
    with Listener() as listener:
        site = Site(tmp_path, alertmanager_binary, listener)
        with site.alertmanager:
            for brand in ("acme", "globex"):
                for channel in ("chat", "x"):
                    names = ("CareFirstResponseOverdue", "CareVolumeSpike")
                    site.fire(*names, brand=brand, channel=channel, queue="social")
            site.fire("CareSLAWindowBreached", queue="billing")
            site.fire("CareVolumeSurge", queue="calm")
            site.fire("CareVolumeSurge", brand="globex", queue="calm")
            site.fire("CareVolumeSurge", queue="other")
            wait_until(lambda: len(site.told("/chat")) >= 2, 25, "two messages in chat")
            pages = [["CareFirstResponseOverdue"] * 4 + ["CareVolumeSpike"] * 4]
            assert sorted([*pages, ["CareSLAWindowBreached"]]) == sorted(site.told("/page"))
            assert [["CareVolumeSurge"], ["CareVolumeSurge"] * 2] == sorted(site.told("/chat"))
