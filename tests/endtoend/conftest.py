"""Where the servers' commands are."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def prometheus_binary(require_tool: Callable[..., str]) -> str:
    """The command of Prometheus; without it the test is skipped."""
    return require_tool("prometheus")


@pytest.fixture(scope="session")
def alertmanager_binary(require_tool: Callable[..., str]) -> str:
    """The command of Alertmanager, as its makers or Debian name it."""
    return require_tool("alertmanager", "prometheus-alertmanager")
