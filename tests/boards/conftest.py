"""The boards as they are checked in, and Grafana's own types and formatting."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Board = dict[str, Any]


@pytest.fixture(scope="session")
def generated(repository: Path) -> Path:
    """The folder of the boards that are checked in."""
    return repository / "dashboards" / "generated"


@pytest.fixture(scope="session")
def boards(generated: Path) -> dict[str, Board]:
    """Every board by its uid."""
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in generated.glob("*.json")}
    assert found, f"no boards in {generated}"
    return found


@pytest.fixture(scope="session")
def grafana_code(repository: Path, require_tool: Callable[..., str]) -> Path:
    """The folder with Grafana's packages and `shapes.json`; skipped without node and npm."""
    require_tool("node")
    require_tool("npm")
    command = ["bash", "tools/grafana.sh"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=600)
    if done.returncode:
        pytest.fail(f"tools/grafana.sh: {done.stderr}")
    return Path(done.stdout.strip())
