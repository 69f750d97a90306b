"""A sustained shift: hours together above what is usual at this hour of the week."""

from __future__ import annotations

import msgspec

from replywatch.metrics.episodes import SURGE, Episode, Records
from replywatch.metrics.tail import Tail
from replywatch.metrics.times import HOUR, WINDOW

KEEPS = 0.5 ** (1 / 3)  # of the weight of an hour, one hour later
CLIP = 4.0  # an hour counts as at most so many times the usual
SOFT = 12.0  # posts added to both sides of the ratio


class Surge(msgspec.Struct, array_like=True):
    """Posts of the last hours and the usual ones, both with a fading weight, and the latest surge.

    It is judged on the hour. It begins at a bar and ends below the bar's square root, at the latest
    when the season has learned it: within two weeks.
    """

    tail: Tail
    posts: float = 0.0
    usual: float = 0.0
    episode: Episode | None = None

    @property
    def is_active(self) -> bool:
        """Whether a surge goes on."""
        return self.episode is not None and self.episode.is_active

    def add(self, posts: int, usual: float) -> float:
        """Add an hour; the ratio now."""
        self.posts = self.posts * KEEPS + min(posts, CLIP * usual + SOFT)
        self.usual = self.usual * KEEPS + usual
        return (self.posts + SOFT) / (self.usual + SOFT)

    def follow(
        self,
        hour: int,
        ratio: float,
        bar: float,
        posts: list[int],
        usual: float,
        records: Records,
    ) -> Episode | None:
        """The surge if one began, went on or ended with this hour; `usual` posts a window."""
        self.tail.see(hour, ratio)
        episode, end = self.episode, hour + HOUR
        if episode is None or not episode.is_active:
            if ratio < bar or not (episode is None or episode.is_over(hour)):
                return None
            episode = self.episode = Episode(SURGE, hour, end, end)
        elif ratio < bar**0.5:
            episode.is_active = False
            return episode
        episode.hot_until = end
        episode.windows += len(posts)
        most = max(range(len(posts)), key=posts.__getitem__)
        episode.take(hour + most * WINDOW, posts[most], usual, records)
        return episode
