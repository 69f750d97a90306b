"""What is said of a conversation: sentiment, tags, topic and surveys.

Definitions with worked examples: docs/dictionary.md, "Sentiment conversion".
"""

from __future__ import annotations

import msgspec

from replywatch.metrics.events import Event
from replywatch.metrics.satisfaction import Surveys, SurveyScales


class Said(msgspec.Struct, array_like=True):
    """Sentiment of the first and the last scored post, tags in the order they came, surveys."""

    scored_posts: int = 0
    first_sentiment: float | None = None
    last_sentiment: float | None = None
    is_actionable: bool = True  # noise is reported apart
    tags: list[str] = []
    topic: str | None = None
    surveys: dict[str, Surveys] = {}

    def score(self, sentiment: float) -> None:
        """A post was scored, from -1 to 1."""
        if not self.scored_posts:
            self.first_sentiment = sentiment
        self.scored_posts += 1
        self.last_sentiment = sentiment

    def tag(self, event: Event) -> None:
        """Take tags, topic and whether it is actionable; what is said last holds."""
        for tag in event.tags or ():
            if tag not in self.tags:
                self.tags.append(tag)
        if event.topic is not None:
            self.topic = event.topic
        if event.actionable is not None:
            self.is_actionable = event.actionable

    def survey(self, event: Event, handler: str | None, scales: SurveyScales) -> None:
        """A survey is sent, or answered, while `handler` has the conversation."""
        name = event.survey or "csat"
        surveys = self.surveys.setdefault(name, Surveys())
        if event.kind == "survey_sent" or event.score is None:
            surveys.send(handler)
            return
        group = is_positive = None
        if name == "csat":
            is_positive = scales.is_positive(event.score, event.scale_max)
        else:
            group = scales.nps_group(event.score, event.scale_max)
        surveys.answer(event.score, is_positive, group, handler)
