"""A minute of care for the boards: calm hours before, then everything that a panel can show."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from endtoend.service import Service, event

POLICY = """
version = "v1"
effective_from = 2000-01-01T00:00:00Z
active_cap = "1s"
[[rules]]
name = "all"
at_risk_ratio = 0.5
targets = { first_response = 12, next_response = 12, resolution = 3600 }
objective = { ratio = 0.9, window = "5m", min_outcomes = 1 }
"""

BUSY = {"brand": "acme", "channel": "chat", "queue": "tier1"}
VIRAL = {"brand": "acme", "channel": "x", "queue": "social"}
NEW = {"brand": "newcomer", "channel": "email", "queue": "mail"}
STORM = {"brand": "storm", "channel": "x", "queue": "social"}
SCOPES = [(one["brand"], one["channel"], one["queue"]) for one in (BUSY, VIRAL, NEW, STORM)]

CALM_SECONDS = 24 * 3600
EVERY = 30.0
BURST = 600
STORM_SECONDS = 420.0  # longer than a window, so that one of them is closed

Event = dict[str, Any]


def calm(until: float) -> list[Event]:
    """Hours of posts that are answered at once, so that what is usual is known; by time."""
    return sorted(_calm(until), key=lambda one: str(one["at"]))


def _calm(until: float) -> Iterator[Event]:
    """Every tenth answer is late, up to the end, so the latest closed window has both outcomes.

    In one queue a storm has come up, minutes ago.
    """
    count = int(CALM_SECONDS / EVERY)
    for number in range(BURST):
        at = until - STORM_SECONDS * (1 - number / BURST)
        yield event("post", f"storm-{number}", at, **STORM)
        yield event("closed", f"storm-{number}", at + 1, agent="ann")
    for scope in (BUSY, VIRAL, STORM):
        for number in range(count):
            at = until - CALM_SECONDS + EVERY * number
            name = f"calm-{scope['brand']}-{scope['channel']}-{number}"
            taken = 15.0 if number % 10 == 0 else 2.0
            mood = (number % 5 - 1) / 4
            yield event("post", name, at, sentiment=mood, **scope)
            yield event("assigned", name, at + 1, agent="ann")
            yield event("reply", name, at + taken, agent="ann")
            yield event("closed", name, at + taken + 1, agent="ann")


def minute(service: Service) -> None:
    """Write what happens, as it happens: half a minute."""

    def now(kind: str, conversation: str, **fields: Any) -> None:
        service.write(event(kind, conversation, time.time(), **fields))

    for agent, state in [("ann", "available"), ("bob", "busy"), ("cy", "away"), ("di", "offline")]:
        stated = event("agent_state", "none", time.time(), agent=agent, state=state)
        stated.pop("conversation")
        service.write({**stated, "id": f"state-{agent}"})
    time.sleep(2)

    now("post", "slow", sentiment=-0.5, customer="@slow", **BUSY)
    time.sleep(2)  # in target
    now("assigned", "slow", agent="ann")
    time.sleep(13)  # near its target, then past it
    now("reply", "slow", agent="ann")
    now("post", "quick", sentiment=0.5, **BUSY)
    time.sleep(1)
    now("assigned", "quick", agent="ann")
    now("reply", "quick", agent="ann")
    time.sleep(1)
    for name, survey, score, top in [("slow", "nps", 10, 10), ("quick", "csat", 5, 5),
                                     ("quick", "csat", 1, 5), ("quick", "nps", 2, 10)]:  # fmt: skip
        sent = {"survey": survey, "scale_max": top}
        service.write(
            event("survey_sent", name, time.time(), agent="ann", **sent),
            event("survey_answered", name, time.time() + 0.01, score=score, **sent),
        )
    now("post", "slow", sentiment=0.0, **BUSY)
    now("closed", "quick", agent="ann")
    now("post", "late", sentiment=0.1, **NEW)
    service.write(event("post", "long-ago", time.time() - 600, **BUSY))
    with (service.inbox / "events.jsonl").open("a") as file:
        file.write("this is no event\n")
    time.sleep(2)
    now("closed", "slow", agent="ann")

    burst = time.time()
    service.write(
        *(
            event("post", f"viral-{number}", burst + number / 1000, sentiment=-0.8, **VIRAL)
            for number in range(BURST)
        )
    )
    time.sleep(10)
