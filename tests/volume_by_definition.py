"""The volume detector once more, from `docs/volume.md`: slow, over whole lists, no code shared.

A scope is told of every window from its first one on, silent ones too. Nothing is kept up to date:
what is expected, each bar and each severity is worked out of all that came before.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import exp, floor, log2, sqrt
from typing import Any

MINUTE = 60_000_000
WINDOW, HOUR, DAY = 5 * MINUTE, 60 * MINUTE, 24 * 60 * MINUTE
WEEK = 7 * DAY
OCCASION = 3 * HOUR  # what lies no further apart is one
BARS = {"burst": 15.0, "steady": 5.0, "surge": 3.0}
SHARES = {"burst": 0.2, "steady": 1.0, "surge": 0.1}


def ratio(posts: float, expected: float, soft: float = 3) -> float:
    """Posts over expected ones, softened."""
    return (posts + soft) / (expected + soft)


def fading(values: Sequence[float], half_life: float) -> float:
    """Their sum, the last with full weight."""
    return float(sum(x * 0.5 ** (age / half_life) for age, x in enumerate(reversed(values))))


def mean(values: Sequence[float], gain: float) -> float:
    """Their mean, in which the newest weighs `gain` at least."""
    found = 0.0
    for count, value in enumerate(values, 1):
        weight = max(1 / count, gain)
        found = (1 - weight) * found + weight * value
    return found


def forgotten(seconds: float) -> float:
    """The weight left of what is so long ago."""
    return exp(-seconds / (4 * WEEK))


class Scope:
    """All that came in a scope, and what follows of it."""

    def __init__(self, budget: float, crises: Sequence[tuple[int, int]]) -> None:
        self.budget, self.crises = budget, crises
        self.windows: list[tuple[int, int, float]] = []  # start, posts, posts expected
        self.hour: list[tuple[int, int, int]] = []  # posts, scored, negative: of this hour, learned
        self.learned: list[tuple[int, float]] = []  # hour, posts a window
        self.today: list[tuple[float, float]] = []  # posts a window, usual ones
        self.surging: list[tuple[float, float]] = []
        self.moods: list[list[tuple[int, int, int]]] = []
        self.seen: dict[str, list[tuple[int, float]]] = {name: [] for name in BARS}
        self.alarms: list[int] = []
        self.records: list[tuple[int, int]] = []
        self.bars, self.strain = dict(BARS), 1.0
        self.is_fresh = dict.fromkeys(BARS, False)
        self.expected: float | None = None
        self.spike: dict[str, Any] | None = None
        self.surge: dict[str, Any] | None = None
        self.told: list[dict[str, Any]] = []

    # -- what is expected ---------------------------------------------------------------------

    def usual(self, hour: int) -> float | None:
        """Posts a window in an hour (since 1970), however today is."""
        if not self.learned:
            return None
        of_day = [x for h, x in self.learned if h % 24 == hour % 24]
        of_week = [x for h, x in self.learned if h % 168 == hour % 168]
        found = mean([x for _, x in self.learned], 1 / 72)
        found = (len(of_day) * mean(of_day, 0.1) + found) / (len(of_day) + 1)
        return (len(of_week) * mean(of_week, 0.3) + found) / (len(of_week) + 1)

    def knows(self, hour: int) -> bool:
        """Whether this hour of the day was learned before."""
        return any(h % 24 == hour % 24 for h, _ in self.learned)

    def busy(self) -> float:
        """How busy today is."""
        came, usual = (fading([pair[i] for pair in self.today], 6) for i in (0, 1))
        return max(ratio(came, usual), 0.5)

    def is_left_out(self, at: int) -> bool:
        """Whether a known crisis goes on."""
        return any(since <= at < until for since, until in self.crises)

    # -- bars ---------------------------------------------------------------------------------

    def weeks(self, since: int, at: int) -> float:
        """Weeks of experience, and half a one that is presumed."""
        return 0.5 + 4 * (1 - forgotten(at - since))

    def bar(self, name: str, hour: int) -> float:
        """What raises an alarm in this hour."""
        return min(self.strain * self.bars[name] * (1 if self.knows(hour) else 4), 50)

    def lowest(self, name: str, now: int) -> float:
        """The lowest level that comes no more often than the budget allows."""
        seen, budget = self.seen[name], SHARES[name] * self.budget
        allowed = budget * self.weeks(seen[0][0] if seen else now, now)
        level = 0.0
        for step in range(64):
            level = 2 * 2 ** (step / 8)
            times = [
                at for at, one in seen if one >= 2 and min(floor(8 * log2(one / 2)), 63) >= step
            ]
            begun = times[:1] + [b for a, b in pairwise(times) if b - a > OCCASION]
            came = sum(forgotten(now - at) for at in begun)
            if 0.5 * budget * (BARS[name] / level) ** 2 + came <= allowed:
                break
        return level

    # -- windows ------------------------------------------------------------------------------

    def see(self, at: int, bins: Sequence[int], scored: int = 0, negative: int = 0) -> Any:
        """Judge a window and learn it; what was expected, the score, and which episodes go on."""
        hour, posts, expected = at // HOUR, sum(bins), self.expected
        if len(self.windows) >= 12:
            old, many, _ = self.windows[-12]
            if many and not (self.spike and self.spike["start"] <= old < self.spike["end"]):
                self.records.append((old, many))
        self.windows.append((at, posts, posts if expected is None else expected))
        score = None
        if expected is not None:
            bursts, score = self.score(at, bins, expected)
            alarm = score >= 1 and sum(many for _, many, _ in self.windows[-12:]) >= 10
            self.follow(at, bursts if alarm else None, hour, scored, negative)
        is_on = self.spike is not None and self.spike["is_on"]
        is_new_normal = self.spike is not None and self.spike["windows"] > 36
        is_hot = is_on and not is_new_normal and self.knows(hour)
        if not is_hot and not self.is_left_out(at):
            self.hour.append((posts, scored, negative))
        kinds = self.kinds()
        if (at + WINDOW) % HOUR == 0:
            self.close(hour)
        return expected, score, kinds

    def kinds(self) -> set[str]:
        """Of the episodes that go on."""
        return {one["kind"] for one in (self.spike, self.surge) if one and one["is_on"]}

    def running(self, minutes: Sequence[int]) -> tuple[float | None, float | None, bool]:
        """The next window amid it: what is expected, the score, and whether a spike goes on."""
        if self.expected is None:
            return None, None, False
        hour = (self.windows[-1][0] + WINDOW) // HOUR
        each, upto = self.expected / 5, range(1, len(minutes) + 1)
        best = max(ratio(sum(minutes[a:b]), each * (b - a)) for b in upto for a in range(b))
        best /= self.bar("burst", hour)
        many = sum(posts for _, posts, _ in self.windows[-11:]) + sum(minutes)
        is_on = self.spike is not None and self.spike["is_on"]
        return self.expected, best, is_on or (best >= 1 and many >= 10)

    def score(self, at: int, bins: Sequence[int], expected: float) -> tuple[list[float], float]:
        """The burst of each bin over its bar, and the window's score."""
        each = expected / len(bins)
        bursts = [
            max(ratio(sum(bins[a : b + 1]), each * (b + 1 - a)) for a in range(b + 1))
            for b in range(len(bins))
        ]
        hour, none = self.windows[-12:], [(0, 0, 0.0)] * 12
        hour = [*none, *hour][-12:]
        lowest, usual = sorted(many for _, many, _ in hour), sum(few for *_, few in hour)
        latest = sorted(many for _, many, _ in hour[-4:])
        steady = max(
            ratio(sum(latest[:2]), sum(few for *_, few in hour[-4:]) / 2),
            ratio(sum(lowest[:9]), usual * 0.75),
        )
        bars = self.bar("burst", at // HOUR), self.bar("steady", at // HOUR)
        if not self.is_left_out(at):
            for name, one in (("burst", max(bursts)), ("steady", steady)):
                self.seen[name].append((at, one))
                self.is_fresh[name] |= one >= 2
        return [one / bars[0] for one in bursts], max(max(bursts) / bars[0], steady / bars[1])

    def onset(self, at: int, bursts: Sequence[float]) -> tuple[int, int]:
        """When what raises an alarm began, and when it was known: by a bin, else the window."""
        width = WINDOW // len(bursts)
        for number, burst in enumerate(bursts):
            if burst >= 1:
                return at + number * width, at + (number + 1) * width
        began, lull = at, 0
        for start, posts, expected in reversed(self.windows[-12:]):
            lull = 0 if ratio(posts, expected) >= 2 else lull + 1
            if lull > 2:
                break
            began = began if lull else start
        return began, at + WINDOW

    def follow(
        self, at: int, bursts: Sequence[float] | None, hour: int, scored: int, negative: int
    ) -> None:
        """Begin a spike, go on with it, or end it."""
        is_alarm = bursts is not None
        spike = self.spike
        if bursts is not None and (spike is None or self.is_over(spike, at)):
            if spike is not None:
                self.records.append((spike["peak"][1], spike["peak"][0]))
            start, known = self.onset(at, bursts)
            self.spike = spike = new("spike", start, known)
            self.alarms.append(at)
            for window, posts, expected in self.windows[-12:-1]:
                if window >= start:
                    self.take(spike, window, posts, expected)
        elif spike is None or not (is_alarm or spike["is_on"]):
            return
        hot = [*[(0, 0, 0.0)] * 4, *self.windows][-4:]
        lowest = sum(sorted(posts for _, posts, _ in hot)[:2])
        _, posts, expected = hot[-1]
        is_warm = ratio(posts, expected) >= 2 or ratio(lowest, sum(e for *_, e in hot) / 2) >= 2
        spike["is_on"] = is_alarm or is_warm
        if spike["is_on"]:
            spike["end"] = at + WINDOW
            for name, more in (("windows", 1), ("scored", scored), ("negative", negative)):
                spike[name] += more
            self.take(spike, at, posts, expected)
            if self.is_crisis(spike):
                spike["kind"] = "crisis"
        self.tell(spike)

    def is_over(self, episode: dict[str, Any], at: int) -> bool:
        """Whether an alarm now would begin another one."""
        return not episode["is_on"] and at - episode["end"] > OCCASION

    def take(self, episode: dict[str, Any], at: int, posts: int, expected: float) -> None:
        """A window of an episode, which may be its peak."""
        if posts > episode["peak"][0]:
            episode["peak"] = posts, at, expected
            as_many = [when for when, many in self.records if _size(many) >= _size(posts)]
            since = max(as_many, default=self.records[0][0] if self.records else at)
            episode["severity"] = max(at - since, 0) / DAY

    def is_crisis(self, spike: dict[str, Any]) -> bool:
        """Whether it is more negative than the scope's own share and three deviations."""
        hours = [*self.moods, self.hour]
        own_scored, own_negative = (
            presumed + fading([sum(one[i] for one in hour) for hour in hours], 168)
            for i, presumed in ((1, 4), (2, 1))
        )
        if spike["scored"] < 10:
            return False
        own = own_negative / own_scored
        deviation = sqrt(own * (1 - own) * (1 / spike["scored"] + 1 / own_scored))
        return bool(spike["negative"] / spike["scored"] >= own + 3 * deviation)

    def tell(self, episode: dict[str, Any]) -> None:
        """An episode changed."""
        episode["revision"] += 1
        self.told.append(dict(episode))

    # -- hours --------------------------------------------------------------------------------

    def close(self, hour: int) -> None:
        """An hour ends: look for a surge, learn it, and set the bars anew."""
        usual, now = self.usual(hour), (hour + 1) * HOUR
        posts, windows = sum(one[0] for one in self.hour), len(self.hour)
        if usual is not None and windows:
            self.follow_surge(hour, usual, posts, windows)
        if windows:
            self.learn(hour, usual, posts / windows)
        self.moods.append(self.hour)
        self.hour = []
        expected = self.usual(hour + 1)
        self.expected = None if expected is None else expected * self.busy()
        for name in BARS:
            if self.is_fresh[name] or now % DAY == 0:
                self.bars[name] = self.lowest(name, now)
                self.is_fresh[name] = False
                alarms = sum(forgotten(now - at) for at in self.alarms)
                allowed = self.budget * self.weeks(self.windows[0][0], now)
                self.strain = sqrt(max(1.0, alarms / allowed))

    def learn(self, hour: int, usual: float | None, posts: float) -> None:
        """The mean of an hour; one known before counts as four times the expected at most."""
        if usual is not None and self.knows(hour):
            all_hours = mean([x for _, x in self.learned], 1 / 72)
            most = max(usual, all_hours) * max(self.busy(), 1)
            posts = min(posts, 4 * (most + 0.25))
            self.today.append((posts, usual))
        self.learned.append((hour, posts))

    def follow_surge(self, hour: int, usual: float, posts: int, windows: int) -> None:
        """Whether a surge begins, goes on or ends with this hour."""
        self.surging.append((min(posts, 4 * usual * windows + 12), usual * windows))
        came, due = (fading([pair[i] for pair in self.surging], 3) for i in (0, 1))
        one = ratio(came, due, soft=12)
        if not self.knows(hour):
            return
        bar = self.bar("surge", hour)
        self.seen["surge"].append((hour * HOUR, one))
        self.is_fresh["surge"] |= one >= 2
        surge, end = self.surge, (hour + 1) * HOUR
        if surge is None or not surge["is_on"]:
            if one < bar or not (surge is None or self.is_over(surge, hour * HOUR)):
                return
            self.surge = surge = new("surge", hour * HOUR, end)
            self.alarms.append(hour * HOUR)
        elif one < sqrt(bar):
            surge["is_on"] = False
            self.tell(surge)
            return
        surge["end"] = end
        surge["windows"] += 12
        at, most, _ = max(self.windows[-12:], key=lambda window: window[1])
        self.take(surge, at, most, usual)
        self.tell(surge)


def new(kind: str, start: int, known: int) -> dict[str, Any]:
    """An episode of which nothing is counted yet."""
    counts: dict[str, Any] = dict.fromkeys(("windows", "scored", "negative", "revision"), 0)
    peak = {"peak": (0, 0, 0.0), "severity": 0.0}
    return (
        {"kind": kind, "start": start, "known": known, "end": start, "is_on": True} | peak | counts
    )


def _size(posts: int) -> int:
    """Posts to within a fifth: four sizes a doubling."""
    return min(floor(4 * log2(max(posts, 1))), 79)
