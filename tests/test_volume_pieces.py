"""The parts of the volume detector: where exactly each of their bounds lies."""

from __future__ import annotations

from itertools import product
from math import exp, floor, log2, sqrt

import pytest

from replywatch.metrics.episodes import Episode, Mood, Records
from replywatch.metrics.ratios import is_warm, warm_since
from replywatch.metrics.season import hour_of
from replywatch.metrics.surge import Surge
from replywatch.metrics.tail import MERGE, RATIOS, Tail
from replywatch.metrics.times import DAY, HOUR, MINUTE, WINDOW
from replywatch.metrics.volume import Volume, new_volume

NOON = 20_000 * DAY + 12 * HOUR


def judged(posts: int, *, before: int = 1, expected: float = 5.0, bar: float = 2.0) -> Volume:
    """A detector of a scope that is known, at the end of eleven windows of `before` posts."""
    volume = new_volume()
    volume.see(NOON - WINDOW, [1], [])
    volume.forecast, volume.is_known = expected, True
    volume.posts, volume.expected = [0] + [before] * 11, [expected] * 12
    volume.burst.threshold, volume.steady.threshold = bar, 100.0
    return volume


def spike(started_at: int, hot_until: int, is_active: bool = False) -> Episode:
    """A spike with a peak of 100 posts."""
    return Episode("spike", started_at, started_at + 1, hot_until, 0, 100, is_active=is_active)


# -- ratios ---------------------------------------------------------------------------------------


def test_a_window_is_warm_from_twice_the_expected_on() -> None:
    """Three posts are added to both sides."""
    assert is_warm(7, 2)
    assert not is_warm(6, 2)
    assert not is_warm(12, 6)
    assert is_warm(15, 6)


@pytest.mark.parametrize("run", list(product([0, 50], repeat=7)))
def test_a_run_of_warm_windows_bridges_two_cooler_ones(run: tuple[int, ...]) -> None:
    """It begins with the earliest warm window from which no three in a row are cooler."""
    began = 0
    for back in range(len(run)):
        since = run[len(run) - 1 - back :]
        if since[0] and all(any(since[at : at + 3]) for at in range(len(since) - 2)):
            began = back
    assert began == warm_since(run, [1.0] * len(run))


def test_a_week_begins_on_monday() -> None:
    """1970-01-05 was one."""
    assert 0 == hour_of(4 * DAY) % 168
    assert 1 == hour_of(4 * DAY + HOUR) % 168


# -- bars -----------------------------------------------------------------------------------------


def test_an_alarm_is_raised_at_the_bar_with_ten_posts_in_an_hour() -> None:
    """Five posts in a minute that expects one are twice as many, exactly; both while the window
    runs and when it ends."""
    for before, minute, is_alarm in ((5, 5, True), (5, 4, False), (4, 5, False)):
        volume = judged(0, before=0)
        volume.posts[1] = before  # in the first window that is still within the hour
        told: list[Episode] = []
        assert is_alarm == volume.peek([minute]).is_spike
        assert is_alarm == volume.see(NOON, [minute, 0, 0, 0, 0], told).is_spike
        assert [NOON + MINUTE] * is_alarm == [episode.detected_at for episode in told]


def test_nothing_is_known_of_a_window_before_a_first_hour_has_ended() -> None:
    """Nor before a minute of it has begun, but for what is expected."""
    assert (None, None) == (new_volume().peek([9]).expected, new_volume().peek([9]).score)
    assert (5.0, 0.0) == (judged(0).peek([]).expected, judged(0).peek([]).score)


def test_a_level_is_reached_by_its_own_ratio() -> None:
    """And values three hours apart are one occasion, later ones two."""
    for apart, occasions in ((MERGE, 1), (MERGE + MINUTE, 2)):
        tail = Tail(4.0, 1.0, 4.0)
        tail.see(NOON, RATIOS[0])
        tail.see(NOON + apart, RATIOS[0])
        assert [True, False] == [weight > 0 for weight in tail.weight[:2]]
        assert occasions == pytest.approx(tail.weight[0], abs=0.01)


def test_a_budget_is_kept_by_the_level_that_just_uses_it_up() -> None:
    """With nothing seen that is the ratio presumed."""
    tail = Tail(4.0, 1.0, 9.0)
    tail.set_threshold(NOON)
    assert 4.0 == tail.threshold


def test_the_highest_level_stands_for_all_above() -> None:
    """However large the values, and however many."""
    tail = Tail(4.0, 1.0, 4.0)
    for number in range(40):
        tail.see(NOON + number * 4 * HOUR, 1e9)
    tail.set_threshold(NOON + 160 * HOUR)
    assert RATIOS[63] == tail.threshold
    weight = sum(exp(-(39 - number) * 4 * HOUR / (28 * DAY)) for number in range(40))
    assert [pytest.approx(weight)] * 64 == tail.weight


# -- episodes -------------------------------------------------------------------------------------


def test_an_episode_is_over_more_than_three_hours_after_its_end() -> None:
    """One that goes on never is."""
    ended, goes_on = spike(NOON, NOON + HOUR), spike(NOON, NOON + HOUR, is_active=True)
    assert not ended.is_over(NOON + HOUR + MERGE)
    assert ended.is_over(NOON + HOUR + MERGE + 1)
    assert not goes_on.is_over(NOON + DAY)


