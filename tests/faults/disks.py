"""The disk is full: under a replay that is given room little by little, and under the live service.

What is full is a small file system of its own in memory, which only root can make.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from replays import replay

from faults.jsonl import LATENESS, sample, watched
from faults.live import Desk, read_truth
from faults.readers import COMMAND
from faults.registry import Figures, Size, Unavailable, fault
from faults.restarts import Fresh
from faults.truth import Truth

MEGABYTES = (1, 2, 3, 5, 8, 12, 200)
"""Sizes that a replay's folder has one after the other; in the last there is room for all."""
EXIT_SECONDS = 5.0
FEED_SECONDS = 6.0


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of that size at `folder`."""
    folder.mkdir(exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        raise Unavailable("tmpfs", "only root can make a small file system")
    done = subprocess.run([mount, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable("tmpfs", f"no small file system here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resize(folder: Path, megabytes: int) -> None:
    """Give the file system at `folder` another size."""
    subprocess.run(
        ["mount", "-o", f"remount,size={megabytes}m", str(folder)], check=True, capture_output=True
    )


@fault("disk-full-replay")
def starve_replays(size: Size, seed: int, folder: Path) -> Figures:
    """A replay runs out of space, again and again, and goes on with more of it."""
    clean, events = sample(folder)
    truth = Truth(replay(folder / "whole", events, lateness=LATENESS), [clean])
    figures = Figures()
    for turn in range(size.pick(1, 10)):
        disk = folder / f"disk{turn}"
        steps = MEGABYTES if size.is_full else MEGABYTES[::2]
        with small_disk(disk, 1):
            out = disk / "out"
            for megabytes in steps:
                resize(disk, megabytes)
                asked = ["replay", str(events), "--out", str(out), "--lateness", f"{LATENESS}s"]
                done = subprocess.run(
                    [str(COMMAND), *asked], capture_output=True, text=True, timeout=120, check=False
                )
                if done.returncode == 0:
                    break
                figures.times += 1
                _judge_words(done.returncode, done.stderr, out, figures)
            truth.judge(out, figures)
    return figures


def _judge_words(code: int, said: str, folder: Path, figures: Figures) -> None:
    """A full disk is exit code 1 and one sentence with the folder's name."""
    if code != 1 or str(folder) not in said or "space" not in said or "Traceback" in said:
        figures.mismatches.append(f"exit code {code} and not one sentence: {said[-3000:]}")


@fault("disk-full-run")
def starve_services(size: Size, seed: int, folder: Path) -> Figures:
    """The live service runs out of space for its history, then for its recovery state."""
    lines, truth = read_truth(folder)
    figures = Figures()
    chance = random.Random(seed)
    for turn in range(size.pick(1, 10)):
        for place in ("data", "data/recovery"):
            desk = Desk(folder / f"round{turn}-{place.replace('/', '-')}", lines)
            disk = desk.history.parent / place
            if place != "data":
                assert desk.start().stop() == 0
                shutil.copytree(disk, folder / "kept")
                shutil.rmtree(disk)
            with small_disk(disk, 100):
                if place != "data":
                    shutil.copytree(folder / "kept", disk, dirs_exist_ok=True)
                    disk.chmod(0o700)
                    shutil.rmtree(folder / "kept")
                with watched(desk.history, figures):
                    _starve(desk, disk, chance.uniform(1, FEED_SECONDS - 1), figures)
                truth.judge(desk.history, figures)
    return figures


def _starve(desk: Desk, disk: Path, after: float, figures: Figures) -> None:
    feeder = threading.Thread(target=desk.feed, args=(FEED_SECONDS,), daemon=True)
    process = desk.start()
    feeder.start()
    time.sleep(after)
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    began = time.monotonic()
    _, said = process.process.communicate(timeout=120)
    took = time.monotonic() - began
    figures.times += 1
    if took > EXIT_SECONDS:
        figures.mismatches.append(f"took {took:.1f} s to exit")
    _judge_words(process.process.returncode, said, desk.history, figures)
    ballast.unlink()
    fresh = Fresh(desk.history)
    process = desk.start()
    feeder.join()
    if (code := desk.finish(process)) != 0:
        figures.mismatches.append(f"with room again the service exited with {code}")
    figures.fresh += fresh.seconds()
