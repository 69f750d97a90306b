"""How well spikes are found: surges put into real series, the Numenta benchmark, and the time.

`make bench-spikes` prints what `docs/volume.md` quotes. The series are the Twitter volumes of the
Numenta Anomaly Benchmark in `$REPLYWATCH_DATA/data/nab` (default `../shared`). Every figure is of
the detector as it ships: one budget, no setting for any series.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import fmean, median

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from nab import Score, Series, add, load, score

from replywatch.metrics.episodes import Episode
from replywatch.metrics.times import HOUR, MINUTE, WINDOW, window_of
from replywatch.metrics.volume import Volume, new_volume

WEEK_ROWS = 7 * 24 * HOUR // WINDOW
SURGE_ROWS = HOUR // WINDOW
AWAY_ROWS = 6 * SURGE_ROWS  # from a labelled window, on both sides
BUSY_POSTS = 10  # median of a window's posts from which a series is called busy
_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Volume)


@dataclass
class Found:
    """Surges of one size: how many were put in, and the minutes until each that was found was."""

    times: int
    tried: int = 0
    delays: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Share of those found."""
        return len(self.delays) / self.tried if self.tried else float("nan")

    def add(self, other: Found) -> None:
        """Add the surges of another series or seed."""
        self.tried += other.tried
        self.delays += other.delays

    def __str__(self) -> str:
        delay = f"{median(self.delays):4.0f} min" if self.delays else "       -"
        return f"{100 * self.ratio:4.0f} % {delay}"


def poisson(rng: Random, mean: float) -> int:
    """A draw from the Poisson distribution: arrivals of a unit process in `mean`."""
    count, at = 0, rng.expovariate(1.0)
    while at < mean:
        count += 1
        at += rng.expovariate(1.0)
    return count


