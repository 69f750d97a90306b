"""A cluster of processes that loses some of them, is stopped, and is started with other numbers."""

from __future__ import annotations

import os
import random
import signal
import time
from itertools import cycle
from pathlib import Path
from typing import Any

from clusters import Cluster
from replays import Process, replay

from faults.jsonl import LATENESS, SPEED, sample, watched
from faults.registry import Figures, Size, fault
from faults.restarts import Fresh
from faults.truth import Truth

EPOCH = 0.25
STOPS_WITHIN = 10.0
SIZES = (1, 2, 3, 2, 3, 1, 3, 2)
"""Processes of each run after the one before, over and over."""


class _Runs:
    """Runs of one replay after the other, each by another number of processes."""

    def __init__(self, events: Path, out: Path, sizes: cycle[int], figures: Figures) -> None:
        self.figures, self._sizes, self._out = figures, sizes, out
        self._options: dict[str, Any] = {
            "out": out, "inputs": [str(events)], "lateness": LATENESS, "epoch": EPOCH,
        }  # fmt: skip

    def start(self, speed: int | None = SPEED) -> Cluster:
        """Start the next run."""
        size = next(self._sizes)
        process = Process("replay", processes=size, speed=speed, **self._options)
        return Cluster(process, self._out, size)

    def finish(self) -> None:
        """Let the last run come to its end."""
        code = self.start(None).process.finish(180)
        if code:
            self.figures.mismatches.append(f"an undisturbed end exited with {code}")


@fault("cluster-kills")
def kill_processes(size: Size, seed: int, folder: Path) -> Figures:
    """Kill one process, the first, or all of a replay at any moment, also while they start."""
    clean, events = sample(folder)
    truth = Truth(replay(folder / "whole", events, lateness=LATENESS), [clean])
    chance, sizes, figures = random.Random(seed), cycle(SIZES), Figures()
    kills = size.pick_kills(10, 150)
    rounds = 0
    while figures.times < kills:
        rounds += 1
        out = folder / f"out{rounds}"
        runs = _Runs(events, out, sizes, figures)
        with watched(out, figures):
            # A replay of its own for a dozen of kills: later kills meet a longer history.
            goal = min(kills, figures.times + 12)
            while figures.times < goal and _is_killed(runs, out, chance):
                figures.times += 1
            runs.finish()
        truth.judge(out, figures)
    return figures


def _is_killed(runs: _Runs, out: Path, chance: random.Random) -> bool:
    """Start the next run and kill some of it; `False` where it came to its end before."""
    fresh = Fresh(out)
    cluster = runs.start()
    cluster.process.line()  # it is about to resume
    moment = chance.choice(("starting", "complete", "running", "running"))
    if moment != "starting":
        cluster.wait()
    if moment == "running":
        fresh.wait(20)
    time.sleep(chance.uniform(0, 0.8))
    ended = cluster.process.process.poll()
    if ended is not None:
        cluster.process.finish()
        if ended:
            runs.figures.mismatches.append(f"a run that nobody killed exited with {ended}")
        return False
    there = range(len(cluster.pids()))
    one = chance.choice([*there] or [0])
    code = cluster.kill(*chance.choice(([one], [one], [*there])))
    runs.figures.fresh += fresh.seconds()
    if code == 0:  # it came to its end before the signal
        return False
    if code not in (1, -9):
        runs.figures.mismatches.append(f"a run that lost a process exited with {code}")
    return True


@fault("cluster-stops")
def stop_processes(size: Size, seed: int, folder: Path) -> Figures:
    """SIGTERM or SIGINT to one process or to all: all of them end, and the next run goes on."""
    clean, events = sample(folder)
    truth = Truth(replay(folder / "whole", events, lateness=LATENESS), [clean])
    chance, sizes, figures = random.Random(seed), cycle(SIZES), Figures()
    out = folder / "out"
    runs = _Runs(events, out, sizes, figures)
    with watched(out, figures):
        for _ in range(size.pick(4, 40)):
            cluster = runs.start()
            if not cluster.wait():
                cluster.process.finish()
                continue
            time.sleep(chance.uniform(0, 1))
            pids = cluster.pids()
            began = time.monotonic()
            number = chance.choice((signal.SIGTERM, signal.SIGINT))
            for pid in chance.choice(([chance.choice(pids)], pids)):
                os.kill(pid, number)
            code = cluster.process.finish(60)
            took = time.monotonic() - began
            figures.times += 1
            if code not in (0, 3):  # 3: stopped before the end of its input
                figures.mismatches.append(f"a run that was stopped exited with {code}")
            if took > STOPS_WITHIN:
                figures.mismatches.append(f"a stop took {took:.1f} s")
        runs.finish()
    truth.judge(out, figures)
    return figures
