"""SLA clocks and five-minute windows on small timelines, expected values worked out by hand.

Targets, unless a test brings its own policy: first response 5 minutes, next response 10 minutes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from .cases import POLICY, rows, run, timeline

CLOCK = "sla started_at due_at ended_at outcome agent"


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("10:05 reply agent=ann", ("03 10:05:00", "met", "ann")),
        ("10:05:01 reply agent=ann", ("03 10:05:00", "missed", None)),
        ("10:05 closed agent=ann", ("03 10:05:00", "void", None)),
        ("10:06 closed agent=ann", ("03 10:05:00", "missed", None)),
        ("10:04 closed agent=ann", ("03 10:04:00", "void", None)),
    ],
)
def test_first_response_clock_ends_at_reply_deadline_or_close(
    tmp_path: Path, last: str, expected: tuple[str, ...]
) -> None:
    """A reply exactly at the deadline meets it, a close at it voids it, later is a miss then."""
    con = run(tmp_path, timeline("10:00 post", last))
    assert [expected] == rows(con, "sla", "ended_at outcome agent")


@pytest.mark.parametrize(("until", "misses"), [("10:05", 0), ("10:05:01", 1)])
def test_silence_breaches_once_the_clock_is_past_the_deadline(
    tmp_path: Path, until: str, misses: int
) -> None:
    """With no further event a miss appears when the replay's end passes it; until then it runs."""
    con = run(tmp_path, timeline("10:00 post", "10:01 assigned agent=ann"), until=until)
    missed = ("first_response", "03 10:00:00", "03 10:05:00", "03 10:05:00", "missed", "ann")
    running = ("first_response", "03 10:00:00", "03 10:05:00", None, "running", "ann")
    assert [missed if misses else running] == rows(con, "sla", CLOCK)


def test_bots_neither_stop_nor_restart_the_first_response_clock(tmp_path: Path) -> None:
    """Posts after a bot's replies start no second clock, before or after the one miss."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post", "10:01 reply bot=b", "10:02 post", "10:03 reply bot=b", "10:06 post",
            "10:07 reply bot=b", "10:20 post", "10:30 reply agent=ann",
        ),
    )  # fmt: skip
    missed = ("first_response", "03 10:00:00", "03 10:05:00", "03 10:05:00", "missed", None)
    assert [missed] == rows(con, "sla", CLOCK)


def test_next_response_clock_is_one_a_wait(tmp_path: Path) -> None:
    """Repeated posts add no clock; a bot's answer or a close before the deadline voids it."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post", "10:01 reply agent=ann",
            "10:10 post", "10:15 post", "10:30 reply agent=ann",
            "10:40 post", "10:45 reply bot=b",
            "10:50 post", "10:55 closed agent=ann",
            "11:00 post", "11:09 reply agent=bob",
            "11:20 post",
        ),
    )  # fmt: skip
    assert [
        ("first_response", "03 10:00:00", "03 10:05:00", "03 10:01:00", "met", "ann"),
        ("next_response", "03 10:10:00", "03 10:20:00", "03 10:20:00", "missed", None),
        ("next_response", "03 10:40:00", "03 10:50:00", "03 10:45:00", "void", None),
        ("next_response", "03 10:50:00", "03 11:00:00", "03 10:55:00", "void", None),
        ("next_response", "03 11:00:00", "03 11:10:00", "03 11:09:00", "met", "bob"),
        ("next_response", "03 11:20:00", "03 11:30:00", None, "running", None),
    ] == rows(con, "sla", CLOCK)


def test_reopen_before_any_reply_starts_a_new_first_response_clock(tmp_path: Path) -> None:
    """Each close ends the clock and each reopen starts one while nobody has replied."""
    con = run(
        tmp_path,
        timeline("10:00 post", "10:02 closed bot=b", "11:00 post", "11:05 reply agent=ann"),
    )
    assert [
        ("first_response", "03 10:00:00", "03 10:05:00", "03 10:02:00", "void", None),
        ("first_response", "03 11:00:00", "03 11:05:00", "03 11:05:00", "met", "ann"),
    ] == rows(con, "sla", CLOCK)


def test_first_matching_rule_of_the_scope_in_force_wins(tmp_path: Path) -> None:
    """A move gives the clock its new scope's rule; before every version there is none."""
    policy = {
        "version": "v2",
        "effective_from": datetime(2026, 3, 3, 10, tzinfo=UTC),
        "rules": [
            {"name": "calm", "match": {"priority": ["low"]}, "targets": {}},
            {"name": "chat", "match": {"channel": ["chat"]}, "targets": {"first_response": 120}},
            {"name": "all", "targets": {"first_response": 300}},
        ],
    }
    con = run(
        tmp_path,
        [
            *timeline("10:00 post channel=chat", "10:01 transferred channel=email",
                      "10:02 reply agent=ann", conversation="moved"),
            *timeline("10:00 post priority=low", "10:02 reply agent=ann", conversation="calm"),
            *timeline("10:00 post", "10:06 reply agent=ann", conversation="other"),
            *timeline("09:59 post", "10:06 reply agent=ann", conversation="earlier"),
        ],
        policy=policy,
    )  # fmt: skip
    assert [
        ("moved", "all", "v2", 300.0, "met", "email"),
        ("other", "all", "v2", 300.0, "missed", "default"),
    ] == rows(con, "sla", "conversation_id rule policy_version target_seconds outcome channel")


