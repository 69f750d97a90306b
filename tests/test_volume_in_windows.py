"""What the table `windows` says of volume, against its definition worked out anew.

The definition (`volume_by_definition`) is told of the posts themselves, window by window; nothing
of the detector or of the tables is used to work out what a row should say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from math import pi, sin
from pathlib import Path
from random import Random
from typing import Any

import pytest
from replays import HOUR as ARRIVAL_HOUR
from replays import replay, write_lines
from test_volume_by_definition import is_same
from volume_by_definition import DAY, HOUR, MINUTE, WINDOW, Scope

from replywatch.flows.settings import Settings
from replywatch.metrics.volume_settings import KnownCrisis, VolumeSettings
from replywatch.sql.history import open_history

START = 20_500 * DAY + 9 * HOUR + 20 * MINUTE  # amid an hour, microseconds
WINDOWS = 80 * HOUR // WINDOW
NOTHING = [None, None, False]  # what is said of a window of which nothing is known
SECOND = MINUTE // 60
LATENESS = round(ARRIVAL_HOUR) * SECOND
CRISIS = START + 30 * HOUR, START + 38 * HOUR  # known to the second setting
Event = dict[str, Any]
Place = tuple[str, str, str]
Posts = Callable[[Random, float], float]
Moods = defaultdict[int, list[int]]


def by_day(rng: Random, hour: float) -> float:
    """Busy by day, with a burst on the third day and a surge after it."""
    mean = 4 + 3 * sin(hour / 24 * 2 * pi)
    return mean * (25 if 50 <= hour < 51 else 5 if hour >= 70 else 1)


def in_bursts(rng: Random, hour: float) -> float:
    """Little, and now and then a crowd."""
    return 30 if rng.random() < 0.01 or 31 <= hour < 33 else 0.5


def after_silence(rng: Random, hour: float) -> float:
    """A post at the beginning, nothing for two days, then a few, and a crowd at the end."""
    return 0.3 if hour < 1 else 0 if hour < 50 else 20 if 66 <= hour < 67 else 1


SCOPES: dict[Place, Posts] = {
    ("acme", "x", "social"): by_day,
    ("acme", "chat", "tier1"): in_bursts,
    ("globex", "x", "social"): after_silence,
}


def conversations(rng: Random) -> list[Event]:
    """Posts of every scope, each in a conversation of its own; every third is answered once."""
    events: list[Event] = []
    for place, mean in SCOPES.items():
        for number in range(WINDOWS):
            expected = mean(rng, number / 12)
            for _ in range(max(0, round(rng.gauss(expected, expected**0.5)))):
                at = START + number * WINDOW + rng.randrange(WINDOW // SECOND) * SECOND
                events += conversation(f"c{len(events)}", at, place, rng)
    return events


def conversation(name: str, at: int, place: Place, rng: Random) -> list[Event]:
    """A post and maybe its answer, which opens windows of its own."""
    told = {"conversation": name, **dict(zip(("brand", "channel", "queue"), place, strict=True))}
    post = {"id": name, "kind": "post", "time": at, **told}
    if rng.random() < 0.5:
        post["sentiment"] = rng.choice((-0.5, -0.1, 0.0, 0.4))
    if rng.random() < 0.67:
        return [post]
    answered_at = at + rng.randrange(1, 400) * MINUTE
    return [post, {"id": f"{name}r", "kind": "reply", "agent": "ann", "time": answered_at, **told}]


def in_arrival(events: list[Event], rng: Random) -> list[Event]:
    """As they come: most within the lateness, some hours after it."""

    def arrival(event: Event) -> float:
        is_late = event["kind"] == "post" and rng.random() < 0.03
        delay = rng.uniform(2, 9) * HOUR if is_late else rng.uniform(0, 0.9) * LATENESS
        return float(event["time"] + delay)

    return sorted(events, key=arrival)


def heard_in_time(events: list[Event]) -> dict[Place, tuple[Moods, set[int]]]:
    """By scope, of what came in time: of each window its posts by minute, those scored and those
    negative; and the windows in which a post or a reply came."""
    heard: dict[Place, tuple[Moods, set[int]]] = {
        place: (defaultdict(lambda: [0] * 7), set()) for place in SCOPES
    }
    latest = 0
    for event in events:
        at = event["time"]
        latest = max(latest, at)
        if at < latest - LATENESS:
            continue
        window = at - at % WINDOW
        in_time, lively = heard[event["brand"], event["channel"], event["queue"]]
        lively.add(window)
        if event["kind"] != "post":
            continue
        in_time[window][at % WINDOW // MINUTE] += 1
        if (sentiment := event.get("sentiment")) is not None:
            in_time[window][5] += 1
            in_time[window][6] += sentiment < 0
    return heard


def judged(in_time: Moods, budget: float, crises: list[tuple[int, int]]) -> dict[int, list[Any]]:
    """Of each window from the first post on: posts expected, score, whether a spike goes on."""
    scope = Scope(budget, crises)
    verdicts = {}
    for at in range(min(in_time), START + (WINDOWS + 84) * WINDOW, WINDOW):
        *minutes, scored, negative = in_time[at]
        expected, score, kinds = scope.see(at, minutes, scored, negative)
        verdicts[at] = [expected, score, bool({"spike", "crisis"} & kinds)]
    return verdicts


def line_of(event: Event) -> Event:
    """The event as it stands in a file."""
    at = datetime.fromtimestamp(event["time"] / 1e6, UTC).isoformat()
    return {"at": at, **{name: value for name, value in event.items() if name != "time"}}


SETTINGS = [
    VolumeSettings(),
    VolumeSettings(
        alarms_a_week=3.0,
        crises=(
            KnownCrisis(
                since=datetime.fromtimestamp(CRISIS[0] / 1e6, UTC),
                until=datetime.fromtimestamp(CRISIS[1] / 1e6, UTC),
                brand=("acme",),
            ),
        ),
    ),
]


@pytest.mark.parametrize("volume", SETTINGS, ids=["default", "known crisis"])
def test_a_replay_writes_of_each_window_what_the_definition_says(
    volume: VolumeSettings, tmp_path: Path
) -> None:
    """Three scopes at once, out of order and with late posts: expected, score, spike, row by row.

    Windows without a post are judged, too, by what else happened in them. Only one that has a row
    for what came late alone may say nothing.
    """
    rng = Random(SETTINGS.index(volume))
    events = in_arrival(conversations(rng), rng)
    inputs = write_lines(tmp_path / "events.jsonl", map(line_of, events))
    out = replay(tmp_path / "out", inputs, settings=Settings(volume=volume))
    with open_history(out) as con:
        rows = con.execute("""
            select (brand, channel, queue), epoch_us(window_start), posts_expected, spike_score,
                is_spike, revision
            from windows
        """).fetchall()
    silent = spikes = 0
    for place, (in_time, lively) in heard_in_time(events).items():
        crises = [CRISIS] if volume.crises and place[0] == "acme" else []
        expected = judged(in_time, volume.alarms_a_week, crises)
        found = {at: said for scope, at, *said, _ in rows if scope == place}
        assert lively <= {*found}
        for at, said in found.items():
            wanted = expected.get(at, NOTHING)
            assert is_same(wanted, said) or (at not in lively and said == NOTHING), (place, at)
            silent += at in lively and not any(in_time[at]) and said != NOTHING
        spikes += sum(said[2] for said in found.values())
    assert min(silent, spikes) > 20
    assert any(revision > 1 for *_, revision in rows)
