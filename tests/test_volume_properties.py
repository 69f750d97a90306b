"""Whatever comes, the volume detector depends on the windows alone, and stays small and sound."""

from __future__ import annotations

import pickle
from math import isfinite
from random import Random

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from replywatch.metrics.episodes import Episode
from replywatch.metrics.times import DAY, HOUR, WINDOW
from replywatch.metrics.volume import Verdict, Volume, new_volume

START = 8 * DAY
FAR = 2**40  # more posts than there are people

# Windows apart from the one before: mostly the next one, some after hours or weeks of silence.
gaps = st.one_of(st.just(1), st.just(1), st.integers(1, 40), st.integers(200, 4000))
bins = st.one_of(
    st.lists(st.integers(0, 6), min_size=5, max_size=5),
    st.lists(st.integers(0, 400), min_size=5, max_size=5),
    st.lists(st.integers(0, FAR), min_size=1, max_size=1),
)
moods = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda pair: (max(pair), min(pair)))
timelines = st.lists(st.tuples(gaps, bins, moods), max_size=60)
Timeline = list[tuple[int, list[int], tuple[int, int]]]


def play(
    volume: Volume, timeline: Timeline, window: int = START, step: int = 0
) -> tuple[Volume, list[Episode], list[Verdict], int]:
    """See a timeline; with a `step`, silence is passed in steps of so many microseconds."""
    told: list[Episode] = []
    verdicts = []
    for gap, counts, (scored, negative) in timeline:
        last, window = window, window + gap * WINDOW
        for until in range(last, window, step) if step else ():
            volume.pass_silence(until, told)
        verdicts.append(volume.see(window, counts, told, scored, negative))
    return volume, told, verdicts, window


@given(timelines, st.sampled_from([WINDOW // 3, WINDOW, 7 * WINDOW, HOUR, 5 * HOUR]))
@example([(1, [0], (0, 0)), (23, [0], (0, 0))], WINDOW)  # silence from the very first window on
@settings(deadline=None, max_examples=200)
def test_silence_may_be_passed_in_any_steps(timeline: Timeline, step: int) -> None:
    """Live, a clock tells of silence bit by bit; in a replay the next post does, all at once."""
    assert play(new_volume(), timeline) == play(new_volume(), timeline, step=step)


@given(timelines, timelines)
@settings(deadline=None)
def test_a_snapshot_goes_on_as_if_nothing_had_happened(before: Timeline, after: Timeline) -> None:
    """Bytes of the desk's snapshot, and a pickle, continue to the same state, rows and verdicts."""
    volume, _, _, window = play(new_volume(), before)
    data = msgspec.msgpack.encode(volume)
    restored = msgspec.msgpack.decode(data, type=Volume)
    pickled = pickle.loads(pickle.dumps(volume))
    expected = play(volume, after, window)
    assert expected == play(restored, after, window)
    assert expected == play(pickled, after, window)


@given(timelines)
@settings(deadline=None)
def test_all_that_is_said_is_sound(timeline: Timeline) -> None:
    """Nothing raises; numbers are finite, episodes in order, and input is left as it was."""
    given_bins = [list(counts) for _, counts, _ in timeline]
    volume, told, verdicts, _ = play(new_volume(), timeline)
    assert given_bins == [counts for _, counts, _ in timeline]
    for verdict in verdicts:
        assert verdict.expected is None or 0 <= verdict.expected < float("inf")
        assert verdict.score is None or isfinite(verdict.score)
        assert verdict.is_spike or not verdict.is_crisis
    for episode in told:
        assert episode.started_at < episode.detected_at
        assert episode.detected_at <= episode.hot_until
        assert isfinite(episode.severity)
        assert episode.severity >= 0
        assert episode.ended_at is None or episode.started_at < episode.ended_at
    assert told == [] or told[-1].revision >= 1
    peeked = msgspec.msgpack.encode(volume)
    volume.peek([1, 2, 3])
    assert peeked == msgspec.msgpack.encode(volume)


def test_the_state_does_not_grow() -> None:
    """After eight weeks it takes no more room than after two."""
    rng, volume, sizes = Random(3), new_volume(), []
    for index in range(8 * 7 * 288):
        times = 30 if index % 1000 < 4 else 1
        volume.see(START + index * WINDOW, [rng.randrange(5) * times for _ in range(5)], [])
        if (index + 1) % (2 * 7 * 288) == 0:
            sizes.append(len(msgspec.msgpack.encode(volume)))
    assert max(sizes) <= sizes[0] * 1.1
    assert max(sizes) < 12_000
