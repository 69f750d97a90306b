"""What the generated files are made of: groups of recording rules and alerts, with their proofs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["critical", "warning", "none"]
"""`critical` pages a person, `warning` goes to chat, `none` to nobody but the watchdog's."""

Subject = Literal["sla", "volume", "pipeline", "watchdog"]

SCOPE = ("brand", "channel", "queue")
SCOPE_SLA = (*SCOPE, "sla")


@dataclass(frozen=True)
class Proof:
    """Series that keep an alert quiet at some instants and let it fire, with these texts, at one.

    Instants are seconds from the start of the series, which is the epoch too; `step` is the time
    between two samples. Values are in promtool's notation.
    """

    series: Mapping[str, str]
    step: int
    quiet_at: tuple[int, ...]
    firing_at: int
    summary: str
    description: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A recording rule, named level:metric:operations."""

    name: str
    expression: str


@dataclass(frozen=True)
class Alert:
    """An alert. Texts are templates of Prometheus; `board` is the uid of the dashboard to open.

    `by` names the labels its series have, which the link to the board hands on. `hold` (seconds)
    is how long it must be true.
    """

    name: str
    expression: str
    severity: Severity
    subject: Subject
    summary: str
    description: str
    board: str
    proofs: tuple[Proof, ...]
    by: tuple[str, ...] = SCOPE
    hold: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated together and in order; an alert's records stand before it."""

    name: str
    interval: int
    rules: tuple[Record | Alert, ...]

    @property
    def alerts(self) -> list[Alert]:
        """The alerts among its rules."""
        return [rule for rule in self.rules if isinstance(rule, Alert)]
