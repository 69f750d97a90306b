"""The volume detector: what it expects, what raises an alarm, and what an episode says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import msgspec
import pytest

from replywatch.metrics.episodes import Episode
from replywatch.metrics.tail import Tail
from replywatch.metrics.times import DAY, HOUR, MINUTE, WINDOW
from replywatch.metrics.volume import Verdict, Volume, new_volume

START = 4 * DAY + 52 * 7 * DAY  # a Monday, 00:00 UTC
WEEK = 7 * DAY
A_DAY = DAY // WINDOW

Pattern = Callable[[int], int]


def poisson(rng: Random, mean: float) -> int:
    """A draw: arrivals of a unit process in `mean`."""
    count, at = 0, rng.expovariate(1.0)
    while at < mean:
        count += 1
        at += rng.expovariate(1.0)
    return count


def steady_posts(posts: int) -> Pattern:
    """The same in every window."""
    return lambda window: posts


def office_hours(window: int) -> int:
    """20 posts a window from 8 to 18 on Monday to Friday, else none."""
    hour, day = window // HOUR % 24, (window - START) // DAY % 7
    return 20 if 8 <= hour < 18 and day < 5 else 0


def feed(volume: Volume, start: int, counts: Iterable[int]) -> tuple[list[Episode], list[Verdict]]:
    """Windows from `start` on, each in five minutes that are alike; what was told and judged."""
    told: list[Episode] = []
    verdicts = []
    for index, posts in enumerate(counts):
        minutes = [posts // 5 + (minute < posts % 5) for minute in range(5)]
        verdicts.append(volume.see(start + index * WINDOW, minutes, told))
    return told, verdicts


def taught(pattern: Pattern, length: int, start: int = START) -> Volume:
    """A detector that has seen `pattern` for so long, and raised no alarm."""
    volume = new_volume()
    told, _ = feed(volume, start, (pattern(at) for at in range(start, start + length, WINDOW)))
    assert [] == told
    return volume


def latest(told: list[Episode]) -> Episode:
    """How the last episode stands."""
    return told[-1]


# -- what is expected -----------------------------------------------------------------------------


def test_a_scope_is_known_from_its_first_post_on() -> None:
    """Windows in which it was only written to are no silence: they teach nothing."""
    _, heard_of = feed(new_volume(), START, [*[0] * 30, *[10] * 13])
    _, posted = feed(new_volume(), START + 30 * WINDOW, [10] * 13)
    assert [*[Verdict()] * 30, *posted] == heard_of


def test_nothing_is_expected_before_an_hour_is_known() -> None:
    """In a scope's first hour there is neither an expectation nor an alarm, whatever comes."""
    told, verdicts = feed(new_volume(), START, [10, 5000, *[10] * 10])
    assert ([], [Verdict()] * 12) == (told, verdicts)


def test_after_an_hour_its_mean_is_expected() -> None:
    """The second hour is expected to be like the first."""
    volume = taught(steady_posts(10), HOUR)
    assert volume.peek([]).expected == pytest.approx(10)


def test_after_a_day_each_hour_of_the_day_is_known() -> None:
    """Nothing is expected in the second night, and about the usual in the morning after it."""
    volume = new_volume()
    days = range(START, START + 2 * DAY + 11 * HOUR, WINDOW)
    _, verdicts = feed(volume, START, map(office_hours, days))
    night, noon = verdicts[2 * A_DAY + 3 * 12], verdicts[2 * A_DAY + 10 * 12]
    assert night.expected == pytest.approx(0, abs=5)
    assert noon.expected == pytest.approx(20, rel=0.5)


def test_after_weeks_each_hour_of_the_week_is_known() -> None:
    """Saturday noon isn't Friday noon."""
    volume = new_volume()
    _, verdicts = feed(
        volume, START, (office_hours(at) for at in range(START, START + 6 * WEEK, WINDOW))
    )
    friday, saturday = (verdicts[(35 + day) * A_DAY + 12 * 12] for day in (4, 5))
    assert friday.expected == pytest.approx(20, rel=0.05)
    assert saturday.expected == pytest.approx(0, abs=2)


