"""Business hours, pauses, moves and closes on small timelines, their answers worked out by hand."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from .cases import instant, rows, run, timeline

Policy = dict[str, Any]

BERLIN = {"timezone": "Europe/Berlin", **{day: [["09:00", "18:00"]] for day in
          ("mon", "tue", "wed", "thu", "fri")}, "holidays": ["2026-03-04"]}  # fmt: skip
NIGHT = {"timezone": "Europe/London", "sun": [["00:00", "06:00"]]}
CLOCK = "sla started_at due_at ended_at outcome elapsed_seconds"


def policy(*rules: dict[str, Any], **schedules: Any) -> Policy:
    """A policy of these rules; one without a name is `all`."""
    return {
        "version": "v1",
        "schedules": schedules,
        "rules": [{"name": "all", **rule} for rule in rules],
    }


@pytest.mark.parametrize(
    ("opens", "closes", "expected"),
    [
        ("2025-10-25T23:00:00Z", "2025-10-26T06:00:00Z", 25_200.0),
        ("2025-03-30T00:00:00Z", "2025-03-30T05:00:00Z", 18_000.0),
    ],
)
def test_night_has_the_hours_that_the_wall_clock_shows(
    tmp_path: Path, opens: str, closes: str, expected: float
) -> None:
    """A London night is seven hours long when clocks go back and five when they go forward."""
    rules = policy({"schedule": "night", "targets": {"first_response": 3600}}, night=NIGHT)
    # a day of silence on each side adds nothing
    early, late = opens.replace("T2", "T1"), closes.replace("T0", "T1")
    con = run(tmp_path, timeline(f"{early} post", f"{late} reply agent=ann"), policy=rules)
    assert [(expected,)] == rows(con, "responses", "response_business_seconds")


def test_transfer_changes_the_schedule_from_then_on(tmp_path: Path) -> None:
    """Half an hour before closing time counts, then the other queue's clock round the clock."""
    rules = policy(
        {"match": {"queue": ["one"]}, "schedule": "berlin", "targets": {"first_response": 5400}},
        {"targets": {"first_response": 5400}},
        berlin=BERLIN,
    )
    con = run(
        tmp_path,
        timeline("16:30 post queue=one", "18:30 transferred queue=two", "19:00 reply agent=ann"),
        policy=rules,
    )
    columns = (
        "first_response_business_seconds first_response_seconds first_response_due_at"
        " first_response_margin_seconds"
    )
    # 30 minutes counted by 18:30, so 60 of the 90 are left then
    assert [(3600.0, 9000.0, "03 19:30:00", 1800.0)] == rows(con, "conversations", columns)


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2026-03-05T08:00:00Z", ("05 08:00:00", None, "running", None)),
        ("2026-03-05T08:00:01Z", ("05 08:00:00", "05 08:00:00", "missed", 3600.0)),
    ],
)
def test_deadline_at_closing_time_is_the_next_opening(
    tmp_path: Path, until: str, expected: tuple[Any, ...]
) -> None:
    """An hour from 17:00 in Berlin ends with the day, so at 9:00 after the next day's holiday."""
    rules = policy({"schedule": "berlin", "targets": {"first_response": 3600}}, berlin=BERLIN)
    con = run(tmp_path, timeline("16:00 post"), policy=rules, until=until)
    assert [expected] == rows(con, "sla", "due_at ended_at outcome elapsed_seconds")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("11:00", ("03 11:00:00", "03 11:00:00", "met", 300.0)),
        ("11:00:01", ("03 11:00:00", "03 11:00:00", "missed", 300.0)),
    ],
)
def test_pause_at_the_deadline_moves_it_to_the_resume(
    tmp_path: Path, reply: str, expected: tuple[Any, ...]
) -> None:
    """Exactly the target is counted when the pause starts: nothing is missed before it goes on."""
    rules = policy({"pause_on": ["hold"], "targets": {"first_response": 300}})
    lines = ("10:00 post", "10:05 paused reason=hold", "11:00 resumed", f"{reply} reply agent=ann")
    con = run(tmp_path, timeline(*lines), policy=rules)
    assert [expected] == rows(con, "sla", "due_at ended_at outcome elapsed_seconds")


