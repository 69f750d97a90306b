"""The volume detector against its definition worked out anew for every window."""

from __future__ import annotations

from collections.abc import Callable
from math import isclose, sin
from random import Random
from typing import Any

import pytest
from volume_by_definition import DAY, HOUR, WINDOW, Scope

from replywatch.metrics.episodes import Episode
from replywatch.metrics.volume import new_volume

A_DAY = DAY // WINDOW
START = 20_000 * DAY + 7 * HOUR + 4 * WINDOW  # amid an hour
Window = tuple[list[int], int, int]
Series = Callable[[Random, int], Window]


def is_same(expected: Any, actual: Any) -> bool:
    """Whether numbers differ in their last digits only, and all else not at all."""
    if isinstance(expected, list | tuple):
        return len(expected) == len(actual) and all(map(is_same, expected, actual))
    return expected == actual or (
        isinstance(expected, float) and isclose(expected, actual or 0.0, rel_tol=1e-9)
    )


def row(episode: Episode) -> list[Any]:
    """What the definition says of an episode, as the detector has it."""
    counted = episode.windows, episode.scored, episode.negative, episode.revision
    at = episode.started_at, episode.detected_at, episode.hot_until, episode.peak_at
    peak = episode.peak_posts, episode.expected, episode.severity
    return [episode.kind, *at, *peak, episode.is_active, *counted]


def true_row(one: dict[str, Any]) -> list[Any]:
    """The same of the definition."""
    posts, at, expected = one["peak"]
    counted = one["windows"], one["scored"], one["negative"], one["revision"]
    instants = one["start"], one["known"], one["end"], at
    return [one["kind"], *instants, posts, expected, one["severity"], one["is_on"], *counted]


def split(rng: Random, mean: float, bins: int = 5, negative: float = 0.2) -> Window:
    """About so many posts, each with its minute, half of them with a sentiment."""
    posts = max(0, round(rng.gauss(mean, mean**0.5)))
    counts = [0] * bins
    for _ in range(posts):
        counts[rng.randrange(bins)] += 1
    scored = posts // 2
    return counts, scored, sum(rng.random() < negative for _ in range(scored))


def working_days(rng: Random, number: int) -> Window:
    """Busy by day, with a burst of a minute, a bad hour, a campaign of nine hours, a new normal."""
    hour = number / 12
    mean = 6 + 5 * sin(hour / 24 * 6.283)
    day, of_day = divmod(hour, 24)
    if day == 3 and 9 <= of_day < 10:
        return split(rng, mean * 12, negative=0.9)
    if day in (5, 8) and 4 <= of_day < 13:
        mean *= 4
    if day >= 10:
        mean *= 6
    counts, scored, negative = split(rng, mean)
    if day == 4 and number % 288 in (130, 150, 200):
        counts[number % 5] += 150
    return counts, scored, negative


def quiet_weeks(rng: Random, number: int) -> Window:
    """A post now and then, days of silence, and some dozen at once."""
    if number % 1500 in (900, 901, 940):
        return split(rng, 25, negative=0.5)
    return split(rng, 0.6, bins=1) if number % 700 < 300 else ([0], 0, 0)


def late_comer(rng: Random, number: int) -> Window:
    """One post, days of silence, and then a crowd."""
    return split(rng, 30) if number > 700 else ([int(number == 3)], 0, 0)


def storms(rng: Random, number: int) -> Window:
    """Every few hours there is far more than usual: no budget is enough."""
    return split(rng, 60 if number % 67 < 4 else 2, negative=0.5 if number % 134 < 67 else 0.1)


@pytest.mark.parametrize(
    ("series", "days", "budget", "crisis"),
    [
        (working_days, 13, 1.0, None),
        (quiet_weeks, 16, 1.0, None),
        (quiet_weeks, 6, 0.5, (START + 30 * HOUR, START + 50 * HOUR)),
        (late_comer, 3, 1.0, None),
        (storms, 4, 3.0, (START + DAY, START + DAY + 7 * HOUR)),
    ],
)
def test_every_window_is_judged_as_defined(
    series: Series, days: int, budget: float, crisis: tuple[int, int] | None
) -> None:
    """What is expected, the score, which episodes go on, and what is told of each."""
    rng, crises, posts_so_far = Random(5), [crisis] if crisis else [], 0
    scope, volume = Scope(budget, crises), new_volume() if crises else new_volume(budget)
    if crises:
        volume.adopt(budget, crises)
    episodes: list[Episode] = []
    for number in range(days * A_DAY):
        at = START + number * WINDOW
        bins, scored, negative = series(rng, number)
        posts_so_far += sum(bins)
        if not posts_so_far:
            continue  # nothing is known of a scope before its first post
        running = scope.running(bins[:2])
        expected, score, kinds = scope.see(at, bins, scored, negative)
        if not any(bins):
            continue  # the detector hears of silence when the next post comes
        if number % 2:
            volume.pass_silence(at, episodes)
            peeked = volume.peek(bins[:2])
            assert is_same(running, (peeked.expected, peeked.score, peeked.is_spike))
        verdict = volume.see(at, bins, episodes, scored, negative)
        assert bool(scope.kinds()) == volume.is_active
        flags = [bool({"spike", "crisis"} & kinds), "surge" in kinds, "crisis" in kinds]
        found = [verdict.is_spike, verdict.is_surge, verdict.is_crisis]
        assert is_same([expected, score, *flags], [verdict.expected, verdict.score, *found])
        assert is_same(list(map(true_row, scope.told)), list(map(row, episodes)))
        scope.told.clear()
        episodes.clear()