def test_silence_is_learned() -> None:
    """A scope that falls silent is expected to be: at once by half, and wholly in some weeks."""
    volume, found = taught(steady_posts(20), 2 * WEEK), []
    for silence in (2 * DAY, 2 * WEEK, 6 * WEEK):
        volume.pass_silence(START + 2 * WEEK + silence, [])
        found.append(volume.peek([]).expected)
    assert found[0] == pytest.approx(10, rel=0.1)
    assert found[1] == pytest.approx(5, rel=0.3)
    assert found[2] == pytest.approx(0, abs=2)


def test_a_scope_silent_for_two_months_is_a_new_one() -> None:
    """Nothing is known of it, so what comes raises no alarm."""
    volume = taught(steady_posts(20), WEEK)
    volume.pass_silence(START + 11 * WEEK, [])
    assert new_volume() == volume


def test_a_spike_is_not_learned() -> None:
    """What is expected an hour after a spike is what was expected before it."""
    volume = taught(steady_posts(20), WEEK)
    before = volume.peek([]).expected
    feed(volume, START + WEEK, [2000] * 6 + [20] * 30)
    assert volume.peek([]).expected == pytest.approx(before, rel=0.02)


def test_a_known_crisis_is_judged_and_not_learned() -> None:
    """A day that the configuration names moves nothing; without that it would."""
    day = START + 2 * WEEK
    left_out, learned = (taught(steady_posts(20), 2 * WEEK) for _ in range(2))
    left_out.adopt(1.0, [(day, day + DAY)])
    for volume in (left_out, learned):
        told, _ = feed(volume, day, [90] * A_DAY)
        assert {"spike"} <= {episode.kind for episode in told}
    assert left_out.peek([]).expected == pytest.approx(20, rel=0.02)
    assert learned.season.usual(0) != pytest.approx(20, rel=0.05)


def test_a_window_that_was_told_is_not_learned_twice() -> None:
    """A second telling of an old window changes nothing."""
    volume = taught(steady_posts(20), DAY)
    before = msgspec.msgpack.encode(volume)
    assert Verdict() == volume.see(START + HOUR, [9999], [])
    assert before == msgspec.msgpack.encode(volume)


# -- alarms ---------------------------------------------------------------------------------------


def test_a_hundredfold_burst_shows_within_a_minute() -> None:
    """One minute is enough, both while the window runs and when it is over."""
    volume = taught(steady_posts(10), WEEK)
    assert (False, True) == (volume.peek([2]).is_spike, volume.peek([200]).is_spike)
    told: list[Episode] = []
    assert volume.see(START + WEEK, [2, 2, 200, 200, 200], told).is_spike
    expected = (START + WEEK + 2 * MINUTE, START + WEEK + 3 * MINUTE)
    assert expected == (told[0].started_at, told[0].detected_at)


def test_windows_do_where_no_minutes_are_known() -> None:
    """A scope of 5-minute counts is judged as well."""
    volume, told = new_volume(), list[Episode]()
    for at in range(START, START + WEEK, WINDOW):
        volume.see(at, [10], told)
    assert not told
    assert volume.see(START + WEEK, [1000], told).is_spike


def test_a_lone_outlier_is_no_alarm_and_a_shift_is() -> None:
    """Five times as much in one window is chance; for twenty minutes it is a spike."""
    volume = taught(steady_posts(20), 3 * WEEK)
    told, _ = feed(volume, START + 3 * WEEK, [100, 20, 20, 20])
    assert [] == told
    told, _ = feed(volume, START + 3 * WEEK + HOUR, [100] * 4)
    assert "spike" == latest(told).kind
    assert START + 3 * WEEK + HOUR == latest(told).started_at
    assert latest(told).detected_at <= START + 3 * WEEK + HOUR + 20 * MINUTE


@pytest.mark.parametrize(("count", "is_alarm"), [(9, False), (12, True)])
def test_a_few_posts_are_never_an_alarm(count: int, is_alarm: bool) -> None:
    """Nine posts in an hour are under the minimum, however few are expected; twelve are not."""
    volume = taught(lambda at: int(at % DAY == 0), 4 * WEEK)
    told, _ = feed(volume, START + 4 * WEEK + HOUR, [1] * count)
    assert is_alarm == bool(told)