def test_pauses_stop_the_clocks_whose_rule_names_their_reason(tmp_path: Path) -> None:
    """A pause without a reason is pending; a second one replaces the reason; posts don't resume."""
    rules = policy(
        {
            "pause_on": {"first_response": ["pending"], "resolution": ["pending", "hold"]},
            "targets": {"first_response": 600, "resolution": 3600},
        }
    )
    con = run(
        tmp_path,
        timeline(
            "10:00 post", "10:05 paused", "10:10 post", "10:20 paused reason=hold",
            "10:23 reply agent=ann", "10:30 resumed", "10:40 closed agent=ann",
        ),
        policy=rules,
    )  # fmt: skip
    assert [
        ("first_response", "03 10:00:00", "03 10:25:00", "03 10:23:00", "met", 480.0),
        ("resolution", "03 10:00:00", "03 11:25:00", "03 10:40:00", "met", 900.0),
    ] == rows(con, "sla", CLOCK)
    columns = "first_response_active_seconds resolution_active_seconds resolution_margin_seconds"
    assert [(480.0, 900.0, 2700.0)] == rows(con, "conversations", columns)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (600, ("03 10:20:00", "03 10:20:00", "missed", 600.0)),
        (1500, ("03 10:25:00", "03 10:22:00", "met", 1500.0)),
    ],
)
def test_priority_changed_in_flight_changes_the_target(
    tmp_path: Path, target: int, expected: tuple[Any, ...]
) -> None:
    """Time counted so far stays: a target already exceeded is missed at the change."""
    rules = policy(
        {"match": {"priority": ["high"]}, "targets": {"first_response": target}},
        {"targets": {"first_response": 3600}},
    )
    lines = ("10:00 post", "10:20 tagged priority=high", "10:22 reply agent=ann")
    con = run(tmp_path, timeline(*lines), policy=rules)
    assert [expected] == rows(con, "sla", "due_at ended_at outcome target_seconds")


def test_close_that_also_moves_ends_a_clock_with_its_deadline(tmp_path: Path) -> None:
    """A wait that a close ends was running until then, whatever pauses on a close."""
    rules = policy({"pause_on": ["closed"], "targets": {"next_response": 600}})
    lines = ("10:00 post", "10:01 reply agent=ann", "10:10 post", "10:12 closed priority=low")
    con = run(tmp_path, timeline(*lines), policy=rules)
    expected = ("next_response", "03 10:10:00", "03 10:20:00", "03 10:12:00", "void", 120.0)
    assert [expected] == rows(con, "sla", CLOCK)


def test_move_to_a_rule_without_target_ends_the_clock_without_a_row(tmp_path: Path) -> None:
    """A clock that loses its target is neither met nor missed nor void."""
    rules = policy(
        {"match": {"queue": ["vip"]}, "targets": {"first_response": 300}}, {"targets": {}}
    )
    lines = ("10:00 post queue=vip", "10:01 transferred queue=rest", "10:30 reply agent=ann")
    con = run(tmp_path, timeline(*lines), policy=rules)
    assert [] == rows(con, "sla", CLOCK)


def test_closed_in_pause_on_lets_clocks_go_on_at_a_reopen(tmp_path: Path) -> None:
    """First response and resolution wait out the close; once final, they end at that instant."""
    rules = policy(
        {
            "pause_on": ["closed"],
            "targets": {"first_response": 300, "next_response": 60, "resolution": 900},
        }
    )
    lines = ["10:00 post", "10:02 closed bot=b", "11:00 post", "11:02 reply agent=ann"]
    con = run(tmp_path, timeline(*lines, "11:10 closed agent=ann"), policy=rules)
    assert [
        ("first_response", "03 10:00:00", "03 11:03:00", "03 11:02:00", "met", 240.0),
        ("resolution", "03 10:00:00", None, None, "running", None),
    ] == rows(con, "sla", CLOCK)
    con = run(tmp_path, timeline(*lines[:2]), policy=rules, until="2026-03-10T10:02:01Z")
    assert [
        ("first_response", "03 10:00:00", None, "10 10:02:00", "void", 120.0),
        ("resolution", "03 10:00:00", None, "10 10:02:00", "met", 120.0),
    ] == rows(con, "sla", CLOCK)


