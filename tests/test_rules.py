"""The rules on small timelines worked out by hand, through the flow's own steps.

Targets: first response 5 minutes, next response 10 minutes; a conversation reopens within 1 hour
and expires after 2.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from oracle.cases import microseconds, rows, timeline
from replays import Line, policy_text

POLICY = policy_text(300, 600, reopen_window="1h", expire_after="2h")
RESPONSES = "kind wait_started_at replied_at response_seconds posts_answered"
CLOCKS = "sla started_at ended_at outcome agent"

Told = Callable[..., duckdb.DuckDBPyConnection]


@pytest.fixture
def line() -> Line:
    """The flow's steps, which wait a minute for events out of order."""
    return Line(POLICY, lateness=60)


@pytest.fixture
def told(line: Line, tmp_path: Path) -> Told:
    """Tells a timeline, an event a batch, and opens what was written."""

    def tell(*events: str, until: str = "00:00", **common: Any) -> duckdb.DuckDBPyConnection:
        for event in timeline(*events, **common):
            line.feed(event)
        return line.end(microseconds(until)).history(tmp_path)

    return tell


def test_a_wait_counts_from_its_oldest_post(told: Told) -> None:
    """Further posts neither restart nor add a wait; the reply says how many it answered."""
    con = told(
        "10:00 post", "10:02 post", "10:05 reply agent=ann", "10:06 reply agent=ann",
        "10:10 post", "10:20 post", "10:25 reply agent=bob visibility=private",
    )  # fmt: skip
    assert [
        ("first", "03 10:00:00", "03 10:05:00", 300.0, 2),
        ("next", "03 10:10:00", "03 10:25:00", 900.0, 2),
    ] == rows(con, "responses", RESPONSES)


def test_a_bot_ends_the_wait_and_gives_no_sample(told: Told) -> None:
    """The first response still counts from the first post, and its clock runs on."""
    con = told(
        "10:00 post", "10:01 reply bot=rob", "10:03 post", "10:04 reply bot=rob",
        "10:05 reply agent=ann", "10:10 post", "10:11 reply bot=rob", "10:15 reply agent=ann",
    )  # fmt: skip
    assert [("first", "03 10:00:00", "03 10:05:00", 300.0, 2)] == rows(con, "responses", RESPONSES)
    assert [
        ("first_response", "03 10:00:00", "03 10:05:00", "met", "ann"),
        ("next_response", "03 10:10:00", "03 10:11:00", "void", None),
    ] == rows(con, "sla", CLOCKS)


def test_a_note_answers_nobody(told: Told) -> None:
    """The wait goes on and no reply is counted."""
    con = told("10:00 post", "10:01 note agent=ann", "10:02 tagged", until="10:04")
    columns = "waiting_since reply_count first_response_seconds last_event_at"
    assert [("03 10:00:00", 0, None, "03 10:02:00")] == rows(con, "conversations", columns)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("10:05:00 reply agent=ann", ("03 10:05:00", "met", "ann")),
        ("10:05:00.000001 reply agent=ann", ("03 10:05:00", "missed", None)),
        ("10:05:00 closed agent=ann", ("03 10:05:00", "void", None)),
        ("10:05:00.000001 closed agent=ann", ("03 10:05:00", "missed", None)),
        ("10:05:00 reply bot=rob", (None, "running", None)),
    ],
)
def test_at_the_deadline_a_reply_meets_it_and_a_close_voids_it(
    told: Told, last: str, expected: tuple[str | None, ...]
) -> None:
    """A microsecond later it is missed, at the deadline; a bot leaves the clock running."""
    clock, rest = last.split(" ", 1)
    con = told("10:00 post", f"2026-03-03T{clock}Z {rest}")
    assert [expected] == rows(con, "sla", "ended_at outcome agent")


@pytest.mark.parametrize(("until", "misses"), [("10:05:00", 0), ("10:05:01", 1)])
def test_silence_breaches_without_an_event(told: Told, until: str, misses: int) -> None:
    """The clock alone passes the deadline; the miss is whose the conversation is, at that time."""
    con = told("10:00 post", "10:01 assigned agent=ann", until=until)
    ends = ("03 10:05:00", "missed") if misses else (None, "running")
    assert [("first_response", "03 10:00:00", *ends, "ann")] == rows(con, "sla", CLOCKS)


