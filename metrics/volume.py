"""How much a scope is written to against what it expects: spikes, surges and crises, as a stream.

One state of fixed size a scope. Every 5-minute window is judged, silent ones too, and inside a
window every bin as it ends, so that a burst shows within a minute. Three ratios are watched, each
of posts to expected posts (see `ratios`):

- burst: the latest bins of the running window;
- steady: the lower half of the last 20 minutes, or the lowest three quarters of the last hour,
  which a lone outlier doesn't move;
- surge: the last hours together, against what is usual at this hour of the week.

Each has a `Tail`, whose threshold is the ratio that comes no more often than the alarm budget
allows in this very scope. So no scope needs a setting of its own and none is ever silenced: what
is larger than anything in weeks passes. The state depends on the windows alone, not on how the
calls are split, so that live service and replay agree.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from replywatch.metrics.episodes import CRISIS, SPIKE, Episode, Mood, Records
from replywatch.metrics.ratios import LEAVE_RATIO, LONG, bursts, is_warm, recent, steady, warm_since
from replywatch.metrics.season import Season, hour_of
from replywatch.metrics.surge import Surge
from replywatch.metrics.tail import MERGE, Spent, Tail
from replywatch.metrics.times import DAY, HOUR, MINUTE, WINDOW

WINDOWS_AN_HOUR, MINUTES_A_WINDOW = HOUR // WINDOW, WINDOW // MINUTE
BUDGET = 1.0  # alarms a week and scope
MIN_POSTS = 10  # in an hour, for an alarm
STRAIN = 0.5  # bars rise with this power of the alarms raised over those allowed
ALWAYS = 50.0  # a ratio that raises an alarm whatever the budget
UNKNOWN_HOUR = 4.0  # the bar is so many times higher in an hour of the day not seen before
LEFT_OUT = MERGE // WINDOW  # hot windows that aren't learned; more of them are the new normal
LONGEST_SILENCE = 8 * 7 * 24  # hours after which a scope is as good as new

FIRST_BURST, FIRST_STEADY, FIRST_SURGE = 15.0, 5.0, 3.0
"""Thresholds before anything is known of a scope."""

BURSTS, STEADIES, SURGES = 0.2, 1.0, 0.1
"""Shares of the budget. They sum to more than 1, for one occasion often passes two bars."""


class Verdict(msgspec.Struct, array_like=True):
    """What is known of a window: posts expected, the ratio over its bar (1 raises an alarm), and
    what goes on. `None` while nothing is known."""

    expected: float | None = None
    score: float | None = None
    is_spike: bool = False
    is_surge: bool = False
    is_crisis: bool = False


class Volume(msgspec.Struct, array_like=True):
    """The detector of one scope. `new_volume` makes one."""

    budget: float
    burst: Tail
    steady: Tail
    surge: Surge
    spent: Spent
    strain: float = 1.0  # all bars are so many times higher
    left_out: list[tuple[int, int]] = []  # times of known crises
    season: Season = msgspec.field(default_factory=Season)
    records: Records = msgspec.field(default_factory=Records)
    mood: Mood = msgspec.field(default_factory=Mood)
    next: int | None = None  # the window to be judged next
    forecast: float | None = None  # posts expected in each window of its hour
    is_known: bool = False  # that hour of the day was seen before
    posts: list[int] = msgspec.field(default_factory=lambda: [0] * WINDOWS_AN_HOUR)
    expected: list[float] = msgspec.field(default_factory=lambda: [0.0] * WINDOWS_AN_HOUR)
    silent_hours: int = 0
    spike: Episode | None = None  # the latest spike or crisis

    def adopt(self, budget: float, left_out: list[tuple[int, int]]) -> None:
        """Aim at `budget` alarms a week, and learn nothing in these times (ends exclusive)."""
        self.budget = self.spent.budget = budget
        self.left_out = left_out
        for tail, share in zip(self._tails(), (BURSTS, STEADIES, SURGES), strict=True):
            tail.budget = share * budget

    @property
    def is_active(self) -> bool:
        """Whether an episode goes on."""
        return self.surge.is_active or (self.spike is not None and self.spike.is_active)

    # -- what comes in ------------------------------------------------------------------------

    def see(
        self,
        window: int,
        bins: Sequence[int],
        told: list[Episode],
        scored: int = 0,
        negative: int = 0,
    ) -> Verdict:
        """Judge a whole window and learn it. `bins` are its posts by minute, or only their sum.

        Windows since the last one were silent. Episodes that began, changed or ended are added to
        `told`. A window before the last one is neither judged nor learned, nor is one before the
        scope's first post.
        """
        self.pass_silence(window, told)
        if self.next is None:
            if not any(bins):
                return Verdict()
            self.next = window
            self.spent.begin(window)
        if window < self.next:
            return Verdict()
        return self._step(bins, told, scored, negative)

    def pass_silence(self, until: int, told: list[Episode]) -> None:
        """Learn that the windows that end before or at `until` had no posts. Before a scope's first
        post there is no silence."""
        while self.next is not None and self.next + WINDOW <= until:
            if self.next + HOUR <= until and self._is_at_rest():
                self._rest_an_hour(told)
            else:
                self._step((0,), told)

    def peek(self, minutes: Sequence[int]) -> Verdict:
        """What is known of the next window while it runs, from its posts by minute so far. Learns
        nothing; `pass_silence` comes before it."""
        if self.forecast is None:
            return Verdict()
        ratio = max(bursts(minutes, self.forecast / MINUTES_A_WINDOW), default=0.0)
        verdict = self._verdict(self.forecast, ratio / self._bar(self.burst))
        if ratio >= self._bar(self.burst) and sum(self.posts[1:]) + sum(minutes) >= MIN_POSTS:
            verdict.is_spike = True
        return verdict

    # -- windows ------------------------------------------------------------------------------

    def _step(
        self, bins: Sequence[int], told: list[Episode], scored: int = 0, negative: int = 0
    ) -> Verdict:
        """Judge and learn the next window."""
        assert self.next is not None
        window, posts, expected = self.next, sum(bins), self.forecast
        self.next = window + WINDOW
        self._record(window - LONG * WINDOW, self.posts[0])
        self.posts = [*self.posts[1:], posts]
        self.expected = [*self.expected[1:], posts if expected is None else expected]
        score = None
        if expected is not None:
            score, alarm = self._judge(window, bins, expected)
            if alarm is not None or self.spike is not None:
                self._track(window, alarm, scored, negative, told)
        verdict = self._verdict(expected, score)
        spike = self.spike
        is_hot = spike is not None and spike.is_active and spike.windows <= LEFT_OUT
        if not (is_hot and self.is_known) and not self._is_known_crisis(window):
            self.season.add(posts)
            self.mood.add(scored, negative)
        if self.next % HOUR == 0:
            self._close_hour(told)
        return verdict

    def _judge(
        self, window: int, bins: Sequence[int], expected: float
    ) -> tuple[float, tuple[int, int] | None]:
        """The window's score; if it raises an alarm, when what it is about began, and the end of
        the bin that showed it."""
        ratios = bursts(bins, expected / len(bins))
        burst, steadily = max(ratios), steady(self.posts, self.expected)
        bar = self._bar(self.burst)
        score = max(burst / bar, steadily / self._bar(self.steady))
        if not self._is_known_crisis(window):
            self.burst.see(window, burst)
            self.steady.see(window, steadily)
        if score < 1 or sum(self.posts) < MIN_POSTS:
            return score, None
        width = WINDOW // len(bins)
        for bin, ratio in enumerate(ratios):
            if ratio >= bar:
                return score, (window + bin * width, window + (bin + 1) * width)
        run = warm_since(self.posts, self.expected)
        return score, (window - run * WINDOW, window + WINDOW)

    def _tails(self) -> tuple[Tail, Tail, Tail]:
        return self.burst, self.steady, self.surge.tail

    def _is_known_crisis(self, window: int) -> bool:
        return any(since <= window < until for since, until in self.left_out)

    def _record(self, window: int, posts: int) -> None:
        """Remember a window that is an hour old, unless it is one of the spike's: its onset is
        known by then, and an episode is not to be compared with itself."""
        spike = self.spike
        if posts and (spike is None or not spike.started_at <= window < spike.hot_until):
            self.records.see(window, posts)

    def _bar(self, tail: Tail) -> float:
        bar = self.strain * tail.threshold * (1.0 if self.is_known else UNKNOWN_HOUR)
        return min(bar, ALWAYS)

    def _verdict(self, expected: float | None, score: float | None) -> Verdict:
        spike = self.spike if self.spike is not None and self.spike.is_active else None
        is_crisis = spike is not None and spike.kind == CRISIS
        return Verdict(expected, score, spike is not None, self.surge.is_active, is_crisis)

    def _track(
        self,
        window: int,
        alarm: tuple[int, int] | None,
        scored: int,
        negative: int,
        told: list[Episode],
    ) -> None:
        """Begin a spike, go on with it, or end it."""
        spike = self.spike
        if alarm is not None and (spike is None or spike.is_over(window)):
            if spike is not None:
                self.records.see(spike.peak_at, spike.peak_posts)
            spike = self.spike = Episode(SPIKE, *alarm, hot_until=window)
            self.spent.add(window)
            run = (window - spike.started_at) // WINDOW  # below 0 where it began within the window
            for back in range(run, 0, -1):
                posts, expected = self.posts[-1 - back], self.expected[-1 - back]
                spike.take(window - back * WINDOW, posts, expected, self.records)
        elif spike is None or (alarm is None and not spike.is_active):
            return
        posts, expected = self.posts[-1], self.expected[-1]
        spike.is_active = (
            alarm is not None
            or is_warm(posts, expected)
            or recent(self.posts, self.expected) >= LEAVE_RATIO
        )
        if spike.is_active:
            spike.go_on(window + WINDOW, scored, negative)
            spike.take(window, posts, expected, self.records)
            if self.mood.is_crisis(spike):
                spike.kind = CRISIS
        _tell(spike, told)

    # -- hours --------------------------------------------------------------------------------

    def _close_hour(self, told: list[Episode]) -> None:
        """Learn the hour that ends with the window judged last, and look for a surge."""
        assert self.next is not None
        start = self.next - HOUR
        hour = hour_of(start)
        usual, learned = self.season.usual(hour), self.season.windows
        if usual is not None and learned:  # what is a spike isn't a surge as well
            ratio = self.surge.add(self.season.posts, usual * learned)
            if self.is_known:
                bar = self._bar(self.surge.tail)
                surge = self.surge.follow(start, ratio, bar, self.posts, usual, self.records)
                if surge is not None:
                    if surge.revision == 0:
                        self.spent.add(start)
                    _tell(surge, told)
        self.mood.fade()
        self.season.close_hour(hour)
        self.forecast = self.season.expected(hour + 1)
        self.is_known = self.season.knows(hour + 1)
        for tail in self._tails():
            if tail.is_changed or self.next % DAY == 0:
                tail.set_threshold(self.next)
                self.strain = max(1.0, self.spent.ratio(self.next)) ** STRAIN
        self.silent_hours = 0 if any(self.posts) else self.silent_hours + 1
        if self.silent_hours >= LONGEST_SILENCE:
            fresh = new_volume(self.budget)
            fresh.left_out = self.left_out
            for name in self.__struct_fields__:
                setattr(self, name, getattr(fresh, name))

    def _is_at_rest(self) -> bool:
        """Whether a silent hour that begins now can be passed in one go: after another one, which
        has ended any spike."""
        assert self.next is not None
        return not any(self.posts) and self.next % HOUR == 0 and not self.left_out

    def _rest_an_hour(self, told: list[Episode]) -> None:
        """The same as twelve silent windows of a scope at rest."""
        assert self.next is not None
        self.expected = [self.forecast or 0.0] * WINDOWS_AN_HOUR
        self.burst.see(self.next, 0.0)
        self.steady.see(self.next, 0.0)
        self.season.add(0, WINDOWS_AN_HOUR)
        self.next += HOUR
        self._close_hour(told)


def new_volume(budget: float = BUDGET) -> Volume:
    """The detector of a scope of which nothing is known; its thresholds aim at `budget` alarms a
    week, of all kinds together."""
    burst, steadily = (Tail(first, budget, first) for first in (FIRST_BURST, FIRST_STEADY))
    surge = Surge(Tail(FIRST_SURGE, budget, FIRST_SURGE))
    volume = Volume(budget, burst, steadily, surge, Spent(budget))
    volume.adopt(budget, [])
    return volume


def _tell(episode: Episode, told: list[Episode]) -> None:
    episode.revision += 1
    told.append(msgspec.structs.replace(episode))
