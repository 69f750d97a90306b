"""The wall clock is set under a live service, an hour and two seconds each way.

libfaketime does it, a file says by how much. A supervisor starts the service again after the exit
code of its watchdog, as systemd would.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from replays import policy_text, wait_for

from faults.readers import COMMAND, DatabaseReader, connect
from faults.registry import Figures, Size, Unavailable, fault
from replywatch.flows.cli_errors import STALLED
from replywatch.sql.history import open_history

STEPS = (3600, -3600, 2, -2)
"""Seconds by which the clock is set, and then back."""
TARGET_SECONDS = 1800
FRESH_SECONDS = 60.0
"""How long a step may keep what comes in from the history."""


def library() -> Path:
    """The library that turns the clock."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise Unavailable("faketime", "libfaketime is not installed (Debian: faketime)")
    return found[0]


class Turned:
    """A live service whose wall clock is set, started again whenever its watchdog ends it."""

    def __init__(self, folder: Path, stalled_after: int) -> None:
        self.folder, self.history, self.inbox = folder, folder / "data", folder / "inbox"
        self.inbox.mkdir()
        self.offset = folder / "offset"
        self.set_clock(0)
        (folder / "policy.toml").write_text(policy_text(TARGET_SECONDS, TARGET_SECONDS))
        self.config = folder / "replywatch.toml"
        self.config.write_text(
            'policy = "policy.toml"\nhistory = "data"\nlateness = 1\nseal_every = 1\n'
            f"checkpoint_every = 1\nstalled_after = {stalled_after}\nexporter = {{ port = 0 }}\n"
        )
        self.barks = 0
        self.codes: list[int] = []
        self._log: IO[bytes] = (folder / "log").open("ab")
        self._environment = {
            **os.environ,
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [str(COMMAND), "run", "--config", str(self.config)]
        return subprocess.Popen(
            command, env=self._environment, stdout=self._log, stderr=self._log, cwd=self.folder
        )

    def set_clock(self, seconds: int) -> None:
        """Set its wall clock to that many seconds before or after the right time."""
        fresh = self.offset.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}s\n")
        fresh.replace(self.offset)

    def supervise(self) -> None:
        """Start it again if its watchdog has ended it."""
        code = self.process.poll()
        if code is not None:
            self.codes.append(code)
            self.barks += code == STALLED
            self.process = self._start()

    def write(self, line: bytes) -> None:
        """Write a line that comes in now."""
        with (self.inbox / "events.jsonl").open("ab") as file:
            file.write(line + b"\n")

    def tell(self, kind: str, conversation: str, **fields: Any) -> None:
        """Write an event that happens now, by the right time."""
        at = datetime.now(UTC).isoformat()
        said = {"id": f"{conversation}-{kind}", "at": at, "kind": kind, **fields}
        self.write(json.dumps({**said, "conversation": conversation}).encode())

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the history; nothing while there is none."""
        database = self.history / "replywatch.duckdb"
        if not database.exists():
            return []
        with connect(database) as con:
            return con.execute(query).fetchall()

    def probe(self, name: str, figures: Figures) -> None:
        """Write a line that is no event, and see how long it takes into the history."""
        began = time.monotonic()
        self.write(name.encode())

        def is_there() -> bool:
            self.supervise()
            return self.ask(f"select count(*) from rejected where raw = '{name}'") == [(1,)]

        if not wait_for(is_there, 2 * FRESH_SECONDS):
            figures.mismatches.append(f"{name} never came into the history")
        took = time.monotonic() - began
        figures.fresh.append(took)
        if took > FRESH_SECONDS:
            figures.mismatches.append(f"{name} took {took:.0f} s into the history")

    def close(self) -> None:
        """End it cleanly."""
        self.process.terminate()
        self.codes.append(self.process.wait(30))
        self._log.close()


@fault("clock-steps")
def turn_clocks(size: Size, seed: int, folder: Path) -> Figures:
    """Conversations wait while the clock is set and set back; then each is answered in time."""
    figures = Figures()
    service = Turned(folder, size.pick(8, 30))
    names = [f"c{number}" for number in range(2 * len(STEPS))]
    with DatabaseReader(service.history, 0.5) as reader:
        try:
            service.probe("no step", figures)
            for number, step in enumerate(STEPS):
                service.tell("post", names[2 * number])
                time.sleep(2)
                for offset in (step, 0):
                    service.set_clock(offset)
                    figures.times += 1
                    service.probe(f"by {offset} of {step}", figures)
                service.tell("post", names[2 * number + 1])
            time.sleep(2)
            for name in names:
                service.tell("reply", name, agent="ann")
            answered = f"select count(*) = {len(names)} from responses"
            if not wait_for(lambda: service.ask(answered) == [(True,)], FRESH_SECONDS):
                figures.mismatches.append("answers never came into the history")
        finally:
            service.close()
    figures.doubled, figures.retracted = reader.doubled, reader.retracted
    figures.mismatches += reader.errors
    _judge(service, names, figures)
    return figures


def _judge(service: Turned, names: list[str], figures: Figures) -> None:
    """Every post and reply once, every answer as long as it took, nobody breached."""
    if any(code not in (0, STALLED) for code in service.codes) or service.codes[-1] != 0:
        log = (service.folder / "log").read_text("utf-8", "replace")
        figures.mismatches.append(f"exit codes {service.codes}: {log[-2000:]}")
    if not service.barks:
        figures.mismatches.append("the watchdog never barked")
    at = {}
    for line in (service.inbox / "events.jsonl").read_bytes().splitlines():
        if line.startswith(b"{"):
            event = json.loads(line)
            at[event["id"]] = datetime.fromisoformat(event["at"])
    expected = {name: (at[f"{name}-reply"] - at[f"{name}-post"]).total_seconds() for name in names}
    con = open_history(service.history)
    found = con.execute("select conversation_id, response_seconds from responses").fetchall()
    messages = con.execute("select count(*) from messages").fetchall()[0][0]
    breached = con.execute(
        "select conversation_id from sla where outcome = 'missed' order by all"
    ).fetchall()
    con.close()
    figures.lost += len(at) - messages
    if dict(found) != expected or len(found) != len(expected):
        figures.mismatches.append(f"responses are {found}, not {expected}")
    if breached:
        figures.mismatches.append(f"breached falsely: {breached}")