def test_hours_above_the_usual_are_a_surge() -> None:
    """Three times the usual for some hours is a surge, and its end is told too."""
    volume = taught(steady_posts(20), 3 * WEEK)
    told, verdicts = feed(volume, START + 3 * WEEK, [60] * 72 + [20] * 144)
    surges = [episode for episode in told if episode.kind == "surge"]
    assert (1, True) == (surges[0].revision, surges[0].is_active)
    assert surges[-1].ended_at is not None
    assert any(verdict.is_surge for verdict in verdicts)
    assert not verdicts[-1].is_surge


def test_a_lasting_shift_becomes_the_new_normal() -> None:
    """Five times as much for good is a spike and a surge, and is expected two weeks later."""
    volume = taught(steady_posts(20), 3 * WEEK)
    told, verdicts = feed(volume, START + 3 * WEEK, [100] * (2 * 7 * A_DAY))
    assert ["spike", "surge"] == [episode.kind for episode in told if episode.revision == 1]
    assert verdicts[-1].expected == pytest.approx(100, rel=0.1)
    assert not (verdicts[-1].is_spike)
    assert not (verdicts[-1].is_surge)


# -- episodes -------------------------------------------------------------------------------------


def test_an_episode_says_what_its_peak_was_against_what_was_expected() -> None:
    """The peak is the fullest window; the ratio is over what was expected in it."""
    volume = taught(steady_posts(10), WEEK)
    told, _ = feed(volume, START + WEEK, [500, 800, 300, 10, 10, 10, 10, 10])
    spike = latest(told)
    assert (START + WEEK + WINDOW, 800) == (spike.peak_at, spike.peak_posts)
    assert spike.expected == pytest.approx(10, rel=0.05)
    assert spike.ratio == pytest.approx(80, rel=0.05)
    assert spike.ended_at == START + WEEK + 4 * WINDOW
    assert list(range(1, len(told) + 1)) == [episode.revision for episode in told]


def test_severity_counts_days_since_as_many_posts_came() -> None:
    """A spike as large as one three days ago has severity 3; a larger one the days known."""
    volume = taught(steady_posts(10), WEEK)
    first, _ = feed(volume, START + WEEK, [800, *[10] * (3 * A_DAY - 1)])
    again, _ = feed(volume, START + WEEK + 3 * DAY, [800, *[10] * (2 * A_DAY - 1)])
    larger, _ = feed(volume, START + WEEK + 5 * DAY, [1600])
    severities = [first[0].severity, again[0].severity, larger[0].severity]
    assert [7, 3, 12] == pytest.approx(severities, abs=0.01)


def test_a_burst_within_three_hours_goes_on_with_the_episode() -> None:
    """Two hours later it is the same one, four hours later another."""
    for hours, episodes in ((2, 1), (4, 2)):
        volume = taught(steady_posts(10), WEEK)
        pause = hours * 12 - 1
        told, _ = feed(volume, START + WEEK, [1000, *[10] * pause, 1000])
        assert episodes == len({episode.started_at for episode in told})
        assert told[-1].is_active


def test_a_spike_goes_on_below_what_began_it() -> None:
    """Three times the expected would begin none, and doesn't end one."""
    volume = taught(steady_posts(20), WEEK)
    assert not volume.peek([12] * 5).is_spike
    _, verdicts = feed(volume, START + WEEK, [2000, *[60] * 3, *[20] * 6])
    assert [*[True] * 4, *[False] * 2] == [
        *[verdict.is_spike for verdict in verdicts[:4]],
        *[verdict.is_spike for verdict in verdicts[-2:]],
    ]


@pytest.mark.parametrize(
    ("usual_negative", "negative", "kind"),
    [(1, 150, "crisis"), (1, 15, "spike"), (8, 150, "spike")],
)
def test_a_crisis_is_a_spike_more_negative_than_the_scope(
    usual_negative: int, negative: int, kind: str
) -> None:
    """75 % negative is a crisis where 10 % is usual, and not where 80 % is."""
    volume, told = new_volume(), list[Episode]()
    for at in range(START, START + WEEK, WINDOW):
        volume.see(at, [2] * 5, told, scored=10, negative=usual_negative)
    assert not told
    verdict = volume.see(START + WEEK, [200] * 5, told, scored=200, negative=negative)
    assert (kind, kind == "crisis") == (told[0].kind, verdict.is_crisis)
    assert negative / 200 == told[0].negative_ratio


