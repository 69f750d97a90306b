"""SLA clocks with opening hours, pauses and rules that change while they run.

Tuesday 2026-03-03; `day` is open from 09:00 to 18:00 UTC on working days.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from oracle.cases import microseconds, rows, timeline
from replays import Line, policy_text

from replywatch.sql.checks import check_history

CLOCKS = "sla started_at due_at ended_at outcome target_seconds elapsed_seconds"
HEAD = """
    version = "v1"
    effective_from = 2000-01-01T00:00:00Z
    [schedules.day]
    timezone = "UTC"
    holidays = ["2026-03-04"]
    mon = [["09:00", "18:00"]]
    tue = [["09:00", "18:00"]]
    wed = [["09:00", "18:00"]]
    thu = [["09:00", "18:00"]]
    fri = [["09:00", "18:00"]]
"""
ALL = (
    HEAD
    + """
    [[rules]]
    name = "critical"
    match = { priority = ["critical"] }
    schedule = "day"
    pause_on = ["hold"]
    targets = { first_response = 600 }
    [[rules]]
    name = "vip"
    match = { queue = ["vip"] }
    targets = { next_response = 60, resolution = 7200 }
    [[rules]]
    name = "all"
    schedule = "day"
    pause_on = ["hold"]
    targets = { first_response = 3600, next_response = 1800 }
"""
)
PARKED = (
    HEAD
    + """
    [[rules]]
    name = "all"
    pause_on = { resolution = ["closed", "hold"], first_response = ["closed"] }
    targets = { resolution = 3600, first_response = 3600 }
"""
)


def told(tmp_path: Path, policy: str, *lines: str, until: str = "00:00") -> Any:
    """A timeline through the flow's steps, an event a batch."""
    line = Line(policy)
    for event in timeline(*lines):
        line.feed(event)
    return line.end(microseconds(until)).history(tmp_path)


def clocks(con: Any, columns: str = CLOCKS) -> Any:
    """The rows of `sla`."""
    return rows(con, "sla", columns)


def test_a_deadline_waits_for_the_next_opening(tmp_path: Path) -> None:
    """Half an hour is left on Tuesday; Wednesday is a holiday."""
    con = told(tmp_path, ALL, "17:30 post", until="2026-03-06T00:00:00Z")
    expected = ("first_response", "03 17:30:00", "05 09:30:00", "05 09:30:00", "missed")
    assert [(*expected, 3600.0, 3600.0)] == clocks(con)


def test_a_deadline_on_closing_time_is_the_next_opening(tmp_path: Path) -> None:
    """A reply at that first instant of Thursday still meets it."""
    con = told(tmp_path, ALL, "17:00 post", "2026-03-05T09:00:00Z reply agent=ann")
    expected = ("first_response", "03 17:00:00", "05 09:00:00", "05 09:00:00", "met")
    assert [(*expected, 3600.0, 3600.0)] == clocks(con)


def test_a_pause_stops_a_clock_for_its_reasons_only(tmp_path: Path) -> None:
    """On hold for twenty minutes the deadline moves by as much; pending isn't named and counts."""
    con = told(
        tmp_path, ALL,
        "10:00 post", "10:10 paused reason=hold", "10:30 resumed", "10:40 paused", "10:50 resumed",
        "11:20 reply agent=ann",
    )  # fmt: skip
    expected = ("first_response", "03 10:00:00", "03 11:20:00", "03 11:20:00", "met")
    assert [(*expected, 3600.0, 3600.0)] == clocks(con)
    columns = "first_response_seconds first_response_business_seconds first_response_active_seconds"
    assert [(4800.0, 4800.0, 3600.0)] == rows(con, "conversations", columns)
    assert [(1800.0,)] == rows(con, "conversations", "paused_seconds")


def test_a_stopped_clock_is_not_missed_and_has_no_deadline(tmp_path: Path) -> None:
    """However long the pause lasts; a customer's post doesn't end it."""
    con = told(tmp_path, ALL, "10:00 post", "10:10 paused reason=hold", "12:00 post", until="16:00")
    assert [("first_response", "03 10:00:00", None, None, "running", 3600.0, None)] == clocks(con)


def test_a_second_pause_replaces_the_reason(tmp_path: Path) -> None:
    """Waiting for the customer doesn't stop this clock, so it goes on from there."""
    con = told(
        tmp_path, ALL,
        "10:00 post", "10:10 paused reason=hold", "10:20 paused reason=pending",
        "10:40 reply agent=ann",
    )  # fmt: skip
    assert [("met", 1800.0)] == clocks(con, "outcome elapsed_seconds")


def test_a_clock_that_starts_while_paused_stands_still(tmp_path: Path) -> None:
    """The next response's counts from the resume on."""
    con = told(
        tmp_path, ALL,
        "10:00 post", "10:10 reply agent=ann", "10:20 paused reason=hold", "10:30 post",
        "10:50 resumed", "11:00 reply agent=ann",
    )  # fmt: skip
    found = clocks(con, "sla started_at due_at ended_at elapsed_seconds")
    assert ("next_response", "03 10:30:00", "03 11:20:00", "03 11:00:00", 600.0) in found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("10:05", ("03 10:10:00", "03 10:10:00", "missed", 600.0, 600.0)),
        ("10:10", ("03 10:10:00", "03 10:10:00", "missed", 600.0, 600.0)),
        ("10:20", ("03 10:20:00", "03 10:20:00", "missed", 600.0, 1200.0)),
    ],
)
def test_a_higher_priority_tightens_a_running_clock(
    tmp_path: Path, change: str, expected: tuple[Any, ...]
) -> None:
    """What was counted stays; more than the new target is a miss there and then."""
    con = told(
        tmp_path, ALL, "10:00 post", f"{change} tagged priority=critical", "10:30 reply agent=ann"
    )
    columns = "due_at ended_at outcome target_seconds elapsed_seconds"
    assert [expected] == clocks(con, columns)


