"""The yardstick: first response and posts a 5-minute window, as Bytewax's documentation teaches it.

One event an item, `json` from the standard library, one engine key a conversation, and the
engine's own event-time windows a scope. Nothing is left out to make it slow, and where the
documentation offers a choice the faster one is taken: messages alone are kept and parsed further,
and `count_window` does not sort, as `fold_window` would by default. It writes no file, has no
recovery, no late events, no SLA and no metrics endpoint.

    python tests/benchmarks/idiomatic.py events.jsonl
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import bytewax.operators as op
from bytewax.connectors.files import FileSource
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower, count_window
from bytewax.run import cli_main
from bytewax.testing import TestingSink

Event = dict[str, Any]

WINDOW = timedelta(minutes=5)
ALIGN_TO = datetime(2020, 1, 1, tzinfo=UTC)
LATENESS_HOURS = 6.0


Memory = tuple[str, datetime | None, bool]
"""What is known of a conversation: scope, first post if unanswered, whether a person has replied.

A plain tuple, since the engine deep-copies the state of each key, which is slow for classes.
"""


class Message(NamedTuple):
    """A post or reply with its scope, and the seconds it answered if it is a first response."""

    scope: str
    at: datetime
    is_post: bool
    first_response_seconds: float | None


def is_message(event: Event) -> bool:
    """Whether an event is a post or a reply: no other kind bears on either answer."""
    return event["kind"] in ("post", "reply")


def parse_at(event: Event) -> Event:
    """The event with `at` as an aware datetime."""
    event["at"] = datetime.fromisoformat(event["at"])
    return event


def follow(memory: Memory | None, event: Event) -> tuple[Memory, Message]:
    """One step of a conversation: remember its scope and time the first reply by a person."""
    scope, first_post_at, is_answered = memory or ("default|default|default", None, False)
    if "brand" in event or "channel" in event or "queue" in event:
        names = zip(("brand", "channel", "queue"), scope.split("|"), strict=True)
        scope = "|".join(event.get(field, known) for field, known in names)
    at = event["at"]
    is_post = event["kind"] == "post"
    seconds = None
    if is_post:
        if first_post_at is None and not is_answered:
            first_post_at = at
    elif first_post_at is not None and "agent" in event:
        seconds = (at - first_post_at).total_seconds()
        first_post_at, is_answered = None, True
    return (scope, first_post_at, is_answered), Message(scope, at, is_post, seconds)


def build(
    path: Path,
    lateness: timedelta,
    responses: list[float],
    windows: list[tuple[str, tuple[int, int]]],
    late: list[Any],
) -> Dataflow:
    """The dataflow over `path`; its three results are appended to the lists.

    `stateful_map` hands a batch of lines on in the order of its keys, not in time, so `lateness`
    has to cover the event time that one batch of the source spans.
    """
    flow = Dataflow("idiomatic")
    lines = op.input("lines", flow, FileSource(path))
    events = op.map("decode", lines, json.loads)
    messages = op.filter("messages", events, is_message)
    timed = op.map("parse_at", messages, parse_at)
    conversations = op.key_on("by_conversation", timed, lambda event: event["conversation"])
    followed = op.map(
        "drop_key", op.stateful_map("follow", conversations, follow), lambda kv: kv[1]
    )

    answered = op.filter_map("answered", followed, lambda message: message.first_response_seconds)
    op.output("responses", answered, TestingSink(responses))

    posts = op.filter("posts", followed, lambda message: message.is_post)
    clock: EventClock[Message] = EventClock(
        ts_getter=lambda message: message.at, wait_for_system_duration=lateness
    )
    windower = TumblingWindower(length=WINDOW, align_to=ALIGN_TO)
    counted = count_window("windows", posts, clock, windower, key=lambda message: message.scope)
    op.output("counts", counted.down, TestingSink(windows))
    op.output("late", counted.late, TestingSink(late))
    return flow


def recompute(path: Path) -> tuple[int, float, int, int]:
    """First responses, their median, windows and posts of `path` in a plain loop, as a check."""
    memories: dict[str, Memory] = {}
    windows: set[tuple[str, timedelta]] = set()
    responses: list[float] = []
    posts = 0
    with path.open(encoding="utf-8") as lines:
        for event in filter(is_message, map(json.loads, lines)):
            name = event["conversation"]
            memories[name], message = follow(memories.get(name), parse_at(event))
            if message.is_post:
                posts += 1
                since = message.at - ALIGN_TO
                windows.add((message.scope, since - since % WINDOW))
            if message.first_response_seconds is not None:
                responses.append(message.first_response_seconds)
    return len(responses), median(responses), len(windows), posts


def main(path: Path, lateness_hours: float = LATENESS_HOURS, is_checked: bool = False) -> None:
    """Run over `path` and print one JSON object; a wrong answer ends in an `AssertionError`."""
    responses: list[float] = []
    windows: list[tuple[str, tuple[int, int]]] = []
    late: list[Any] = []
    flow = build(path, timedelta(hours=lateness_hours), responses, windows, late)
    started = time.perf_counter()
    cli_main(flow)
    seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)

    assert not late, f"{len(late)} posts were late: raise --lateness-hours above {lateness_hours}"
    posts = sum(count for _, (_, count) in windows)
    answers = (len(responses), median(responses), len(windows), posts)
    if is_checked:
        expected = recompute(path)
        assert expected == answers, f"expected {expected}, got {answers}"
    with path.open("rb") as file:
        events = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    result = {
        "events": events,
        "seconds": round(seconds, 3),
        "events_per_second": round(events / seconds),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "peak_rss_mb": round(usage.ru_maxrss / 1024, 1),
        "first_responses": answers[0],
        "median_first_response_seconds": answers[1],
        "windows": answers[2],
        "posts": answers[3],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Bytewax as its documentation teaches it.")
    parser.add_argument("path", type=Path, help="events as JSON lines, in order of time")
    parser.add_argument("--lateness-hours", type=float, default=LATENESS_HOURS)
    parser.add_argument("--check", action="store_true", help="compare with a plain loop as well")
    arguments = parser.parse_args()
    main(arguments.path, arguments.lateness_hours, arguments.check)
