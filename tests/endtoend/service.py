"""The live service as its users start it: a folder, a configuration, the command."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from endtoend.servers import HOST, Server, free_port, wait_until

_CLOCK = """
import sys, time
from replywatch.flows.cli import main
real = time.time_ns
time.time_ns = lambda: real() + round({ahead} * 1e9)
sys.exit(main())
"""
"""The command with the clock that moves its deadlines; other times stay the machine's."""


class Service(Server):
    """`replywatch run` on `folder/inbox`, with the policy in `folder/policy.toml`.

    `scopes` (brand, channel, queue) have their series from the start. The port stays the same
    when it is started again, so that Prometheus finds it. `ahead` (seconds) is how far its clock
    runs before the machine's, for what takes too long to wait for. With several `processes` each
    serves metrics.
    """

    def __init__(
        self,
        folder: Path,
        policy: str,
        scopes: Iterable[tuple[str, str, str]],
        lateness: str = "5s",
        ahead: float = 0,
        processes: int = 1,
    ) -> None:
        self.folder, self.port, self.ahead = folder, free_port(), ahead
        self.processes = processes
        self.inbox = folder / "inbox"
        self.inbox.mkdir(parents=True)
        (folder / "policy.toml").write_text(policy)
        self.config = folder / "replywatch.toml"
        names = "\n".join(
            f'[[scopes]]\nbrand = "{brand}"\nchannel = "{channel}"\nqueue = "{queue}"'
            for brand, channel, queue in scopes
        )
        self.config.write_text(
            'policy = "policy.toml"\nhistory = "data"\nsource = { folder = "inbox" }\n'
            f'lateness = "{lateness}"\n'
            f'exporter = {{ host = "{HOST}", port = {self.port} }}\n{names}\n'
        )

    def start(self) -> Self:
        """Start it and wait until it serves metrics."""
        command = [sys.executable, "-c", _CLOCK.format(ahead=self.ahead), "run", "--config"]
        shared = ["--processes", str(self.processes)]
        super().__init__("service", [*command, str(self.config), *shared], self.folder, self.port)
        wait_until(self.is_ready, 30, "the service serves /metrics")
        return self

    @property
    def target(self) -> str:
        """What Prometheus scrapes of its first process."""
        return self.targets[0]

    @property
    def targets(self) -> list[str]:
        """What Prometheus scrapes."""
        return [f"{HOST}:{self.port + index}" for index in range(self.processes)]

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def write(self, *events: Mapping[str, Any], to: str = "events.jsonl") -> None:
        """Append events to a file of the inbox, at once."""
        lines = "".join(json.dumps(event) + "\n" for event in events)
        with (self.inbox / to).open("a") as file:
            file.write(lines)


def event(kind: str, conversation: str, at: float, **fields: Any) -> dict[str, Any]:
    """An event at an instant in seconds since the epoch; its id says what it is."""
    return {
        "id": f"{conversation}-{kind}-{at:.6f}",
        "at": datetime.fromtimestamp(at, UTC).isoformat(),
        "kind": kind,
        "conversation": conversation,
        **fields,
    }
