"""`kill -9` at any moment of a replay, resumed with other numbers of workers.

Some kills hit while it resumes, some right after a step of publishing a seal in two phases, most
while it runs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from child import PLACES
from replays import Process, replay, write_lines

from faults.readers import CommandReader, DatabaseReader
from faults.registry import Figures, Size, fault
from faults.restarts import Fresh, moment_to_die
from faults.truth import Truth
from replywatch.sample_data import write_sample

LATENESS = 60
LINES = 3000
SPEED = 60_000
EPOCH = 0.25


def sample(folder: Path, lines: int = LINES) -> tuple[Path, Path]:
    """The first lines of the sample, and the same with two that are refused."""
    write_sample(folder / "all.jsonl", 7)
    whole = (folder / "all.jsonl").read_bytes().splitlines(keepends=True)[:lines]
    clean = write_lines(folder / "clean.jsonl", whole)
    spoilt = [*whole[:100], b"not json\n", *whole[100:], b"[1]\n"]
    return clean, write_lines(folder / "sample.jsonl", spoilt)


@contextmanager
def watched(out: Path, figures: Figures) -> Iterator[None]:
    """Two readers look at `out` all the while; what they find wrong is added to `figures`."""
    with DatabaseReader(out, 0.15) as database, CommandReader(out, 1.5) as command:
        yield
    for reader in (database, command):
        figures.doubled += reader.doubled
        figures.retracted += reader.retracted
        figures.mismatches += reader.errors
        if not reader.looks and out.exists():
            figures.mismatches.append(f"{type(reader).__name__} never saw anything")


@fault("replay-kills")
def kill_replays(size: Size, seed: int, folder: Path) -> Figures:
    """Replay the same events again and again, killed some times before each comes to its end."""
    clean, events = sample(folder)
    truth = Truth(replay(folder / "whole", events, lateness=LATENESS), [clean])
    chance = random.Random(seed)
    figures = Figures()
    kills = size.pick_kills(10, 150)
    rounds = 0
    while figures.times < kills:
        rounds += 1
        out = folder / f"out{rounds}"
        with watched(out, figures):
            _until_finished(out, events, chance, kills, size.breaks, figures)
        truth.judge(out, figures)
    return figures


def _until_finished(
    out: Path,
    events: Path,
    chance: random.Random,
    kills: int,
    breaks: tuple[str, ...],
    figures: Figures,
) -> None:
    while True:
        is_last = figures.times >= kills
        options: dict[str, Any] = {
            "out": out, "inputs": [str(events)], "lateness": LATENESS, "epoch": EPOCH,
            "workers": chance.randint(1, 3), "breaks": breaks, "speed": None if is_last else SPEED,
        }  # fmt: skip
        is_inside = not is_last and chance.random() < 0.3
        if is_inside:
            options["dies"] = [chance.choice(sorted(PLACES)), chance.randint(1, 6)]
        fresh = Fresh(out)
        process = Process("replay", **options)
        if is_inside or is_last:
            code = process.finish(120)
        else:
            process.line()  # it is about to resume
            code = process.kill_after(moment_to_die(chance, figures.fresh))
        figures.fresh += fresh.seconds()
        figures.times += code in (9, -9)
        if code == 0:
            return
        if code not in (9, -9):
            figures.mismatches.append(f"a replay exited with {code}")
            return
