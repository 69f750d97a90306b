"""Long timelines with what the batch recomputation said of them, so that it needn't be run again.

`python tests/remembered.py` draws them anew and writes `remembered.json`: after a change of the
recomputation, or of what timelines hold.
"""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import HealthCheck, Phase, given, seed, settings
from oracle.comparing import SHARED_COLUMNS
from test_dictionary import recomputed
from timelines import HOURS, SECOND_VERSION, STARTS, WALL, Event, timelines

FILE = Path(__file__).parent / "remembered.json"
LONGEST = 48
LIVED = {"language": ["en", "de"], "region": ["eu", "us"], "customer": ["kim", "jo"]}


def policies_of(case: dict[str, Any]) -> list[str]:
    """The policy texts that a case names, and from when on a second version holds."""
    first = {"hours": HOURS, "wall": WALL}[case["policy"]]
    later = case["later"]
    return [first] if later is None else [first, SECOND_VERSION.replace("EFFECTIVE_FROM", later)]


def digests(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """A digest of the shared columns of each table, whatever the order of its rows."""
    found = {}
    for table, columns in SHARED_COLUMNS.items():
        types = {name: kind for name, kind, *_ in con.execute(f"describe {table}").fetchall()}
        shown = ", ".join(
            f'epoch_us("{name}")' if types[name].startswith("TIMESTAMP") else f'"{name}"'
            for name in columns
        )
        told = sorted(map(repr, con.execute(f"select {shown} from {table}").fetchall()))
        found[table] = hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
    return found


def drawn(number: int) -> dict[str, Any]:
    """A case: the longest of twenty timelines from a fixed seed, some events richer than usual."""
    chance = random.Random(number)
    start = STARTS[number % len(STARTS)]
    found: list[list[Event]] = []

    @seed(number)
    @settings(max_examples=20, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(timelines(start, LONGEST))
    def draw(timeline: list[Event]) -> None:
        found.append(timeline)

    draw()
    events = max(found, key=len)
    for event in events:
        for name, values in LIVED.items():
            if event["kind"] != "agent_state" and chance.random() < 0.15:
                event.setdefault(name, chance.choice(values))
    later = (start + timedelta(hours=chance.choice([1, 25]))).astimezone(UTC).isoformat()
    last = datetime.fromisoformat(events[-1]["at"]).timestamp()
    return {
        "policy": ["hours", "hours", "wall"][number % 3],
        "later": later if number % 2 else None,
        "until": round(last) + chance.choice([0, 300, 86_400, 8 * 86_400]),
        "events": events,
    }


def main() -> None:
    """Write the cases with what the recomputation says of them."""
    cases = [drawn(number) for number in range(10)]
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            oracle = recomputed(
                Path(folder), policies_of(case), case["events"], case["until"] * 1_000_000
            )
            case["digests"] = digests(oracle)
            oracle.close()
    FILE.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