def test_the_miss_is_written_when_the_watermark_passes_the_deadline(line: Line) -> None:
    """Neither at the deadline nor a lateness before, and once only."""
    line.feed(*timeline("10:00 post"))
    line.tick(microseconds("10:06"))  # the watermark stands at 10:05 exactly
    assert [] == line.rows.get("sla", [])
    line.tick(microseconds("10:06") + 1)
    line.tick(microseconds("11:00"))
    assert 1 == len(line.rows["sla"])
    line.feed(*timeline("11:00 reply agent=ann", conversation="c1")).end()
    assert 1 == len(line.rows["sla"])


def test_a_close_ends_the_wait_unanswered(told: Told) -> None:
    """A second close changes nothing; a reply to nobody waiting gives no sample."""
    con = told(
        "10:00 post", "10:01 reply agent=ann", "10:02 post", "10:04 closed agent=ann",
        "10:05 closed agent=bob", "10:06 reply agent=ann",
    )  # fmt: skip
    assert [("first", "03 10:00:00", "03 10:01:00", 60.0, 1)] == rows(con, "responses", RESPONSES)
    columns = "closed_at closing_agent full_resolution_seconds messages_to_resolution reopen_count"
    assert [("03 10:04:00", "ann", 240.0, 3, 0)] == rows(con, "conversations", columns)


@pytest.mark.parametrize("how", ["post", "reopened"])
def test_a_reopen_starts_a_wait(told: Told, how: str) -> None:
    """By a customer's post or by an event; at the end of the reopen window it still is one."""
    con = told(
        "10:00 post", "10:01 reply agent=ann", "10:02 closed agent=ann", f"11:02 {how}",
        "11:05 reply agent=bob",
    )  # fmt: skip
    posts = int(how == "post")
    assert ("next", "03 11:02:00", "03 11:05:00", 180.0, posts) == rows(
        con, "responses", RESPONSES
    )[1]
    columns = "reopen_count closed_at full_resolution_seconds first_resolution_seconds"
    assert [(1, None, None, 120.0)] == rows(con, "conversations", columns)


def test_a_post_after_the_reopen_window_opens_a_new_conversation(told: Told) -> None:
    """Same thread, another row; notes and reopens after the window open nothing."""
    con = told(
        "10:00 post", "10:01 reply agent=ann", "10:02 closed agent=ann", "11:02:01 reopened",
        "11:10 note agent=ann", "11:20 post", "11:21 reply agent=ann",
    )  # fmt: skip
    columns = "opened_at is_final closed_at reopen_count post_count first_response_seconds"
    assert [
        ("03 10:00:00", True, "03 10:02:00", 0, 1, 60.0),
        ("03 11:20:00", False, None, 0, 1, 60.0),
    ] == rows(con, "conversations", columns)


@pytest.mark.parametrize(("at", "agent"), [("12:00", "ann"), ("12:00:01", None)])
def test_what_was_said_before_any_message_is_forgotten_with_silence(
    told: Told, at: str, agent: str | None
) -> None:
    """Who had a thread that no message has opened has it for as long as silence may last."""
    con = told("10:00 assigned agent=ann channel=chat", f"{at} post")
    channel = "default" if agent is None else "chat"
    assert [(agent, channel)] == rows(con, "conversations", "assigned_agent channel")


def test_silence_ends_an_open_conversation_as_expired(told: Told) -> None:
    """At the last event and two hours; an event at that instant is still part of it."""
    con = told("10:00 post", "12:00 note agent=ann", "14:00:01 post", until="16:00:01")
    columns = "opened_at is_final resolution closed_at waiting_since"
    assert [
        ("03 10:00:00", True, "expired", None, None),
        ("03 14:00:01", False, None, None, "03 14:00:01"),
    ] == rows(con, "conversations", columns)


def test_response_from_assigned_counts_from_when_somebody_could_answer(told: Told) -> None:
    """From the later of assignment and wait; the same person again keeps the earlier instant."""
    con = told(
        "10:00 assigned agent=ann", "10:01 post", "10:03 reply agent=ann", "10:10 post",
        "10:12 assigned agent=bob", "10:13 assigned agent=bob", "10:15 reply agent=ann",
        "10:16 unassigned", "10:20 post", "10:25 reply agent=ann",
    )  # fmt: skip
    expected = [("ann", 120.0), ("ann", 180.0), ("ann", None)]
    found = rows(con, "responses", "replied_at agent response_assigned_seconds")
    assert expected == [(agent, seconds) for _, agent, seconds in found]


