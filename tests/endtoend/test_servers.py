"""The harness itself: the live service, scraped by a real Prometheus."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from replays import policy_text

from endtoend.servers import Prometheus, wait_until
from endtoend.service import Service, event

SCOPE = ("acme", "chat", "tier1")


def test_prometheus_scrapes_the_service(prometheus_binary: str, tmp_path: Path) -> None:
    """What a customer does shows in a query within two intervals; a killed service as `up` 0."""
    service = Service(tmp_path, policy_text(2, 2), [SCOPE])
    with (
        service.start(),
        Prometheus(prometheus_binary, tmp_path, {"replywatch": [service.target]}, interval=1) as it,
    ):
        labels = dict(zip(("brand", "channel", "queue"), SCOPE, strict=True))
        service.write(event("post", "c1", time.time(), **labels))
        waiting = 'care_conversations_waiting{brand="acme", channel="chat", queue="tier1"} == 1'
        wait_until(lambda: it.query(waiting), 10, "one waits")
        service.kill()
        wait_until(lambda: it.query('up{job="replywatch"} == 0'), 10, "the service is down")
        with pytest.raises(ValueError, match="parse error"):
            it.query("sum(")
