"""The whole chain: live services, Prometheus with the generated rules, Alertmanager, a listener."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from endtoend.servers import Alertmanager, Listener, Prometheus, Received
from endtoend.service import Service
from replywatch.flows.cli import main

TARGET = 8
"""Seconds in which a customer is to be answered."""


def policy_text(url: str, secrets: Path) -> str:
    """A policy with short targets whose notifications go to a listener; the other numbers are
    those that ship, but for `group_interval`, so that the end of an alert is told soon."""
    (secrets / "pagerduty").write_text("a-routing-key")
    (secrets / "slack").write_text(f"{url}/slack")
    shipped = tomllib.loads(files("replywatch.alerts").joinpath("policy.toml").read_text())
    routes = "\n".join(
        f"{name} = {{ {_inline({**route, 'group_interval': '10s'})} }}"
        for name, route in shipped["alerts"]["routing"].items()
    )
    return f"""
version = "e2e"
effective_from = 2000-01-01T00:00:00Z
[[rules]]
name = "patient"
match = {{ queue = ["patient"] }}
at_risk_ratio = 0.002
targets = {{ first_response = 3600 }}
[[rules]]
name = "all"
targets = {{ first_response = {TARGET}, next_response = {TARGET} }}

[alerts.routing]
{routes}

[alerts.receivers.page]
webhook = [{{ url = "{url}/page" }}]
pagerduty = [{{ url = "{url}/pagerduty", routing_key_file = "{secrets}/pagerduty" }}]
[alerts.receivers.chat]
webhook = [{{ url = "{url}/chat" }}]
slack = [{{ api_url_file = "{secrets}/slack", channel = "#care" }}]
[alerts.receivers.watchdog]
webhook = [{{ url = "{url}/watchdog" }}]
[alerts.quiet_hours]
timezone = "UTC"
"""


def _inline(table: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in table.items())


@dataclass
class Stack:
    """All of it, running."""

    services: Sequence[Service]
    prometheus: Prometheus
    alertmanager: Alertmanager
    listener: Listener

    def notified(self, path: str, since: float = 0) -> list[Received]:
        """What a receiver got, in order of time, from an instant on."""
        return [one for one in self.listener.received if one.path == path and one.at >= since]

    def alert(
        self, path: str, status: str, since: float, **labels: str
    ) -> tuple[float, dict[str, Any]] | None:
        """When a receiver first heard of an alert with these labels in this state, and of what."""
        for one in self.notified(path, since):
            for alert in one.body["alerts"]:
                if alert["status"] == status and labels.items() <= alert["labels"].items():
                    return one.at, alert
        return None


def generate(folder: Path, policy: str) -> Path:
    """The folder that `replywatch alerts build` makes of a policy."""
    source = folder / "alerts-policy.toml"
    source.write_text(policy)
    out = folder / "alerts"
    assert main(["alerts", "build", "--policy", str(source), "--out", str(out)]) == 0
    return out


@contextmanager
def running(
    folder: Path,
    services: Sequence[Service],
    listener: Listener,
    policy: str,
    binaries: Sequence[str],
) -> Iterator[Stack]:
    """Start everything at 5 s intervals and wait until it works; `binaries` are the paths of
    Prometheus and Alertmanager."""
    made = generate(folder, policy)
    rules = sorted(made.glob("rules/*.yaml"))
    with ExitStack() as stack:
        for service in services:
            stack.enter_context(service.start())
        alertmanager = stack.enter_context(
            Alertmanager(binaries[1], folder, made / "alertmanager.yml")
        )
        targets = {"replywatch": [service.target for service in services]}
        prometheus = stack.enter_context(
            Prometheus(binaries[0], folder, targets, rules, alertmanager)
        )
        yield Stack(services, prometheus, alertmanager, listener)
