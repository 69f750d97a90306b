"""An episode of unusual volume in a scope, from the alarm until nothing merges with it any more."""

from __future__ import annotations

from math import sqrt

import msgspec

from replywatch.metrics.tail import MERGE
from replywatch.metrics.times import DAY

SPIKE, SURGE, CRISIS = KINDS = ("spike", "surge", "crisis")

CRISIS_SCORED = 10  # posts with a sentiment that an episode needs to be judged
CRISIS_DEVIATIONS = 3.0  # of its negative share above the scope's own
MOOD_KEEPS = 0.5 ** (1 / 168)  # of the weight of posts, one hour later
PRESUMED_SCORED, PRESUMED_NEGATIVE = 4.0, 1.0  # before anything is known of the scope


class Episode(msgspec.Struct, array_like=True):
    """One row of the table `spikes`. Instants in microseconds (UTC).

    `severity` is how many days ago the scope last had as many posts in five minutes as at the
    peak, to within a fifth; the days it is known, if it never had.
    """

    kind: str
    started_at: int  # of the first bin that was hot
    detected_at: int  # end of the bin with which the bar was passed
    hot_until: int  # end of the last window that was hot
    peak_at: int = 0  # window with the most posts
    peak_posts: int = 0
    expected: float = 0.0  # posts in that window
    severity: float = 0.0  # days
    is_active: bool = True
    windows: int = 0  # it has been hot for
    scored: int = 0  # posts with a sentiment, and negative ones
    negative: int = 0
    revision: int = 0

    @property
    def ended_at(self) -> int | None:
        """End of the last hot window; `None` while it goes on."""
        return None if self.is_active else self.hot_until

    @property
    def ratio(self) -> float | None:
        """Posts at the peak over posts expected there; `None` where none were expected."""
        return self.peak_posts / self.expected if self.expected > 0 else None

    @property
    def negative_ratio(self) -> float | None:
        """Share of its scored posts that are negative; `None` where none was scored."""
        return self.negative / self.scored if self.scored else None

    def is_over(self, window: int) -> bool:
        """Whether an alarm in `window` would begin another episode."""
        return not self.is_active and window - self.hot_until > MERGE

    def go_on(self, until: int, scored: int, negative: int) -> None:
        """A hot window more, which ends at `until`, and its posts with a sentiment."""
        self.hot_until = until
        self.windows += 1
        self.scored += scored
        self.negative += negative

    def take(self, window: int, posts: int, expected: float, records: Records) -> None:
        """A window of it; it is the peak if it has more posts than all before."""
        if posts > self.peak_posts:
            self.peak_at, self.peak_posts, self.expected = window, posts, expected
            self.severity = records.days_since(window, posts)


class Records(msgspec.Struct, array_like=True):
    """When five minutes last had about so many posts: 80 sizes, each a fifth above the one before.

    Episodes are entered when they are over, so that one is not compared with itself.
    """

    since: int | None = None
    last: list[int] = msgspec.field(default_factory=lambda: [-1] * 80)

    def see(self, window: int, posts: int) -> None:
        """A window with so many posts."""
        if self.since is None:
            self.since = window
        size = _size(posts)
        if window > self.last[size]:
            self.last[size] = window

    def days_since(self, window: int, posts: int) -> float:
        """Days since as many posts came in a window before this one."""
        found = max(self.last[_size(posts) :])
        since = found if found >= 0 else self.since
        return 0.0 if since is None else max(window - since, 0) / DAY


def _size(posts: int) -> int:
    """Four sizes for each doubling, exact in whole numbers; the last stands for all above."""
    return min((max(posts, 1) ** 4).bit_length() - 1, 79)


class Mood(msgspec.Struct, array_like=True):
    """A scope's own share of negative posts, outside of episodes, with a fading memory."""

    scored: float = 0.0
    negative: float = 0.0

    def add(self, scored: int, negative: int) -> None:
        """Posts with a sentiment, and the negative ones among them."""
        self.scored += scored
        self.negative += negative

    def fade(self) -> None:
        """An hour has passed."""
        self.scored *= MOOD_KEEPS
        self.negative *= MOOD_KEEPS

    def is_crisis(self, episode: Episode) -> bool:
        """Whether an episode is more negative than chance would make it here."""
        scored = self.scored + PRESUMED_SCORED
        share = (self.negative + PRESUMED_NEGATIVE) / scored
        if episode.scored < CRISIS_SCORED:
            return False
        spread = sqrt(share * (1 - share) * (1 / episode.scored + 1 / scored))
        return episode.negative / episode.scored >= share + CRISIS_DEVIATIONS * spread
