"""Clocks on the wallboard: what is due next, at risk and overdue in a scope, to the microsecond."""

from __future__ import annotations

from typing import Any

import pytest
from oracle.cases import microseconds, timeline
from replays import Line, policy_text
from test_clocks import HEAD

FIRST, NEXT = "first_response", "next_response"
PLAIN = policy_text(300, 600)
PAUSED = (
    HEAD
    + """
    [[rules]]
    name = "critical"
    match = { priority = ["critical"] }
    pause_on = { next_response = ["hold"] }
    targets = { next_response = 300 }
    [[rules]]
    name = "all"
    pause_on = { next_response = ["hold"] }
    targets = { first_response = 300, next_response = 600 }
"""
)
WARNED = (
    HEAD
    + """
    [[rules]]
    name = "all"
    at_risk_seconds = 120
    targets = { first_response = 300, next_response = 60 }
"""
)


def shown(policy: str, at: str | int, what: str, *events: str) -> dict[str, dict[str, Any]]:
    """One figure by queue and SLA, zeros left out, with the watermark at `at`."""
    line = Line(policy)
    for event in timeline(*events):
        line.feed(event)
    line.tick(microseconds(at) if isinstance(at, str) else at)
    boards = {board.queue: getattr(board, what) for board in line.boards()}
    return {
        queue: found
        for queue, values in boards.items()
        if (found := {sla: value for sla, value in values.items() if value})
    }


def due(policy: str, at: str, *events: str) -> dict[str, dict[str, str]]:
    """The next deadlines, as the clock shows them."""
    found = shown(policy, at, "next_due_at", *events)
    return {
        queue: {sla: clock(instant) for sla, instant in values.items()}
        for queue, values in found.items()
    }


def clock(instant: int) -> str:
    """Hours and minutes of the day that timelines are on."""
    minutes = (instant - microseconds("00:00")) // 60_000_000
    return f"{minutes // 60:02}:{minutes % 60:02}"


def test_a_deadline_stands_until_its_answer() -> None:
    """The first response's from the post on; after the reply the next one's."""
    post, reply, again = "10:00 post queue=a", "10:01 reply agent=ann", "10:02 post"
    assert {"a": {FIRST: "10:05"}} == due(PLAIN, "10:01", post)
    assert {} == due(PLAIN, "10:02", post, reply)
    assert {"a": {NEXT: "10:12"}} == due(PLAIN, "10:03", post, reply, again)
    assert {} == due(PLAIN, "10:05", post, reply, again, "10:04 reply agent=ann")


def test_a_deadline_that_has_passed_is_due_no_more() -> None:
    """It is overdue from then on."""
    assert {} == due(PLAIN, "10:06", "10:00 post queue=a")
    assert {"a": {FIRST: 1}} == shown(PLAIN, "10:06", "overdue", "10:00 post queue=a")
    assert {} == shown(PLAIN, "10:05", "overdue", "10:00 post queue=a")


def test_a_pause_takes_a_deadline_away_until_the_resume() -> None:
    """Four of ten minutes were left; wherever it is moved meanwhile, it has none."""
    begun = ("10:00 post queue=a", "10:01 reply agent=ann", "10:02 post")
    paused = (*begun, "10:08 paused reason=hold")
    assert {} == due(PAUSED, "10:09", *paused)
    assert {} == due(PAUSED, "10:09", *paused, "10:08:30 transferred queue=b")
    assert {"a": {NEXT: "10:24"}} == due(PAUSED, "10:21", *paused, "10:20 resumed")
    silence = shown(PAUSED, "10:25", "overdue", *paused, "10:20 resumed")
    assert {"a": {NEXT: 1}} == silence


def test_a_deadline_after_a_long_pause_passes_in_silence() -> None:
    """Though nothing was due while the clock stood still."""
    line = Line(PAUSED)
    begun = (
        "10:00 post queue=a",
        "10:01 reply agent=ann",
        "10:02 post",
        "10:08 paused reason=hold",
    )
    for event in timeline(*begun, "12:00 resumed"):
        line.tick(microseconds(event["at"][11:19])).feed(event)
    line.tick(microseconds("12:04") + 1)
    assert [microseconds("12:04")] == [row[5] for row in line.rows["sla"] if row[6] == "missed"]


