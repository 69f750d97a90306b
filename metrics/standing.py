"""What runs in a scope at an instant: waits, deadlines ahead, overdue, backlog."""

from __future__ import annotations

import msgspec

from replywatch.metrics.cells import (
    AT_RISK,
    CLOSED,
    DUE,
    DUE_LEFT,
    ENTERED,
    EXPIRED,
    LEFT,
    OPENED,
    OVERDUE,
    RELIEVED,
    SAFE,
    TAKEN,
    UNASSIGNED,
    WAIT,
    WAIT_LEFT,
    Told,
)
from replywatch.metrics.policy import SLAS
from replywatch.metrics.running_min import RunningMin


class Standing(msgspec.Struct, array_like=True):
    """State of a scope, moved from instant to instant by cells."""

    waits: RunningMin = msgspec.field(default_factory=RunningMin)
    dues: list[RunningMin] = msgspec.field(default_factory=lambda: [RunningMin() for _ in SLAS])
    waiting: int = 0
    unassigned: int = 0
    backlog: int = 0
    overdue: list[int] = msgspec.field(default_factory=lambda: [0] * len(SLAS))
    at_risk: list[int] = msgspec.field(default_factory=lambda: [0] * len(SLAS))

    def move(self, told: Told, sign: int = 1) -> None:
        """Let what a cell tells happen, or (-1) undo it."""
        counts, values = told.counts, told.values
        joined, left = values[WAIT], values[WAIT_LEFT]
        if joined or left:
            self.waits.change(joined, left, sign)
            self.waiting += sign * (len(joined) - len(left))
        for sla, dues in enumerate(self.dues):
            joined, left = values[DUE + sla], values[DUE_LEFT + sla]
            if joined or left:
                dues.change(joined, left, sign)
        self.unassigned += sign * (counts[UNASSIGNED] - counts[TAKEN])
        self.backlog += sign * (
            counts[OPENED] + counts[ENTERED] - counts[LEFT] - counts[CLOSED] - counts[EXPIRED]
        )
        for sla in range(len(SLAS)):
            self.overdue[sla] += sign * (counts[OVERDUE + sla] - counts[RELIEVED + sla])
            self.at_risk[sla] += sign * (counts[AT_RISK + sla] - counts[SAFE + sla])
