"""A load spike: a thousand times the usual rate, half of it on one conversation.

The live service follows a file by the wall clock. It may lag meanwhile, and says so; it must lose
no clock, judge deadlines in their order, stay in its memory, and catch up. What it wrote is
compared with a replay of the same file.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from replays import Process, policy_text, replay, wait_for

from faults.registry import Figures, Size, fault
from replywatch.sql.history import HistoryError, open_history

USUAL_RATE = 1.0
"""Events a second before the spike and after it."""
TIMES = 1000
TARGET_SECONDS = 3
MOST_GROWTH_MB = 256
NO_LAG_SECONDS = 3.0
"""What counts as none: the lateness, a look at the folder, and the age of what is exported."""
SLACK_SECONDS = 2.0
"""How far deadlines of one look at the history may lie behind those of the one before."""
CLOCKS = """
    select conversation_id, sla, epoch_us(started_at), epoch_us(due_at), epoch_us(ended_at), outcome
    from sla
    where outcome in ('met', 'missed')
"""


@dataclass
class Measured:
    """What was seen of the service while it was under load."""

    events: int = 0
    usual_mb: float = 0.0
    most_mb: float = 0.0
    most_lag: float = 0.0
    caught_up_after: float | None = None
    out_of_order: int = 0
    seen: set[tuple[Any, ...]] = field(default_factory=set)
    latest: float = 0.0


class Load:
    """Writes events as they happen: of ten, five on one conversation and five on two others.

    Those two change every forty events, so that each has some ten; one of them is answered again
    and again, the other waits in vain.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = 0

    def write(self, count: int) -> None:
        """The next `count` events, all of them now."""
        with self.path.open("ab") as file:
            file.write(b"".join(self._line(self.events + n) for n in range(count)))
        self.events += count

    @staticmethod
    def _line(number: int) -> bytes:
        turn, place = divmod(number, 10)
        event = {
            "id": f"e{number}",
            "at": datetime.now(UTC).isoformat(),
            "kind": "reply" if place in (1, 9) else "post",
            "conversation": "hot" if place % 2 else f"c{turn // 4}-{place % 4}",
            "brand": "acme",
            "channel": "chat",
        }
        if event["kind"] == "reply":
            event["agent"] = "ann"
        if place == 8:
            event |= {"kind": "reply", "agent": "bob"}
        return json.dumps(event).encode() + b"\n"

    def keep_on(self, seconds: float, rate: float) -> None:
        """Write at `rate` events a second for that long."""
        began, written = time.monotonic(), 0
        while (gone := time.monotonic() - began) < seconds:
            due = round(gone * rate) - written
            if due > 0:
                self.write(due)
                written += due
            time.sleep(0.05)


class Watch(threading.Thread):
    """Looks at memory and lag twice a second, and at the history every other second."""

    def __init__(self, pid: int, url: str, history: Path) -> None:
        super().__init__(daemon=True)
        self.pid, self.url, self.history = pid, url, history
        self.measured = Measured()
        self.is_done = threading.Event()

    def megabytes(self) -> float:
        """The resident memory of the service."""
        with suppress(OSError):
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        return 0.0

    def lag(self) -> float | None:
        """Seconds from the watermark, as exported, to the clock."""
        name = "care_pipeline_watermark_timestamp_seconds "
        with suppress(OSError), urllib.request.urlopen(self.url, timeout=10) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name):
                    return time.time() - float(line.split()[1])
        return None

    def run(self) -> None:
        """Look until told to stop."""
        looks = 0
        while not self.is_done.wait(0.5):
            self.measured.most_mb = max(self.measured.most_mb, self.megabytes())
            self.measured.most_lag = max(self.measured.most_lag, self.lag() or 0.0)
            looks += 1
            if looks % 4 == 0:
                self.look_at_breaches()

    def look_at_breaches(self) -> None:
        """Whether deadlines that are told now lie after those that were told before."""
        measured = self.measured
        with suppress(HistoryError), closing(open_history(self.history)) as con:
            query = "select conversation_id, sla, epoch(ended_at) from sla where outcome = 'missed'"
            fresh = set(con.execute(query).fetchall()) - measured.seen
            measured.out_of_order += sum(at < measured.latest - SLACK_SECONDS for *_, at in fresh)
            measured.latest = max((at for *_, at in fresh), default=measured.latest)
            measured.seen |= fresh


