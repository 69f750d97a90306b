"""Rows of the table `spikes`."""

from __future__ import annotations

from replywatch.metrics.episodes import SURGE, Episode
from replywatch.metrics.policy import Scope
from replywatch.metrics.rows import Row


def spike_row(scope: Scope, episode: Episode) -> Row:
    """An episode of `scope` as it stands."""
    return (
        episode.started_at,
        *scope,
        episode.kind,
        episode.detected_at,
        episode.ended_at,
        episode.peak_at,
        episode.peak_posts,
        episode.expected,
        episode.ratio,
        episode.severity,
        episode.scored,
        episode.negative_ratio,
        episode.revision,
        episode.kind == SURGE,
    )
