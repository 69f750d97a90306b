"""`kill -9` at any moment of the live service on a folder, started again with other workers.

A file holds the time: it goes on only when the lines before it are written, so that what comes out
doesn't hang on how long a restart took. Lines come in torn halves, into two files.
"""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

from child import PLACES
from replays import Process, wait_for

from faults.jsonl import sample, watched
from faults.registry import Figures, Size, fault
from faults.restarts import Fresh, moment_to_die
from faults.truth import Truth

LATENESS_SECONDS = 60
AFTER_SECONDS = 2 * 86_400
"""How long the clock goes on after the last event."""
FEED_SECONDS = 12.0
PORTIONS = 60
WORKERS = (1, 2, 3)


def instant(line: bytes) -> int:
    """When an event happened, in microseconds."""
    at = datetime.fromisoformat(json.loads(line)["at"])
    return round(at.timestamp() * 1_000_000)


class Desk:
    """A folder with a live service that is killed and started again while events come in."""

    def __init__(self, folder: Path, lines: list[bytes]) -> None:
        folder.mkdir()
        self.inbox, self.history, self.clock = folder / "inbox", folder / "data", folder / "clock"
        self.inbox.mkdir()
        self.config = folder / "replywatch.toml"
        self.config.write_text(
            f'history = "data"\nlateness = {LATENESS_SECONDS}\nmax_ahead = "2d"\n'
            'checkpoint_every = 0.3\nseal_every = 0.5\nsource = { folder = "inbox" }\n'
        )
        self.lines = lines
        self.times = [instant(line) for line in lines]
        self.until = max(self.times) + AFTER_SECONDS * 1_000_000
        self._set_clock(min(self.times))
        self.url = ""

    def _set_clock(self, at: int) -> None:
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(str(at))
        fresh.replace(self.clock)

    def feed(self, seconds: float) -> None:
        """Write every line in that time, then let the clock come to its end."""
        share = max(len(self.lines) // PORTIONS, 1)
        for number, start in enumerate(range(0, len(self.lines), share)):
            data = b"".join(self.lines[start : start + share])
            with (self.inbox / f"{number % 2}.jsonl").open("ab", buffering=0) as file:
                for part in (data[: len(data) - 20], data[len(data) - 20 :]):
                    file.write(part)
                    time.sleep(seconds / PORTIONS / 2)
            self._set_clock(max(self.times[: start + share]))
        self._set_clock(self.until + LATENESS_SECONDS * 1_000_000)

    def start(self, **options: Any) -> Process:
        """Start the service; it serves its metrics then."""
        process = Process("run", config=self.config, clock=self.clock, **options)
        self.url = process.line()
        return process

    def has_come_to_its_end(self) -> bool:
        """Whether the watermark stands at the end of the clock."""
        try:
            with urllib.request.urlopen(self.url, timeout=5) as answer:
                text: str = answer.read().decode()
        except OSError:
            return False
        name = "care_pipeline_watermark_timestamp_seconds "
        said = [line.split()[1] for line in text.splitlines() if line.startswith(name)]
        return bool(said) and float(said[0]) >= self.until / 1_000_000

    def finish(self, process: Process) -> int:
        """Wait for everything to be read, then stop it; its exit code."""
        if not wait_for(self.has_come_to_its_end, 600):
            process.close()
            return -1
        return process.stop()


def read_truth(folder: Path) -> tuple[list[bytes], Truth]:
    """Lines to feed a service, and the tables of one that nothing is done to."""
    clean, events = sample(folder)
    lines = [line for line in events.read_bytes().splitlines(keepends=True) if line[:1] == b"{"]
    whole = Desk(folder / "whole", lines)
    whole.feed(0)
    assert whole.finish(whole.start()) == 0
    return lines, Truth(whole.history, [clean], whole.until, frozenset({"received_at"}))


@fault("run-kills")
def kill_services(size: Size, seed: int, folder: Path) -> Figures:
    """The same events through the live service again and again, killed while they come in."""
    lines, truth = read_truth(folder)
    chance = random.Random(seed)
    figures = Figures()
    kills = size.pick_kills(6, 150)
    rounds = 0
    while figures.times < kills:
        rounds += 1
        desk = Desk(folder / f"round{rounds}", lines)
        feeder = threading.Thread(target=desk.feed, args=(FEED_SECONDS,), daemon=True)
        with watched(desk.history, figures):
            feeder.start()
            while feeder.is_alive() and figures.times < kills:
                figures.times += _start_and_kill(desk, chance, figures)
            feeder.join()
            fresh = Fresh(desk.history)
            code = desk.finish(desk.start(workers=chance.choice(WORKERS)))
            figures.fresh += fresh.seconds()
        if code == 0:
            truth.judge(desk.history, figures)
        else:
            figures.mismatches.append(f"the service exited with {code}")
    return figures


def _start_and_kill(desk: Desk, chance: random.Random, figures: Figures) -> bool:
    options: dict[str, Any] = {"workers": chance.choice(WORKERS)}
    if chance.random() < 0.3:
        options["dies"] = [chance.choice(sorted(PLACES)), chance.randint(1, 6)]
    fresh = Fresh(desk.history)
    process = desk.start(**options)
    code = process.kill_after(moment_to_die(chance, figures.fresh))
    figures.fresh += fresh.seconds()
    if code not in (9, -9):
        figures.mismatches.append(f"the service exited with {code}")
    return code in (9, -9)
