"""Draws docs/wallboard.svg: the wallboard of the sample days in the middle of their spike."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from replywatch.dashboards.board_svg import board_svg
from replywatch.flows.settings import Settings
from replywatch.flows.stream import Replay, live_metrics, replay_policy, run_replay
from replywatch.metrics.times import SECOND
from replywatch.sample_data import sample_events

MOMENT = "2026-03-04T14:12:30Z"
TARGET = Path(__file__).parent.parent / "docs" / "wallboard.svg"


def main() -> None:
    """Replay the sample up to `MOMENT` and draw what the wallboard shows then."""
    events = sample_events()
    shown = [event for event in events if event["at"] <= MOMENT]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "events.jsonl"
        source.write_text("".join(json.dumps(event) + "\n" for event in shown))
        replay = Replay([source], Path(folder) / "out", Settings(), lateness=60 * SECOND)
        policy = replay_policy(replay)
        live = live_metrics(replay.settings, policy, "demo")
        run_replay(replay, policy, live)
    board = live.board(len(shown) / len(events))
    TARGET.parent.mkdir(exist_ok=True)
    picture = board_svg(
        board,
        mode="demo",
        metrics_url="http://127.0.0.1:9464/metrics",
        targets={"first_response": 300, "next_response": 600},
        width=120,
        height=32,
    )
    TARGET.write_text(picture)


if __name__ == "__main__":
    main()
