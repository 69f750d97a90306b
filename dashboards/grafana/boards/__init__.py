"""The boards, one a module, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable

from grafana_foundation_sdk.builders.dashboard import Dashboard

from replywatch.dashboards.grafana.boards import (
    agents,
    crisis,
    pipeline,
    queue,
    satisfaction,
    sla,
    volume,
    wallboard,
)
from replywatch.dashboards.grafana.options import Options

ALL: tuple[Callable[[Options], Dashboard], ...] = (
    wallboard.make,
    queue.make,
    sla.make,
    volume.make,
    agents.make,
    satisfaction.make,
    crisis.make,
    pipeline.make,
)
