"""Service level: the share of customers who were answered in time, in the four usual variants.

They differ in what of the customers who left counts against the desk. The names and formulas are
those of the contact-centre suites (Genesys Cloud's configurable service level).
"""

from __future__ import annotations

from dataclasses import dataclass

VARIANTS = ("default", "include_flow_outs", "exclude_short_abandons", "exclude_abandons")


@dataclass(frozen=True, slots=True)
class Offered:
    """What became of the customers who turned to a queue.

    `answered_in_target` and `answered_late` add up to the answered. `abandoned` left without an
    answer, `short_abandoned` of these so soon that nobody could have answered. `flow_outs` were
    moved to another queue before an answer.
    """

    answered_in_target: int
    answered_late: int
    abandoned: int
    short_abandoned: int = 0
    flow_outs: int = 0


def service_level(offered: Offered, variant: str = "default") -> float | None:
    """The service level as a ratio of 0–1; `None` where nobody counts. Unknown variants raise.

    >>> peak = Offered(answered_in_target=80, answered_late=10, abandoned=10, short_abandoned=4)
    >>> service_level(peak)
    0.8
    >>> service_level(peak, "exclude_abandons") == 80 / 90
    True
    """
    answered = offered.answered_in_target + offered.answered_late
    match variant:
        case "default":
            counted = answered + offered.abandoned
        case "include_flow_outs":
            counted = answered + offered.abandoned + offered.flow_outs
        case "exclude_short_abandons":
            counted = answered + offered.abandoned - offered.short_abandoned
        case "exclude_abandons":
            counted = answered
        case _:
            raise ValueError(f"unknown variant '{variant}': use one of {', '.join(VARIANTS)}")
    return offered.answered_in_target / counted if counted else None
