"""The Twitter series of the Numenta Anomaly Benchmark, and its scoring rules, standard profile.

A detector flags rows. Of each labelled window the earliest flag counts, the more the earlier it is;
a window without one costs 1. A flag outside costs up to 0.11, less shortly after a window. The
first 15 % of a series, at most 750 rows, is for learning and isn't scored. The sum is put on a
scale on which no flag at all is 0 and a flag on the first row of every window is 100.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from math import exp
from pathlib import Path

FALSE_ALARM_WEIGHT = 0.11
PROBATION_RATIO, MOST_ROWS = 0.15, 5000
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Series:
    """Posts by five minutes; `windows` are pairs of rows, the first and the last of an anomaly."""

    name: str
    at: list[int]
    posts: list[int]
    windows: list[tuple[int, int]]

    def is_labelled(self, row: int) -> bool:
        """Whether a row lies in a labelled window."""
        return any(first <= row <= last for first, last in self.windows)

    @property
    def probation(self) -> int:
        """Rows that aren't scored."""
        return int(PROBATION_RATIO * min(len(self.at), MOST_ROWS))


def load(folder: Path) -> list[Series]:
    """Every series in `folder`, its windows from `windows.json`."""
    windows = json.loads((folder / "windows.json").read_text())
    found = []
    for path in sorted(folder.glob("Twitter_volume_*.csv")):
        with path.open() as lines:
            rows = list(csv.DictReader(lines))
        at = [_instant(row["timestamp"]) for row in rows]
        place = {instant: row for row, instant in enumerate(at)}
        labelled = [
            (place[_instant(first)], place[_instant(last)]) for first, last in windows[path.name]
        ]
        name = path.stem.removeprefix("Twitter_volume_")
        found.append(Series(name, at, [int(float(row["value"])) for row in rows], labelled))
    return found


def _instant(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(moment.timestamp()) * MICROSECONDS


@dataclass(frozen=True)
class Score:
    """What flags are worth: the sum of their rewards, windows found, and flags outside of any."""

    reward: float
    hits: int
    windows: int
    false_alarms: int

    @property
    def normalised(self) -> float:
        """0 for no flag at all, 100 for a perfect detector."""
        return 100 * (self.reward + self.windows) / (2 * self.windows)


def add(scores: list[Score]) -> Score:
    """The score over several series."""
    return Score(
        sum(score.reward for score in scores),
        sum(score.hits for score in scores),
        sum(score.windows for score in scores),
        sum(score.false_alarms for score in scores),
    )


def score(series: Series, flags: list[int]) -> Score:
    """The score of the flagged rows of one series."""
    scored = sorted(row for row in flags if row >= series.probation)
    reward, hits = 0.0, 0
    for first, last in series.windows:
        inside = next((row for row in scored if first <= row <= last), None)
        if inside is None:
            reward -= 1
            continue
        hits += 1
        reward += _sigmoid(-(last - inside + 1) / (last - first + 1)) / _sigmoid(-1.0)
    outside = [row for row in scored if not series.is_labelled(row)]
    for row in outside:
        past = [(first, last) for first, last in series.windows if last < row]
        distance = 3.0
        if past:
            first, last = past[-1]
            distance = (row - last) / (last - first)
        reward += FALSE_ALARM_WEIGHT * _sigmoid(distance)
    return Score(reward, hits, len(series.windows), len(outside))


def _sigmoid(position: float) -> float:
    """Worth of a flag by its place: -1 a window's first row, 0 its end, above that behind it."""
    return -1.0 if position >= 3 else 2 / (1 + exp(5 * position)) - 1
