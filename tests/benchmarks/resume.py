"""What open conversations cost the live service: `make bench-resume`.

For each size it starts `replywatch run` on a folder with a post of so many conversations, none of
which ends, and waits until all are counted. It then looks for some seconds at the quiet service and
for as long at one in which a hundred conversations a second get a post: bytes written (by the
kernel's count, for checkpoints, history and all) and CPU. At last it stops it and starts it again
with one more post waiting: the resume is the time from there until that post is counted.

    python tests/benchmarks/resume.py 10000 100000
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
SIZES = (10_000, 100_000, 1_000_000)
SECONDS, CHANGED = 20, 100
PATIENCE = 1800

POLICY = """
version = "bench"
effective_from = 2000-01-01T00:00:00Z
expire_after = "never"
[[rules]]
name = "all"
targets = { first_response = 2592000, next_response = 2592000 }
objective = { ratio = 0.9, window = "5m", min_outcomes = 2 }
"""
CONFIG = """
history = "history"
policy = "policy.toml"
lateness = "0.1s"  # else a resume would be measured that waits for the clock
[source]
folder = "inbox"
[exporter]
port = 0
"""


class Used(NamedTuple):
    """What a process has used so far."""

    cpu_seconds: float
    written_mb: float


class Service:
    """`replywatch run` in a folder, started at once."""

    def __init__(self, folder: Path) -> None:
        program = Path(sys.executable).parent / "replywatch"
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [program, "run", "--config", folder / "replywatch.toml"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]

    def counted(self) -> int:
        """Events counted since the start."""
        with urllib.request.urlopen(self.url, timeout=60) as answer:
            text = answer.read().decode()
        found = re.findall(r"^care_messages_total(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE)
        return round(sum(map(float, found)))

    def wait(self, count: int) -> float:
        """Wait until so many events are counted; seconds since it was started."""
        while self.counted() < count:
            if self.process.poll() is not None or time.monotonic() > self.began + PATIENCE:
                raise SystemExit("bench: the service did not get there")
            time.sleep(0.05)
        return time.monotonic() - self.began

    def used(self) -> Used:
        """What it has used so far."""
        ticks = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        written = Path(f"/proc/{self.process.pid}/io").read_text()
        found = re.search(r"^write_bytes: (\d+)", written, re.MULTILINE)
        cpu = (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")
        return Used(cpu, int(found[1]) / 1e6 if found else 0.0)

    def rss_mb(self) -> float:
        """Memory that it holds now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0

    def stop(self) -> float:
        """End it cleanly; the seconds that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(PATIENCE) != 0:
            raise SystemExit("bench: the service did not stop cleanly")
        return time.monotonic() - began


def post(number: int, conversation: int, at: datetime) -> bytes:
    """A customer's post, as a line."""
    event = {
        "id": f"m{number}", "at": at.isoformat(), "kind": "post",
        "conversation": f"conversation-{conversation}", "brand": "acme", "channel": "chat",
        "queue": f"queue-{conversation % 50}", "customer": f"@customer{conversation}",
    }  # fmt: skip
    return json.dumps(event).encode() + b"\n"


def during(service: Service, tick: Callable[[int], None]) -> Used:
    """What the service uses a second while `tick` is called once a second."""
    before = service.used()
    for second in range(SECONDS):
        tick(second)
        time.sleep(1)
    after = service.used()
    return Used(*((new - old) / SECONDS for old, new in zip(before, after, strict=True)))


def bench(size: int, folder: Path) -> dict[str, float]:
    """Measure with `size` open conversations, in an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "inbox").mkdir(parents=True)
    (folder / "policy.toml").write_text(POLICY)
    (folder / "replywatch.toml").write_text(CONFIG)
    start = datetime.now(UTC) - timedelta(hours=1)
    with (folder / "inbox/posts.jsonl").open("wb") as file:
        for number in range(size):
            file.write(post(number, number, start + timedelta(hours=0.9 * number / size)))
    number = size

    def add(count: int) -> None:
        nonlocal number
        with (folder / "inbox/posts.jsonl").open("ab") as file:
            for _ in range(count):
                file.write(post(number, number * 7919 % size, datetime.now(UTC)))
                number += 1

    service = Service(folder)
    try:
        service.wait(size)
        time.sleep(60)  # until what came at first is sealed
        quiet = during(service, lambda second: None)
        busy = during(service, lambda second: add(CHANGED))
        service.wait(number)
        rss = service.rss_mb()
        stop = service.stop()
        add(1)
        service = Service(folder)
        resume = service.wait(1)
        return {
            "conversations": size,
            "quiet_kb_a_second": quiet.written_mb * 1000,
            "busy_kb_a_second": busy.written_mb * 1000,
            "quiet_cpu_percent": quiet.cpu_seconds * 100,
            "busy_cpu_percent": busy.cpu_seconds * 100,
            "rss_mb": rss,
            "stop_seconds": stop,
            "resume_seconds": resume,
            "resumed_rss_mb": service.rss_mb(),
            "recovery_mb": sum(p.stat().st_size for p in folder.glob("history/recovery/*")) / 1e6,
        }
    finally:
        service.process.kill()
        service.process.wait()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, metavar="CONVERSATIONS")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench-resume")
    arguments = parser.parse_args()
    for size in arguments.sizes:
        for name, value in bench(size, arguments.folder).items():
            print(f"{name:<20}{value:>12,.1f}", flush=True)
        print()
    shutil.rmtree(arguments.folder)


if __name__ == "__main__":
    main()