# -- the budget -----------------------------------------------------------------------------------


def alarms(told: list[Episode]) -> list[int]:
    """When each episode began."""
    return [episode.started_at for episode in told if episode.revision == 1]


@pytest.mark.parametrize("mean", [0.05, 0.5, 3, 20])
def test_chance_raises_no_alarm(mean: float) -> None:
    """Twelve weeks of Poisson noise stay under the budget by far, at any rate."""
    rng = Random(f"noise {mean}")
    counts = (poisson(rng, mean) for _ in range(12 * 7 * A_DAY))
    told, _ = feed(new_volume(), START, counts)
    assert len(alarms(told)) <= 1


def test_a_wild_scope_keeps_its_budget() -> None:
    """Where volume leaps by 3 to 40 twice a day for half an hour, alarms are about one a week."""
    rng = Random(1)
    counts: list[int] = []
    while len(counts) < 12 * 7 * A_DAY:
        counts += [poisson(rng, 5) for _ in range(rng.randrange(60, 228))]
        times = 3 * 40 ** (rng.random() ** 3 * 0.7)
        counts += [poisson(rng, 5 * times) for _ in range(6)]
    told, _ = feed(new_volume(), START, counts)
    later = [at for at in alarms(told) if at >= START + 4 * WEEK]
    assert 1 <= len(later) <= 12
    assert len(alarms(told)) <= 18


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_a_cold_start_is_no_storm(hour: int) -> None:
    """Whenever a scope with opening hours begins, its first week raises one alarm at most."""
    rng = Random(hour)
    start = START + hour * HOUR
    counts = (poisson(rng, office_hours(at)) for at in range(start, start + WEEK, WINDOW))
    told, _ = feed(new_volume(), start, counts)
    assert len(alarms(told)) <= 1


@pytest.mark.parametrize(
    ("known", "times", "is_found"),
    [(HOUR, 10, False), (HOUR, 150, True), (DAY, 10, True), (WEEK, 10, True), (WEEK, 3, False)],
)
def test_what_is_found_when(known: int, times: int, is_found: bool) -> None:
    """After an hour only what is far out, after a day ten times the usual for half an hour."""
    volume = taught(steady_posts(20), known)
    told, _ = feed(volume, START + known, [20 * times] * 6)
    assert is_found == bool(told)


def test_a_larger_budget_alarms_more_often() -> None:
    """Ten alarms a week are raised by what one a week isn't raised by."""
    raised = []
    for budget in (1.0, 10.0):
        rng, volume, told = Random(7), new_volume(budget), list[Episode]()
        for index in range(8 * 7 * A_DAY):
            times = 6 if index % 400 > 393 else 1
            volume.see(START + index * WINDOW, [poisson(rng, 10 * times)], told)
        raised.append(len(alarms(told)))
    assert raised[0] < 10 < raised[1]


def test_an_overspent_budget_raises_the_bar() -> None:
    """After six alarms in a week the same burst is further from the next one."""
    scores = []
    for spent in (0, 6):
        volume = taught(steady_posts(20), WEEK)
        for _ in range(spent):
            volume.spent.add(START + WEEK)
        feed(volume, START + WEEK, [20] * A_DAY)
        scores.append(volume.peek([50]).score or 0)
    assert scores[1] < 0.7 * scores[0]


def test_values_within_the_merging_time_are_one_occasion() -> None:
    """A ratio of 8 reached six times in an hour counts once, on six days six times."""
    thresholds = []
    for step in (10 * MINUTE, DAY):
        tail = Tail(5.0, 1.0, 5.0)
        tail.see(START, 1.0)
        for index in range(6):
            tail.see(START + WEEK + index * step, 8.0)
        tail.set_threshold(START + 2 * WEEK)
        thresholds.append(tail.threshold)
    assert thresholds[0] < 8 < thresholds[1]
