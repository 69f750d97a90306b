"""What Grafana's own code writes for the numbers of a panel."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Series = dict[str, Any]


def series(ref_id: str, value: float, name: str = "", **labels: str) -> Series:
    """One series as the Prometheus data source hands it to a panel."""
    return {"refId": ref_id, "name": name, "labels": labels, "value": value}


def say(code: Path, asked: Sequence[tuple[Any, Sequence[Series]]]) -> list[list[dict[str, str]]]:
    """For each panel with its series: `title`, `text` and `color` of each number it shows."""
    script = Path(__file__).parent / "node" / "say.cjs"
    done = subprocess.run(
        ["node", str(script)],
        input=json.dumps([{"panel": panel, "series": list(found)} for panel, found in asked]),
        env={**os.environ, "NODE_PATH": str(code / "node_modules")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    answered: list[list[dict[str, str]]] = json.loads(done.stdout)
    return answered
