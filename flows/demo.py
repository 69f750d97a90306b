"""The demo: two generated days, replayed into a folder of its own under the wallboard.

The folder carries a mark. A marked folder is emptied of what a demo writes, and of nothing else,
before the next demo; a folder without the mark is only taken when it is empty or new.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from replywatch.dashboards.terminal import TerminalWallboard
from replywatch.flows.cli_engine_log import ENGINE_LOG, engine_log
from replywatch.flows.cli_errors import Failure
from replywatch.flows.exporter import ExporterError, serve
from replywatch.flows.live import LiveMetrics
from replywatch.flows.members import claim
from replywatch.flows.runner import StopFlag
from replywatch.flows.settings import Settings
from replywatch.flows.sources import Progress
from replywatch.flows.stream import Replay, live_metrics, replay_policy, run_replay
from replywatch.metrics.policy import SLAS, PolicyBook
from replywatch.metrics.times import NEVER, SECOND
from replywatch.sample_data import sample_events, write_events
from replywatch.sql.history import DATABASE

MARK = ".replywatch-demo"
SAMPLE = "sample.jsonl"
HOST = "127.0.0.1"
LATENESS = 60 * SECOND
WATCHED_SECONDS = 26.0
"""How long the sample takes to replay for somebody who watches."""

_WRITTEN = (
    *(SAMPLE, DATABASE, f".{DATABASE}.new", "manifest.sqlite", "manifest.sqlite-journal"),
    *("history", "staging", "recovery", "recovery.new", ENGINE_LOG),
)
_SCOPE = ("acme", "x", "social")  # whose targets stand at the foot of the wallboard
_SMOOTH = 1e9  # a speed that never holds back, but lets files be read in small pieces
_LONGEST_NAP_SECONDS = 0.05


class WatchedReplay(StopFlag):
    """A stop flag that also paces: each event takes the same share of `seconds`.

    Sources ask it before each batch. Nights pass quickly so, and a spike takes its time, which a
    constant multiple of real time would show for half a second.
    """

    def __init__(self, progress: Progress, seconds: float) -> None:
        super().__init__()
        self._progress = progress
        self._seconds = seconds
        self._began: float | None = None

    def __call__(self) -> bool:
        """Whether to stop; waits until so much may have been replayed."""
        if self._began is None:
            self._began = time.monotonic()
        due = self._began + (self._progress.ratio or 0.0) * self._seconds
        while not self.is_set and (wait := due - time.monotonic()) > 0:
            time.sleep(min(wait, _LONGEST_NAP_SECONDS))
        return self.is_set


def clear_folder(folder: Path) -> None:
    """Make `folder` ready for a demo; `Failure` where it is somebody else's."""
    if folder.exists() and not folder.is_dir():
        raise Failure(f"{folder} is a file; name a folder with --out")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise Failure(f"{folder} was not made by a demo and is kept; name another with --out")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    with claim(folder):
        for name in _WRITTEN:
            path = folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def run_demo(folder: Path, speed: float | None, is_paced: bool, port: int, seed: int) -> str | None:
    """Make the sample and replay it under the wallboard; where `/metrics` was, `None` if stopped.

    `speed` is event time a second; without one it goes as fast as it can, or with `is_paced` so
    that it can be watched.
    """
    clear_folder(folder)
    sample = folder / SAMPLE
    events = sample_events(seed)
    write_events(sample, events)
    replay = Replay([sample], folder, Settings(), lateness=LATENESS, speed=speed)
    if speed is None and is_paced:
        replay.speed = _SMOOTH
        replay.stop = WatchedReplay(replay.progress, WATCHED_SECONDS)
    policy = replay_policy(replay)
    live = live_metrics(replay.settings, policy, "demo")
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"two days of the brand acme, {len(events):,} generated events, replayed into {folder}"
    )
    with replay.stop.on_signals(), _served(live, port, console) as url:
        targets, ratio = _targets(policy)
        with (
            engine_log(folder),
            TerminalWallboard(
                lambda: live.board(replay.progress.ratio),
                console,
                mode="demo",
                metrics_url=url,
                targets=targets,
                objective_ratio=ratio,
            ),
        ):
            is_finished = run_replay(replay, policy, live)
    return url if is_finished else None


@contextmanager
def _served(live: LiveMetrics, port: int, console: Console) -> Iterator[str]:
    """`/metrics` while it lasts, on a free port where `port` is taken; its address."""
    try:
        url, stop = serve(live, HOST, port)
    except ExporterError:
        url, stop = serve(live, HOST, 0)
        console.print(f"port {port} is taken, so /metrics is at {url}")
    try:
        yield url
    finally:
        stop()


def _targets(policy: PolicyBook) -> tuple[dict[str, float], float | None]:
    """Targets in seconds and the objective of the scope that the wallboard names."""
    in_force = policy.rule_for(NEVER, _SCOPE, "normal")
    targets = zip(SLAS, in_force.targets, strict=True)
    seconds = {sla: target / SECOND for sla, target in targets if target is not None}
    return seconds, in_force.rule.objective.ratio if seconds else None