def test_reopen_after_a_close_that_ended_it_starts_another_resolution_clock(
    tmp_path: Path,
) -> None:
    """Each time open is a clock of its own; expiry voids the last."""
    rules = policy({"targets": {"resolution": 600}})
    lines = ("10:00 post", "10:05 closed agent=ann", "11:00 reopened", "11:20 closed agent=ann")
    con = run(tmp_path, timeline(*lines), policy=rules)
    assert [
        ("resolution", "03 10:00:00", "03 10:10:00", "03 10:05:00", "met", 300.0),
        ("resolution", "03 11:00:00", "03 11:10:00", "03 11:10:00", "missed", 600.0),
    ] == rows(con, "sla", CLOCK)
    expected = [([3300.0], [3300.0], -600.0, "03 11:10:00")]
    columns = (
        "reopen_gap_seconds reopen_gap_business_seconds resolution_margin_seconds resolution_due_at"
    )
    assert expected == rows(con, "conversations", columns)


def test_version_in_force_at_the_start_rules_a_clock(tmp_path: Path) -> None:
    """A later version rules clocks that start under it, and those moved under it."""
    versions = [
        {**policy({"targets": {"first_response": 600}}), "version": "old"},
        {
            **policy({"targets": {"first_response": 60}}),
            "version": "new",
            "effective_from": datetime.fromisoformat(instant("10:05")),
        },
    ]
    con = run(
        tmp_path,
        [
            *timeline("10:00 post", "10:08 reply agent=ann", conversation="a"),
            *timeline("10:00 post", "10:06 note priority=high", "10:08 reply agent=ann",
                      conversation="b"),
            *timeline("10:05 post", "10:06 reply agent=ann", conversation="c"),
        ],
        policy=versions,
    )  # fmt: skip
    assert [
        ("a", "old", "03 10:10:00", "met"),
        ("b", "new", "03 10:06:00", "missed"),
        ("c", "new", "03 10:06:00", "met"),
    ] == rows(con, "sla", "conversation_id policy_version due_at outcome")


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("10:08", (1, 1, 1, "03 10:00:00", 0, 0, 0)),
        ("10:08:01", (1, 1, 1, "03 10:00:00", 0, 1, 0)),
        ("10:10:01", (1, 1, 1, "03 10:00:00", 1, 0, 0)),
        ("10:59:30", (1, 1, 1, "03 10:00:00", 1, 0, 0)),
        ("10:59:30.000001", (1, 1, 1, "03 10:00:00", 1, 0, 1)),
    ],
)
def test_standing_tells_who_waits_who_is_late_and_who_soon_will_be(
    tmp_path: Path, until: str, expected: tuple[Any, ...]
) -> None:
    """At risk past 80 % of the target or half a minute before the deadline, overdue past it."""
    rules = policy(
        {
            "at_risk_ratio": 0.8,
            "match": {"queue": ["quick"]},
            "targets": {"first_response": 600},
        },
        {"at_risk_ratio": 1, "at_risk_seconds": 30, "targets": {"resolution": 3600}},
    )
    events = [
        *timeline("10:00 post queue=quick", conversation="a"),
        *timeline("10:00 reply agent=ann", conversation="b"),
    ]
    con = run(tmp_path, events, policy=rules, until=until)
    columns = (
        "waiting unassigned backlog oldest_wait_at overdue_first_response at_risk_first_response"
    )
    quick, slow = (
        rows(con, f"(from standing where queue = '{queue}')", f"{columns} at_risk_resolution")
        for queue in ("quick", "default")
    )
    assert [expected[:6]] == [row[:6] for row in quick]
    assert [expected[6]] == [row[6] for row in slow]