def usual_posts(series: Series) -> list[float]:
    """Of each row, the mean of its hour of the week outside of labelled windows."""
    hours: dict[int, list[int]] = {}
    for row, at in enumerate(series.at):
        if not series.is_labelled(row):
            hours.setdefault(at // HOUR % 168, []).append(series.posts[row])
    return [fmean(hours[at // HOUR % 168]) for at in series.at]


def split(rng: Random, posts: int, is_by_minute: bool) -> list[int]:
    """A window's posts in bins: by chance over its minutes, or as one."""
    if not is_by_minute:
        return [posts]
    minutes = [0] * (WINDOW // MINUTE)
    for _ in range(posts):
        minutes[rng.randrange(len(minutes))] += 1
    return minutes


def places(series: Series, rng: Random, count: int) -> list[int]:
    """Rows at which a surge begins: after a week, and away from labelled windows."""
    found: list[int] = []
    while len(found) < count:
        row = rng.randrange(WEEK_ROWS, len(series.at) - SURGE_ROWS)
        if all(row + AWAY_ROWS < first or last + AWAY_ROWS < row for first, last in series.windows):
            found.append(row)
    return found


def alarms(series: Series, is_by_minute: bool) -> list[int]:
    """Rows in which an episode began."""
    rng, volume, flags = Random(0), new_volume(), []
    for row, at in enumerate(series.at):
        told: list[Episode] = []
        volume.see(window_of(at), split(rng, series.posts[row], is_by_minute), told)
        flags += [row for episode in told if episode.revision == 1]
    return flags


def surge(
    series: Series, usual: list[float], row: int, state: bytes, rng: Random, how: tuple[int, bool]
) -> float | None:
    """Minutes until a surge that begins at `row` raises an alarm; `None` if it doesn't."""
    times, is_by_minute = how
    volume, told = _DECODER.decode(state), list[Episode]()
    start = window_of(series.at[row])
    for offset in range(SURGE_ROWS):
        posts = series.posts[row + offset] + poisson(rng, (times - 1) * usual[row + offset])
        volume.see(start + offset * WINDOW, split(rng, posts, is_by_minute), told)
        if told:
            return (told[0].detected_at - start) / MINUTE
    return None


def inject(
    series: Series, found: list[Found], seed: int, count: int, is_by_minute: bool
) -> list[Found]:
    """Put surges of these sizes into a series, one by one; they are added to `found`."""
    rng, noise = Random(f"{series.name} {seed}"), Random(seed)
    usual, rows = usual_posts(series), places(series, rng, count)
    volume = new_volume()
    for row, at in enumerate(series.at):
        spike = volume.spike
        # One that begins in an episode would be told as part of it.
        if row in rows and (spike is None or spike.is_over(window_of(at))):
            state = _ENCODER.encode(volume)
            for one in found:
                one.tried += 1
                delay = surge(series, usual, row, state, rng, (one.times, is_by_minute))
                if delay is not None:
                    one.delays.append(delay)
        volume.see(window_of(at), split(noise, series.posts[row], is_by_minute), [])
    return found


def tell_surges(all_series: list[Series], seeds: int, count: int) -> None:
    """(a) Surges of an hour, and false alarms."""
    print(f"surges of one hour, {seeds} seeds x {count} places a series, one setting for all\n")
    print("series  posts     false alarms    x5 found,      x10 found,     x100 found,")
    print("        (median)  a week          5-min bins     5-min bins     1-min bins")
    groups: dict[str, list[Found]] = {}
    for series in all_series:
        kind = "busy" if median(series.posts) >= BUSY_POSTS else "quiet"
        weeks = len(series.at) / WEEK_ROWS
        false_alarms = [
            sum(not series.is_labelled(row) for row in alarms(series, is_by_minute)) / weeks
            for is_by_minute in (False, True)
        ]
        sizes = _nothing()
        for seed in range(seeds):
            inject(series, sizes[:2], seed, count, is_by_minute=False)
            inject(series, sizes[2:], seed, count, is_by_minute=True)
        for known, one in zip(groups.setdefault(kind, _nothing()), sizes, strict=True):
            known.add(one)
        print(
            f"{series.name:7} {median(series.posts):2.0f} {kind:5} {false_alarms[0]:8.2f} "
            f"({false_alarms[1]:.2f})    {'    '.join(map(str, sizes))}"
        )
    for kind, total in groups.items():
        print(f"{'all ' + kind:31}    {'    '.join(map(str, total))}")
    print("\nfalse alarms: all alarms outside labelled windows; in brackets with 1-minute bins\n")


def _nothing() -> list[Found]:
    return [Found(5), Found(10), Found(100)]


def tell_nab(all_series: list[Series]) -> None:
    """(b) The Numenta benchmark."""
    print("Numenta Anomaly Benchmark, standard profile, an alarm flags one row\n")
    print("series  hits   false alarms  score")
    scores: list[Score] = []
    for series in all_series:
        one = score(series, alarms(series, is_by_minute=False))
        scores.append(one)
        _tell_score(series.name, one)
    _tell_score("all", add(scores))
    print()


def _tell_score(name: str, one: Score) -> None:
    print(f"{name:7} {one.hits}/{one.windows:<4} {one.false_alarms:8}     {one.normalised:5.1f}")


def tell_time(all_series: list[Series]) -> None:
    """(c) CPU time an update: the quickest of five runs over all series."""
    print("CPU microseconds an update (a 5-minute window learned, judged by 1 bin or by 5)\n")
    for is_by_minute in (False, True):
        rng, best = Random(0), float("inf")
        bins = [
            [split(rng, posts, is_by_minute) for posts in series.posts] for series in all_series
        ]
        for _ in range(5):
            began, updates = time.process_time(), 0
            for series, counts in zip(all_series, bins, strict=True):
                volume, told = new_volume(), list[Episode]()
                for at, count in zip(series.at, counts, strict=True):
                    volume.see(window_of(at), count, told)
                updates += len(counts)
            best = min(best, (time.process_time() - began) / updates)
        print(f"{'1-minute bins' if is_by_minute else '5-minute bins'}: {best * 1e6:.1f}")


def main() -> int:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description="Measure how well volume spikes are found.")
    default = Path(os.environ.get("REPLYWATCH_DATA", "../shared")) / "data" / "nab"
    parser.add_argument("--data", type=Path, default=default, help="folder of the series")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="default 5")
    parser.add_argument("--places", type=int, default=40, metavar="N", help="a series and seed")
    given = parser.parse_args()
    if not (given.data / "windows.json").exists():
        print(f"no windows.json in {given.data}: name the folder of the series with --data")
        return 1
    all_series = load(given.data)
    tell_surges(all_series, given.seeds, given.places)
    tell_nab(all_series)
    tell_time(all_series)
    return 0


if __name__ == "__main__":
    sys.exit(main())