@pytest.mark.parametrize(("queue", "sla"), [("a", NEXT), ("b", NEXT)])
def test_what_moves_takes_deadline_and_danger_along(queue: str, sla: str) -> None:
    """A next response at risk since 10:10 leaves queue a at 10:11 for queue b."""
    begun = ("10:00 post queue=a", "10:01 reply agent=ann", "10:02 post")
    moved = begun if queue == "a" else (*begun, "10:11 transferred queue=b")
    assert {queue: {sla: "10:12"}} == due(PLAIN, "10:11:30", *moved)
    assert {queue: {sla: 1}} == shown(PLAIN, "10:11:30", "at_risk", *moved)
    assert {queue: {sla: 1}} == shown(PLAIN, "10:13", "overdue", *moved)


def test_a_target_that_a_move_uses_up_to_the_last_is_still_met_at_that_instant() -> None:
    """Five minutes of ten have passed when it comes to where five are allowed."""
    strict = (
        '\n[[rules]]\nname = "b"\nmatch = { queue = ["b"] }\ntargets = { first_response = 300 }'
    )
    policy = HEAD + strict + '\n[[rules]]\nname = "all"\ntargets = { first_response = 600 }'
    for reply, outcome in (("10:05", "met"), ("10:05:01", "missed")):
        events = ("10:00 post queue=a", "10:05 transferred queue=b", f"{reply} reply agent=ann")
        line = Line(policy).feed(*timeline(*events)).end()
        assert [outcome] == [row[6] for row in line.rows["sla"]]


def test_what_is_overdue_moves_too() -> None:
    """And is relieved where it is answered."""
    moved = ("10:00 post queue=a", "10:06 transferred queue=b")
    assert {"b": {FIRST: 1}} == shown(PLAIN, "10:07", "overdue", *moved)
    assert {} == shown(PLAIN, "10:09", "overdue", *moved, "10:08 reply agent=ann")


def test_a_clock_is_at_risk_after_the_instant_and_missed_after_the_deadline() -> None:
    """At neither of them; 8 of 10 minutes of a next response, and all of them."""
    begun = ("10:00 post queue=a", "10:01 reply agent=ann", "10:02 post")
    at = microseconds("10:10")
    assert {} == shown(PLAIN, at, "at_risk", *begun)
    assert {"a": {NEXT: 1}} == shown(PLAIN, at + 1, "at_risk", *begun)
    end = microseconds("10:12")
    assert {"a": {NEXT: 1}} == shown(PLAIN, end, "at_risk", *begun)
    assert {} == shown(PLAIN, end + 1, "at_risk", *begun)


def test_a_warning_comes_so_long_before_the_deadline() -> None:
    """Sooner than the share of the target would, but not before the clock runs."""
    post = "10:00 post queue=a"
    assert {} == shown(WARNED, "10:03", "at_risk", post)
    assert {"a": {FIRST: 1}} == shown(WARNED, "10:03:01", "at_risk", post)
    next_one = (post, "10:01 reply agent=ann", "10:02 post")
    assert {"a": {NEXT: 1}} == shown(WARNED, microseconds("10:02") + 1, "at_risk", *next_one)


def test_without_a_warning_the_share_of_the_target_counts() -> None:
    """Four of five minutes."""
    assert {} == shown(PLAIN, "10:04", "at_risk", "10:00 post queue=a")
    assert {"a": {FIRST: 1}} == shown(PLAIN, "10:04:01", "at_risk", "10:00 post queue=a")


def test_who_was_at_risk_before_a_pause_is_so_again_at_once() -> None:
    """Also in the last microsecond of a window; not while the pause lasts."""
    begun = ("10:00 post queue=a", "10:01 reply agent=ann", "10:02 post")
    paused = (*begun, "10:11 paused reason=hold")
    assert {} == shown(PAUSED, "10:15", "at_risk", *paused)
    resumed = (*paused, "2026-03-03T10:19:59.999999Z resumed")
    assert {"a": {NEXT: 1}} == shown(PAUSED, "10:20", "at_risk", *resumed)