def test_windows_are_half_open_and_hold_what_happened_in_them(tmp_path: Path) -> None:
    """10:05:00 belongs to the window it starts; a wait that ends there still waited before it."""
    con = run(tmp_path, timeline("10:01 post", "10:05 reply agent=ann", "10:09 closed agent=ann"))
    columns = (
        "window_start posts replies opened closed answered met missed attainment is_breached"
        " first_response_p50 waiting oldest_wait_seconds"
    )
    assert [
        ("03 10:00:00", 1, 0, 1, 0, 0, 0, 0, None, False, None, 1, 240.0),
        ("03 10:05:00", 0, 1, 0, 1, 1, 1, 0, 1.0, False, 240.0, 0, None),
    ] == rows(con, "windows", columns)


def test_windows_follow_a_conversation_to_its_new_scope(tmp_path: Path) -> None:
    """Each count stands in the scope of its instant, and a wait where it is at the window's end."""
    con = run(
        tmp_path,
        timeline("10:01 post queue=one", "10:06 transferred queue=two", "10:07 post",
                 "10:11 note agent=ann", "10:12 post"),
        until="10:13",
    )  # fmt: skip
    columns = "window_start queue posts missed waiting oldest_wait_seconds"
    assert [
        ("03 10:00:00", "one", 1, 0, 1, 240.0),
        # missed at 10:06, when the transfer had moved it
        ("03 10:05:00", "two", 1, 1, 1, 540.0),
        # cut short by the replay's end at 10:13
        ("03 10:10:00", "two", 1, 0, 1, 720.0),
    ] == rows(con, "windows", columns)


def test_window_is_breached_under_the_objective_with_enough_outcomes(tmp_path: Path) -> None:
    """One miss of one outcome is too few to judge; one of two is under 90 %."""
    events = [
        *timeline("10:00 post", "10:03 reply agent=ann", conversation="a"),
        *timeline("10:01 post", "10:06 reply agent=ann", conversation="b"),
        *timeline("10:02 post", "10:06 reply agent=ann", conversation="c"),
        *timeline("10:04 post", "10:09:59 reply agent=ann", conversation="d"),
    ]
    con = run(tmp_path, events)
    columns = "window_start met missed attainment is_breached"
    # b is met at 10:06 exactly, c too (due 10:07), d misses at 10:09
    assert [
        ("03 10:00:00", 1, 0, 1.0, False),
        ("03 10:05:00", 2, 1, 2 / 3, True),
    ] == rows(con, "windows", columns)
    calm = {"version": "v1", "rules": [{**POLICY["rules"][0], "objective": {"ratio": 0.9}}]}
    judged = rows(run(tmp_path, events, policy=calm), "windows", "is_breached")
    assert [(False,), (False,)] == judged


def test_window_quantiles_interpolate_over_first_responses_only(tmp_path: Path) -> None:
    """Of 60, 120 and 240 s: median 120, p90 120 + 0.8 × 120, mean 140; next responses stay out."""
    con = run(
        tmp_path,
        [
            *timeline("10:00 post", "10:01 reply agent=ann", "10:01:30 post",
                      "10:02 reply agent=ann", conversation="a"),
            *timeline("10:00 post", "10:02 reply agent=ann", conversation="b"),
            *timeline("10:00 post", "10:04 reply agent=ann", conversation="c"),
        ],
    )  # fmt: skip
    columns = "answered first_response_p50 first_response_p90 first_response_mean"
    assert [(4, 120.0, 216.0, 140.0)] == rows(con, "windows", columns)


def test_oldest_wait_belongs_to_the_scope_that_waits(tmp_path: Path) -> None:
    """A scope counts its own waits only, also those of conversations silent in the window."""
    con = run(
        tmp_path,
        [
            *timeline("09:00 post channel=chat", conversation="a"),
            *timeline("09:30 post channel=email", conversation="b"),
            *timeline("10:01 post channel=chat", "10:02 reply agent=ann", conversation="c"),
            *timeline("10:03 post channel=chat", "10:09 reply agent=ann", conversation="d"),
        ],
    )  # fmt: skip
    columns = "window_start channel waiting oldest_wait_seconds"
    expected = [
        ("03 10:00:00", "chat", 2, 3900.0),
        ("03 10:05:00", "chat", 1, 4140.0),  # the replay ends at 10:09
    ]
    assert expected == rows(con, "windows", columns)[-2:]