def test_a_missed_clock_stays_missed_under_another_rule(tmp_path: Path) -> None:
    """It was judged by the rule of its deadline."""
    con = told(
        tmp_path, ALL,
        "10:00 post priority=critical", "10:20 tagged priority=normal", "10:30 reply agent=ann",
    )  # fmt: skip
    assert [("missed", "critical", 600.0)] == clocks(con, "outcome rule target_seconds")
    assert [(-1200.0,)] == rows(con, "conversations", "first_response_margin_seconds")


def test_a_new_target_that_is_just_used_up_can_still_be_met(tmp_path: Path) -> None:
    """At that very instant, as at any deadline."""
    con = told(
        tmp_path, ALL, "10:00 post", "10:10 tagged priority=critical", "10:10 reply agent=ann"
    )
    assert [("met", 600.0, 600.0)] == clocks(con, "outcome target_seconds elapsed_seconds")


def test_a_clock_without_a_target_any_more_leaves_no_trace(tmp_path: Path) -> None:
    """The rule of the other queue has none for first responses, but one for the resolution."""
    con = told(tmp_path, ALL, "10:00 post", "10:10 transferred queue=vip", "10:30 reply agent=ann")
    found = clocks(con, "sla started_at outcome rule")
    assert [("resolution", "03 10:10:00", "running", "vip")] == found


def test_a_close_parks_a_missed_clock(tmp_path: Path) -> None:
    """The outcome stays one; after the reopen nothing more is missed."""
    con = told(
        tmp_path, PARKED,
        "10:00 post", "10:05 reply agent=ann", "11:30 closed agent=ann", "12:00 post",
        "12:30 closed agent=ann", until="2026-03-20T00:00:00Z",
    )  # fmt: skip
    found = [row for row in clocks(con) if row[0] == "resolution"]
    expected = ("resolution", "03 10:00:00", "03 11:00:00", "03 11:00:00", "missed")
    assert [(*expected, 3600.0, 3600.0)] == found


def test_a_close_only_stops_a_clock_that_pauses_on_it(tmp_path: Path) -> None:
    """It goes on at the reopen with what it had, and ends when the conversation is final."""
    con = told(
        tmp_path, PARKED,
        "10:00 post", "10:05 reply agent=ann", "10:30 closed agent=ann", "12:00 post",
        "12:10 closed agent=bob", until="2026-03-20T00:00:00Z",
    )  # fmt: skip
    found = [row for row in clocks(con, f"{CLOCKS} agent") if row[0] == "resolution"]
    expected = ("resolution", "03 10:00:00", None, "10 12:10:00", "met", 3600.0, 2400.0, "bob")
    assert [expected] == found
    columns = "full_resolution_seconds resolution_active_seconds"
    assert [(7800.0, 2400.0)] == rows(con, "conversations", columns)


def test_without_closed_in_the_list_a_reopen_starts_a_new_resolution(tmp_path: Path) -> None:
    """The first one was met by the close; the second counts from the reopen."""
    policy = PARKED.replace('"closed", "hold"', '"hold"')
    con = told(
        tmp_path, policy,
        "10:00 post", "10:05 reply agent=ann", "10:30 closed agent=ann", "12:00 post",
        "12:10 closed agent=bob",
    )  # fmt: skip
    found = clocks(con, "sla started_at ended_at outcome agent")
    assert [
        ("resolution", "03 10:00:00", "03 10:30:00", "met", "ann"),
        ("resolution", "03 12:00:00", "03 12:10:00", "met", "bob"),
    ] == [row for row in found if row[0] == "resolution"]


def test_business_time_is_counted_piece_by_piece(tmp_path: Path) -> None:
    """Until 19:00 by opening hours, from the transfer on by the clock on the wall."""
    con = told(tmp_path, ALL, "17:30 post", "19:00 transferred queue=vip", "19:30 reply agent=ann")
    columns = "first_response_seconds first_response_business_seconds"
    assert [(7200.0, 3600.0)] == rows(con, "conversations", columns)


def test_a_later_version_holds_for_clocks_that_start_under_it(tmp_path: Path) -> None:
    """A clock that runs keeps its target; the next one takes the new."""
    later = ALL.replace("2000-01-01T00:00:00Z", "2026-03-03T10:30:00Z").replace('"v1"', '"v2"')
    later = later.replace("next_response = 1800", "next_response = 900")
    line = Line([ALL, later])
    lines = ("10:00 post", "10:40 reply agent=ann", "10:50 post", "11:00 reply agent=ann")
    for event in timeline(*lines):
        line.feed(event)
    found = clocks(line.end().history(tmp_path), "sla policy_version target_seconds outcome")
    assert [
        ("first_response", "v1", 3600.0, "met"),
        ("next_response", "v2", 900.0, "met"),
    ] == found


def test_a_close_and_a_reopen_at_one_instant_leave_two_clocks(tmp_path: Path) -> None:
    """One of no length that the close ended, and one that goes on; their ends tell them apart."""
    policy = policy_text(600, 600).replace("first_resp", "resolution = 7200, first_resp")
    con = told(
        tmp_path, policy, "10:00 post", "10:00 closed agent=ann", "10:00 reopened", until="10:05"
    )
    assert [
        ("first_response", "03 10:00:00", "03 10:00:00", "void"),
        ("first_response", "03 10:00:00", None, "running"),
        ("resolution", "03 10:00:00", "03 10:00:00", "met"),
        ("resolution", "03 10:00:00", None, "running"),
    ] == clocks(con, "sla started_at ended_at outcome")
    assert [] == [str(failure) for failure in check_history(con)]
