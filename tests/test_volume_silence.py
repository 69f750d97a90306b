"""The volume detector in silence: passed by the hour or by the window, and for how long."""

from __future__ import annotations

import msgspec
import pytest

from replywatch.metrics.episodes import Episode, Mood
from replywatch.metrics.tail import WEEK
from replywatch.metrics.times import DAY, HOUR, WINDOW
from replywatch.metrics.volume import Volume, new_volume

NOON = 20_000 * DAY + 12 * HOUR


def after(posts: int, left_out: list[tuple[int, int]]) -> Volume:
    """A detector of a scope that had so many posts in each window of an hour."""
    volume = new_volume()
    volume.adopt(2.0, left_out)
    for window in range(NOON - HOUR, NOON, WINDOW):
        volume.see(window, [posts], [])
    return volume


@pytest.mark.parametrize("known", [[], [(NOON, NOON + HOUR)]])
def test_hours_at_rest_come_to_the_same_as_their_windows(known: list[tuple[int, int]]) -> None:
    """Also where nothing was judged yet, since it fell into a crisis that is known no more."""
    told: list[Episode] = []
    at_once, one_by_one = after(5, known), after(5, known)
    for volume in (at_once, one_by_one):
        volume.pass_silence(NOON + HOUR, told)
        volume.adopt(2.0, [])
    at_once.pass_silence(NOON + 50 * HOUR, told)
    for until in range(NOON, NOON + 50 * HOUR + 1, WINDOW):
        one_by_one.pass_silence(until, told)
    assert msgspec.to_builtins(one_by_one) == msgspec.to_builtins(at_once)
    assert [] == told


def test_silence_in_a_known_crisis_teaches_nothing() -> None:
    """Three of ten hours are left out."""
    volume = after(5, [(NOON + 4 * HOUR, NOON + 7 * HOUR)])
    volume.pass_silence(NOON + 10 * HOUR, [])
    assert 1 + 10 - 3 == volume.season.known


def test_windows_without_a_sentiment_say_nothing_of_the_mood() -> None:
    """With posts and in silence."""
    volume = after(5, [])
    volume.pass_silence(NOON + 30 * WINDOW, [])
    assert Mood() == volume.mood


@pytest.mark.parametrize("left_out", [[], [(NOON + DAY, NOON + DAY + HOUR)]])
def test_a_scope_that_was_silent_for_eight_weeks_is_as_good_as_new(
    left_out: list[tuple[int, int]],
) -> None:
    """Counted from its last hour with a post on; its settings stay."""
    volume = after(5, left_out)
    volume.pass_silence(NOON + WEEK, [])
    volume.see(NOON + WEEK, [5], [])
    since = NOON + WEEK + HOUR
    volume.pass_silence(since + 8 * WEEK - WINDOW, [])
    assert 8 * 7 * 24 - 1 == volume.silent_hours
    assert 0 < volume.season.known
    volume.pass_silence(since + 8 * WEEK, [])
    fresh = new_volume()
    fresh.adopt(2.0, left_out)
    assert fresh == volume
