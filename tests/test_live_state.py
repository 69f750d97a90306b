"""What the wallboard shows of a scope as conversations move and clocks end."""

from __future__ import annotations

from oracle.cases import microseconds, timeline
from replays import Line, policy_text

SOCIAL, BILLING = ("acme", "x", "social"), ("acme", "x", "billing")


def state(line: Line, until: str, what: str) -> dict[tuple[str, str, str], object]:
    """One figure of each scope at `until`."""
    line.tick(microseconds(until))
    return {(b.brand, b.channel, b.queue): getattr(b, what) for b in line.boards()}


def tell(*events: str) -> Line:
    """The flow after these events; first response within 5 minutes, next within 10."""
    line = Line(policy_text(300, 600))
    for event in timeline(*events):
        line.feed(event)
    return line


def test_who_waits_with_nobody_is_unassigned_where_it_was_moved_to() -> None:
    """It leaves the old queue's count and enters the new one's, until somebody has it."""
    events = (
        "10:00 post brand=acme channel=x queue=social",
        "10:01 transferred queue=billing",
    )
    assert {SOCIAL: 0, BILLING: 1} == state(tell(*events), "10:02", "unassigned")
    taken = (*events, "10:02 assigned agent=ann")
    assert {SOCIAL: 0, BILLING: 0} == state(tell(*taken), "10:03", "unassigned")


def test_an_answer_takes_a_next_response_out_of_danger() -> None:
    """At risk from 8 of its 10 minutes on, no longer after the reply; the other SLAs never were."""
    events = (
        "10:00 post brand=acme channel=x queue=social",
        "10:01 reply agent=ann",
        "10:02 post",
    )
    none = dict.fromkeys(("first_response", "next_response", "resolution"), 0)
    at_risk = state(tell(*events), "10:11", "at_risk")
    assert {SOCIAL: none | {"next_response": 1}} == at_risk
    answered = state(tell(*events, "10:11 reply agent=ann"), "10:11:01", "at_risk")
    assert {SOCIAL: none} == answered
