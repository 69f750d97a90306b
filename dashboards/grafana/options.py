"""What of the boards depends on where they are used: the addresses they link to."""

from __future__ import annotations

from dataclasses import dataclass

FOLDER_UID = "replywatch"
FOLDER_TITLE = "Replywatch"
DATA_SOURCE_UID = "replywatch-prometheus"
DATA_SOURCE_NAME = "Replywatch Prometheus"
PLAYLIST = "Replywatch wall"
TAG = "replywatch"


@dataclass(frozen=True)
class Options:
    """Addresses that boards link to.

    `runbooks_url` is the folder with the runbooks, without a slash at the end; a path is one on
    Grafana itself. `conversation_url` opens the care platform and may hold `{brand}`, `{channel}`,
    `{queue}` and `{conversation}`; without it no board links there.
    """

    runbooks_url: str = "/public/runbooks"
    conversation_url: str | None = None

    def runbook(self, alert: str) -> str:
        """The address of the runbook of an alert."""
        return f"{self.runbooks_url.rstrip('/')}/{alert}.md"