def test_an_episode_tells_its_end_and_ratios() -> None:
    """Where there is nothing to divide by, there is none."""
    episode = spike(NOON, NOON + HOUR, is_active=True)
    assert (None, None, None) == (episode.ended_at, episode.ratio, episode.negative_ratio)
    episode.is_active, episode.expected, episode.scored, episode.negative = False, 0.5, 8, 2
    found = episode.ended_at, episode.ratio, episode.negative_ratio
    assert (NOON + HOUR, 200.0, 0.25) == found


def test_an_episode_looks_back_to_the_peak_before_its_alarm() -> None:
    """The bar was passed in the third window; most came in the second."""
    volume = judged(0, before=4)
    volume.burst.threshold, volume.steady.threshold = 100.0, 5.0
    told: list[Episode] = []
    for number, posts in enumerate((90, 100, 80)):
        assert [] == told
        volume.forecast = 5.0 + number
        volume.see(NOON + number * WINDOW, [posts], told)
    (episode,) = told
    assert (NOON, NOON + 3 * WINDOW) == (episode.started_at, episode.detected_at)
    found = episode.peak_at, episode.peak_posts, episode.expected
    assert (NOON + WINDOW, 100, 6.0) == found


@pytest.mark.parametrize(
    ("since", "until", "is_kept"), [(0, 1, False), (-1, 0, True), (1, 2, True), (-1, 1, False)]
)
def test_windows_of_a_spike_are_no_record(since: int, until: int, is_kept: bool) -> None:
    """From its first window on until the end of the last; a record is kept when an hour is over."""
    volume = judged(0)
    at = NOON - HOUR
    volume.spike = spike(at + since * WINDOW, at + until * WINDOW)
    volume.posts[0] = 20
    volume.see(NOON, [0], [])
    assert [at] * is_kept == [last for last in volume.records.last if last >= 0]


def test_a_spike_goes_on_at_twice_the_expected() -> None:
    """By the two lowest of the last four windows: seven posts where two are expected."""
    for lowest, goes_on in ((3, True), (2, False)):
        volume = judged(0, expected=1.0, bar=50.0)
        volume.posts[-3:] = [lowest, 9, 9]
        volume.spike = spike(NOON - WINDOW, NOON, is_active=True)
        assert goes_on == volume.see(NOON, [4], []).is_spike


@pytest.mark.parametrize(("windows", "is_learned"), [(35, False), (36, True)])
def test_what_lasts_longer_than_three_hours_is_learned(windows: int, is_learned: bool) -> None:
    """The 36th hot window is left out, the next one is the new normal."""
    volume = judged(0)
    volume.spike = spike(NOON - DAY, NOON, is_active=True)
    volume.spike.windows = windows
    volume.see(NOON, [70], [])
    assert is_learned == (volume.season.posts == 70)


@pytest.mark.parametrize("posts", [1, 2, 3, 5, 100, 2**19, 627_000, 2**20 - 1, 2**20, 2**40])
def test_a_record_is_as_large_to_within_a_fifth(posts: int) -> None:
    """Four sizes a doubling; all from 2^19.75 on are one."""
    for other in (1, 2, 3, 4, 84, 85, 118, 2**19, 750_000, 2**20 - 1, 2**50):
        sizes = [min(floor(4 * log2(one)), 79) for one in (posts, other)]
        records = Records()
        records.see(0, 1)
        records.see(3 * DAY, other)
        is_as_large = sizes[1] >= sizes[0]
        expected = 1.0 if is_as_large else 4.0
        assert expected == records.days_since(4 * DAY, posts)


def test_nothing_is_a_record_of_its_own_window() -> None:
    """Where nothing came before, severity is nothing at all."""
    records = Records()
    assert 0.0 == records.days_since(NOON, 5)
    records.see(NOON, 5)
    assert 0.0 == records.days_since(NOON, 5)


@pytest.mark.parametrize("known", [(0.0, 0.0), (40.0, 4.0), (7.5, 6.0)])
def test_a_crisis_is_three_deviations_more_negative(known: tuple[float, float]) -> None:
    """A scope of which nothing is known has four posts, of which one is negative."""
    mood = Mood(*known)
    share = (known[1] + 1) / (known[0] + 4)
    for scored in (9, 10, 11, 12, 30):
        for negative in range(scored + 1):
            episode = Episode("spike", 0, 0, 0, scored=scored, negative=negative)
            bound = share + 3 * sqrt(share * (1 - share) * (1 / scored + 1 / (known[0] + 4)))
            assert (scored >= 10 and negative / scored >= bound) == mood.is_crisis(episode)


def test_a_mood_of_a_week_ago_weighs_half() -> None:
    """Each hour it fades, said or silent."""
    volume = new_volume()
    volume.see(NOON, [8], [], scored=8, negative=4)
    volume.pass_silence(NOON + 168 * HOUR, [])
    assert (4.0, 2.0) == pytest.approx((volume.mood.scored, volume.mood.negative))


def test_a_surge_begins_at_the_bar_and_ends_below_its_root() -> None:
    """A bar of 4: from 4 on, until less than 2."""
    surge = Surge(Tail(3.0, 1.0, 3.0))

    def follow(hour: int, ratio: float) -> bool:
        surge.follow(NOON + hour * HOUR, ratio, 4.0, [1] * 12, 1.0, Records())
        return surge.is_active

    assert [False, True, True, False] == [follow(*one) for one in enumerate((3.9, 4.0, 2.0, 1.9))]
