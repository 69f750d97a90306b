"""Satisfaction from surveys: what of an answer is positive, and who is a promoter.

CSAT is the share of positive answers; the scale, and what is positive on it, are the survey's. NPS
is the share of promoters less that of detractors, on a scale of 0 to 10; answers on another scale
have no group unless the policy maps it.

Definitions with worked examples: docs/dictionary.md, "Satisfaction and sentiment".
"""

from __future__ import annotations

import msgspec

SURVEYS = ("csat", "nps")
ANSWERS = (
    ("csat", "positive"),
    ("csat", "other"),
    ("nps", "promoter"),
    ("nps", "passive"),
    ("nps", "detractor"),
    ("nps", "ungrouped"),
)
"""Kinds of surveys, and what an answer to one can be; NPS on an unmapped scale has no group."""


class NpsScale(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """From which score on an answer counts as a passive's, and as a promoter's."""

    promoter_from: float
    passive_from: float


NPS = NpsScale(promoter_from=9, passive_from=7)


class SurveyScales(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The policy's own scales, keyed by the highest score as text, such as "5"."""

    csat_positive_from: dict[str, float] = {}
    nps: dict[str, NpsScale] = {}

    def is_positive(self, score: float, scale_max: float | None) -> bool:
        """Whether a CSAT answer is positive: by default the upper quarter of a scale that starts
        at 1 (4 and 5 of 5), and 1 of 1. A survey that names no scale has 5.

        >>> SurveyScales().is_positive(4, 5), SurveyScales().is_positive(3, None)
        (True, False)
        """
        top = 5.0 if scale_max is None else scale_max
        own = self.csat_positive_from.get(f"{top:g}")
        if own is not None:
            return score >= own
        return score >= top if top <= 1 else (score - 1) / (top - 1) >= 0.75

    def nps_group(self, score: float, scale_max: float | None) -> str | None:
        """Promoter (9 and 10 of 10), passive, detractor (0 to 6); `None` on an unmapped scale.

        >>> SurveyScales().nps_group(8, 10), SurveyScales().nps_group(5, 5)
        ('passive', None)
        """
        name = f"{10.0 if scale_max is None else scale_max:g}"
        scale = self.nps.get(name) or (NPS if name == "10" else None)
        if scale is None:
            return None
        if score >= scale.promoter_from:
            return "promoter"
        return "passive" if score >= scale.passive_from else "detractor"

    def outcome(self, survey: str, score: float, scale_max: float | None) -> tuple[str, str]:
        """Which of `ANSWERS` an answer is.

        >>> SurveyScales().outcome("csat", 2, 5), SurveyScales().outcome("nps", 4, 5)
        (('csat', 'other'), ('nps', 'ungrouped'))
        """
        if survey == "csat":
            return survey, "positive" if self.is_positive(score, scale_max) else "other"
        return survey, self.nps_group(score, scale_max) or "ungrouped"


class Surveys(msgspec.Struct, array_like=True):
    """The surveys of one kind in one conversation. Credit goes to who had the conversation when
    the survey was sent, not to who has it when the answer comes."""

    sent: int = 0
    answered: int = 0
    sent_to: str | None = None  # credited with the answers to the latest one sent
    agent: str | None = None  # credited with the last answer
    first: float | None = None
    last: float | None = None
    is_positive: bool | None = None  # the last answer, CSAT
    group: str | None = None  # of the last answer, NPS
    flips: int = 0  # answers that turned positive to negative, or back

    def send(self, agent: str | None) -> None:
        """A survey goes out while `agent` has the conversation."""
        self.sent += 1
        self.sent_to = agent

    def answer(
        self, score: float, is_positive: bool | None, group: str | None, agent: str | None
    ) -> None:
        """An answer comes; `agent` is credited only if nobody knows of a survey sent."""
        self.agent = self.sent_to if self.sent else agent
        if self.is_positive is not None and self.is_positive != is_positive:
            self.flips += 1
        if self.first is None:
            self.first = score
        self.answered += 1
        self.last, self.is_positive, self.group = score, is_positive, group