def test_a_clock_that_starts_in_a_pause_of_its_own_sla_stands_still() -> None:
    """Held are next responses alone: the first one's clock runs on, the next one's doesn't."""
    held = ("10:00 post queue=a", "10:00:30 paused reason=hold")
    assert {"a": {FIRST: "10:05"}} == due(PAUSED, "10:01", *held)
    again = (*held, "10:01 reply agent=ann", "10:02 post")
    assert {} == due(PAUSED, "10:03", *again)


def test_a_higher_priority_moves_a_deadline_and_a_pause_holds_it() -> None:
    """Five minutes instead of ten, and none while it is on hold."""
    begun = ("10:00 post queue=a", "10:01 reply agent=ann", "10:02 post")
    urgent = "10:04 tagged priority=critical"
    assert {"a": {NEXT: "10:07"}} == due(PAUSED, "10:05", *begun, urgent)
    assert {} == due(PAUSED, "10:05", *begun, "10:03 paused reason=hold", urgent)
    calm = "10:05 tagged priority=normal"
    assert {"a": {NEXT: "10:12"}} == due(PAUSED, "10:06", *begun, urgent, calm)


def test_a_wait_takes_the_clock_of_the_queue_it_comes_to() -> None:
    """It had none where it was; the ten minutes count from the transfer."""
    policy = (
        HEAD
        + """
    [[rules]]
    name = "b"
    match = { queue = ["b"] }
    targets = { first_response = 600 }
    """
    )
    begun = ("10:00 post queue=a", "10:03 transferred queue=b")
    assert {} == due(policy, "10:01", *begun[:1])
    assert {"b": {FIRST: "10:13"}} == due(policy, "10:04", *begun)


def test_a_deadline_that_never_comes_is_none() -> None:
    """A minute a week is open: less than twelve days until the year 2300."""
    policy = HEAD.replace('"18:00"', '"09:01"').replace("tue =", "sat =", 1)
    for day in ("sat", "wed", "thu", "fri"):
        policy = policy.replace(f'    {day} = [["09:00", "09:01"]]\n', "")
    rule = '    [[rules]]\n    name = "all"\n    schedule = "day"\n'
    target = "    targets = { first_response = 1000000 }\n"
    assert {} == due(policy + rule + target, "10:01", "10:00 post queue=a")
    soon = target.replace("1000000", "60")
    assert ["a"] == list(due(policy + rule + soon, "10:01", "10:00 post queue=a"))


def test_who_expires_leaves_backlog_and_deadlines() -> None:
    """After two hours without a word; the clock of half a day is void."""
    policy = policy_text(43_200, 600, expire_after="2h")
    line = Line(policy)
    line.feed(*timeline("10:00 post queue=a"))
    assert [1] == [board.backlog for board in line.tick(microseconds("12:00")).boards()]
    (board,) = line.tick(microseconds("12:00") + 1).boards()
    assert (0, 0, {}) == (board.backlog, board.waiting, board.next_due_at)
    assert [("void", microseconds("12:00"))] == [(row[6], row[5]) for row in line.rows["sla"]]


def test_a_deadline_before_the_end_is_missed_though_all_comes_at_once() -> None:
    """The next post of its thread, in the same batch, comes long after it has expired."""
    line = Line(policy_text(300, 600, expire_after="2h"))
    line.feed(*timeline("10:00 post", "18:00 post", "18:00:01 note agent=ann"))
    found = [(row[6], row[5]) for row in line.rows["sla"]]
    assert [("missed", microseconds("10:05"))] == found


def test_a_restatement_at_the_very_instant_tells_nothing_too_soon() -> None:
    """The late note changes no clock, which is at risk after 10:04 and not yet."""
    line = Line(PLAIN).feed(*timeline("10:00 post")).tick(microseconds("10:04"))
    line.feed(*timeline("10:01 note agent=ann", conversation="c1", source="crm"))
    assert 1 == len(line.rows["restatements"])
    for moment, count in ((0, 0), (1, 1)):
        (board,) = line.tick(microseconds("10:04") + moment).boards()
        assert count == board.at_risk[FIRST]