def test_handle_time_runs_from_the_first_assignment_to_the_last_close(told: Told) -> None:
    """An assignment made only after the close handled nothing: the first reply counts then."""
    con = told(
        "10:00 post", "10:03 reply agent=ann", "10:10 closed agent=ann seq=1",
        "10:10 assigned agent=ann seq=2",
    )  # fmt: skip
    assert [(420.0,)] == rows(con, "conversations", "handle_elapsed_seconds")


def test_an_agent_may_open_a_conversation(told: Told) -> None:
    """The first response then counts from the customer's first post, not from the opening."""
    con = told("10:00 reply agent=ann", "10:30 post", "10:34 reply agent=bob")
    assert [("first", "03 10:30:00", "03 10:34:00", 240.0, 1)] == rows(con, "responses", RESPONSES)
    columns = "opened_at opened_by is_complete first_agent"
    assert [("03 10:00:00", "agent", False, "bob")] == rows(con, "conversations", columns)


def test_a_transfer_moves_what_waits_to_the_other_scope(told: Told) -> None:
    """Windows count events where they happen and the wait where it is."""
    con = told("10:01 post queue=a", "10:02 post", "10:06 transferred queue=b",
               "10:07 post", until="10:08")  # fmt: skip
    columns = "window_start queue posts opened waiting oldest_wait_seconds missed"
    assert [
        ("03 10:00:00", "a", 2, 1, 1, 240.0, 0),
        ("03 10:05:00", "b", 1, 0, 1, 420.0, 1),
    ] == rows(con, "windows", columns)


def test_a_window_owns_its_start_and_not_its_end(told: Told) -> None:
    """12:05:00 opens the next; a wait that ends there still waits in the one before."""
    con = told("12:00 post", "12:04:59 post", "12:05 reply agent=ann", until="12:20")
    columns = "window_start posts replies answered met waiting oldest_wait_seconds"
    assert [
        ("03 12:00:00", 2, 0, 0, 0, 1, 300.0),
        ("03 12:05:00", 0, 1, 1, 1, 0, None),
    ] == rows(con, "windows", columns)


def test_a_window_in_which_conversations_only_expire_has_no_row(told: Told) -> None:
    """Rows stand for posts, replies, openings, closes, answers and clocks; nothing else."""
    con = told("10:00 post", "10:01 reply agent=ann", until="13:00")
    assert [("03 10:00:00",)] == rows(con, "windows", "window_start")


def test_a_window_is_breached_from_enough_outcomes_under_the_objective(told: Told) -> None:
    """One miss of one clock is too few to judge, one of two is a breach at 90 %."""
    con = told("10:00 post", "10:10 reply agent=ann", "10:11 post", "10:12 reply agent=ann",
               "10:13 post", "10:30 reply agent=ann", conversation="c1")  # fmt: skip
    columns = "window_start met missed attainment is_breached"
    assert [
        ("03 10:00:00", 0, 0, None, False),
        ("03 10:05:00", 0, 1, 0.0, False),
        ("03 10:10:00", 1, 0, 1.0, False),
        ("03 10:20:00", 0, 1, 0.0, False),
        ("03 10:30:00", 0, 0, None, False),
    ] == rows(con, "windows", columns)


def test_a_duplicate_counts_once_whenever_it_comes(line: Line, tmp_path: Path) -> None:
    """In the same batch, in another, and long after the watermark has passed it."""
    events = timeline("10:00 post", "10:01 reply agent=ann", "10:10 closed agent=ann")
    line.feed(*events, *events).feed(*events).tick(microseconds("10:30"))
    con = line.feed(*events).end().history(tmp_path)
    columns = "post_count reply_count closed_at reopen_count is_late"
    assert [(1, 1, "03 10:10:00", 0, False)] == rows(con, "conversations", columns)
    assert [(2,)] == con.execute("select count(*) from messages").fetchall()


def test_a_duplicate_counts_once_when_its_conversation_is_final(line: Line, tmp_path: Path) -> None:
    """A source that delivers again what is long over opens nothing anew."""
    events = timeline("10:00 post", "10:01 reply agent=ann", "10:10 closed agent=ann")
    line.feed(*events).tick(microseconds("15:00"))
    con = line.feed(*events).end().history(tmp_path)
    assert [("03 10:00:00", 1, 1)] == rows(con, "conversations", "opened_at post_count reply_count")
    assert [(2,)] == con.execute("select count(*) from messages").fetchall()