def clocks(history: Path) -> list[tuple[Any, ...]]:
    """The SLA clocks that ended one way or the other."""
    with closing(open_history(history)) as con:
        return sorted(con.execute(CLOCKS).fetchall(), key=repr)


def put_under_load(folder: Path, seconds: float) -> tuple[Measured, Figures]:
    """A spike of that length on a service in `folder`: what was seen, and what came out."""
    inbox, history = folder / "inbox", folder / "data"
    inbox.mkdir()
    policy = folder / "policy.toml"
    policy.write_text(policy_text(TARGET_SECONDS, TARGET_SECONDS))
    config = folder / "replywatch.toml"
    config.write_text(
        'policy = "policy.toml"\nhistory = "data"\nlateness = "0.5s"\nseal_every = "2s"\n'
        'source = { folder = "inbox" }\n'
    )
    figures = Figures(times=1)
    process = Process("run", config=config)
    try:
        load = Load(inbox / "events.jsonl")
        watch = Watch(process.process.pid, process.line(), history)
        load.keep_on(5, USUAL_RATE)
        measured = watch.measured
        measured.usual_mb = watch.megabytes()
        watch.start()
        load.keep_on(seconds, USUAL_RATE * TIMES)
        ended = time.monotonic()
        if wait_for(lambda: (watch.lag() or 1e9) < NO_LAG_SECONDS, seconds + 60):
            measured.caught_up_after = time.monotonic() - ended
        else:
            lag = watch.lag()
            length = "of unknown length" if lag is None else f"of {lag:.0f} s"
            figures.mismatches.append(f"a lag {length} long after the spike")
        load.keep_on(2 * TARGET_SECONDS, USUAL_RATE)
        time.sleep(2 * TARGET_SECONDS)  # the last deadlines pass in silence
        watch.is_done.set()
        watch.join()
        if (code := process.stop()) != 0:
            figures.mismatches.append(f"the service exited with {code}")
    finally:
        process.close()
    measured.events = load.events
    until = datetime.now(UTC).timestamp()
    told = replay(folder / "replay", load.path, policy=policy, lateness=1, until=until)
    wanted, found = clocks(told), clocks(history)
    figures.lost = len({*wanted} - {*found})
    figures.doubled = len(found) - len({*found})
    if extra := {*found} - {*wanted}:
        figures.mismatches.append(f"{len(extra)} clocks that a replay doesn't know: {min(extra)}")
    if measured.out_of_order:
        figures.mismatches.append(f"{measured.out_of_order} missed deadlines were told too late")
    growth = measured.most_mb - measured.usual_mb
    if growth > MOST_GROWTH_MB:
        figures.mismatches.append(f"its memory grew by {growth:.0f} MB")
    return measured, figures


@fault("load-spike")
def spike(size: Size, seed: int, folder: Path) -> Figures:
    """Ten seconds of it, at full size ten minutes; what was measured is printed before the line."""
    measured, figures = put_under_load(folder, size.pick(10, 600))
    caught_up = measured.caught_up_after
    print(
        f"    {measured.events:,} events; memory {measured.usual_mb:.0f} MB, at most "
        f"{measured.most_mb:.0f}; lag at most {measured.most_lag:.1f} s, gone "
        f"{'never' if caught_up is None else f'{caught_up:.1f} s'} after the spike; "
        f"{len(measured.seen):,} missed deadlines seen in order"
    )
    if caught_up is not None:
        figures.fresh.append(caught_up)
    return figures