def test_a_late_reply_puts_a_breach_right(line: Line, tmp_path: Path) -> None:
    """Stamped before the deadline and come after it: met, and the window says so."""
    post, reply = timeline("10:00 post", "10:04 reply agent=ann")
    line.feed(post).tick(microseconds("10:20"))
    assert 1 == len(line.rows["sla"])
    con = line.feed(reply).end(microseconds("10:30")).history(tmp_path)
    clock = ("first_response", "03 10:00:00", "03 10:04:00", "met", "ann")
    assert [clock] == rows(con, "sla", CLOCKS)
    assert [("first", "03 10:00:00", "03 10:04:00", 240.0, 1)] == rows(con, "responses", RESPONSES)
    columns = "window_start replies met missed waiting revision"
    assert [("03 10:00:00", 1, 1, 0, 0, 1)] == rows(con, "windows", columns)
    assert [(True, None)] == rows(con, "conversations", "is_late waiting_since")


def test_a_late_event_leaves_later_conversations_of_the_thread_alone(
    line: Line, tmp_path: Path
) -> None:
    """What was restated once may close and open anew: both conversations stay in the history."""
    opening, late, close, again, answer = timeline(
        "10:00 post", "10:01 post", "10:10 closed agent=ann", "15:00 post", "15:01 reply agent=ann",
    )  # fmt: skip
    line.feed(opening).tick(microseconds("10:05"))
    line.feed(late, close).tick(microseconds("14:00"))
    con = line.feed(again, answer).end().history(tmp_path)
    assert [("03 10:00:00", 2), ("03 15:00:00", 1)] == rows(
        con, "conversations", "opened_at post_count"
    )
    assert [(4,)] == con.execute("select count(*) from messages").fetchall()
    assert [(60.0,)] == rows(con, "responses", "response_seconds")


def test_a_late_opening_moves_the_conversation(line: Line, tmp_path: Path) -> None:
    """The row of the later opening is superseded by the earlier one, with all that followed."""
    first, second, reply = timeline("10:00 post", "10:10 post", "10:12 reply agent=ann")
    line.feed(second, reply).tick(microseconds("10:40"))
    con = line.feed(first).end().history(tmp_path)
    columns = "opened_at first_response_seconds post_count is_late"
    assert [("03 10:00:00", 720.0, 2, True)] == rows(con, "conversations", columns)
    assert [("missed",)] == rows(con, "sla", "outcome")
    assert [("03 10:00:00",)] == rows(con, "conversations", "first_post_at")


def test_a_late_close_lets_the_conversation_end(line: Line, tmp_path: Path) -> None:
    """One that comes when its reopen window is over makes it final at once."""
    post, reply, close = timeline("10:00 post", "10:01 reply agent=ann", "10:02 closed agent=ann")
    line.feed(post, reply).tick(microseconds("11:30"))
    con = line.feed(close).tick(microseconds("11:31")).end().history(tmp_path)
    columns = "closed_at is_final resolution"
    assert [("03 10:02:00", True, None)] == rows(con, "conversations", columns)


@pytest.mark.parametrize("cuts", [0, 1])
def test_snapshots_hide_nothing_from_what_follows(line: Line, tmp_path: Path, cuts: int) -> None:
    """Held-back events, running clocks and open windows outlive a crash."""
    events = timeline(
        "10:00 post queue=a", "10:01 assigned agent=ann", "10:06 reply agent=ann", "10:07 post",
        "10:08 transferred queue=b", "10:09 reply agent=bob", "10:10 closed agent=bob",
        "10:50 post", "12:00 reply bot=rob",
    )  # fmt: skip
    for event in events:
        line.feed(event)
        for _ in range(cuts):
            line.cut()
    con = line.end(microseconds("13:00")).history(tmp_path)
    expected = [
        ("first_response", "03 10:00:00", "03 10:05:00", "missed", "ann"),
        ("next_response", "03 10:07:00", "03 10:09:00", "met", "bob"),
        ("next_response", "03 10:50:00", "03 11:00:00", "missed", "ann"),
    ]
    assert expected == rows(con, "sla", CLOCKS)
    columns = "window_start queue posts replies waiting missed"
    assert [
        ("03 10:00:00", "a", 1, 0, 1, 0),
        ("03 10:05:00", "a", 1, 1, 0, 1),
        ("03 10:05:00", "b", 0, 1, 0, 0),
        ("03 10:10:00", "b", 0, 0, 0, 0),
        ("03 10:50:00", "b", 1, 0, 1, 0),
        ("03 11:00:00", "b", 0, 0, 1, 1),
        ("03 12:00:00", "b", 0, 1, 0, 0),
    ] == rows(con, "windows", columns)
