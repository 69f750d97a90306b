"""Conversations, waits and threads on small timelines, expected values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cases import DAY, POLICY, Event, rows, run, timeline, write_lines
from .oracle import run_oracle

RESPONSE = "kind wait_started_at replied_at response_seconds posts_answered"


def test_repeated_posts_neither_restart_nor_add_a_wait(tmp_path: Path) -> None:
    """A wait counts from its oldest post and tells how many posts the reply answered."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post", "10:02 post", "10:05 reply agent=ann",
            "10:10 post", "10:20 post", "10:25 reply agent=bob",
        ),
    )  # fmt: skip
    expected = [
        ("first", "03 10:00:00", "03 10:05:00", 300.0, 2),
        ("next", "03 10:10:00", "03 10:25:00", 900.0, 2),
    ]
    assert expected == rows(con, "responses", RESPONSE)


def test_bot_reply_ends_a_wait_without_a_sample(tmp_path: Path) -> None:
    """Bots give no response row, and the first response still counts from the first post."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post", "10:01 reply bot=b", "10:03 reply agent=ann",
            "10:10 post", "10:11 reply bot=b", "10:15 reply agent=ann",
        ),
    )  # fmt: skip
    assert [("first", "03 10:00:00", "03 10:03:00", 180.0, 1)] == rows(con, "responses", RESPONSE)
    assert [(2, 2, 2)] == rows(con, "conversations", "post_count reply_count bot_reply_count")


def test_follow_up_and_note_give_no_sample(tmp_path: Path) -> None:
    """A note answers nobody, and a reply with nobody waiting has no response time."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post", "10:02 note agent=ann", "10:05 reply agent=ann visibility=private",
            "10:30 reply agent=ann",
        ),
    )  # fmt: skip
    assert [("first", "03 10:00:00", "03 10:05:00", 300.0, 1)] == rows(con, "responses", RESPONSE)


def test_close_ends_a_wait_and_later_posts_reopen(tmp_path: Path) -> None:
    """A close leaves the wait unanswered; the reopening post starts the next one."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post", "10:05 reply agent=ann", "10:10 post", "10:20 closed agent=ann",
            "10:30 closed agent=bob", "11:00 post", "11:07 reply agent=ann", "11:30 closed bot=b",
        ),
    )  # fmt: skip
    expected = [
        ("first", "03 10:00:00", "03 10:05:00", 300.0, 1),
        ("next", "03 11:00:00", "03 11:07:00", 420.0, 1),
    ]
    assert expected == rows(con, "responses", RESPONSE)
    columns = (
        "closed_at closed_by first_resolution_seconds full_resolution_seconds reopen_count"
        " messages_to_resolution handle_elapsed_seconds waiting_since"
    )
    # handled from the first reply (never assigned) at 10:05 to the last close at 11:30
    expected_row = ("03 11:30:00", "bot", 1200.0, 5400.0, 1, 5, 5100.0, None)
    assert [expected_row] == rows(con, "conversations", columns)


def test_reopened_without_a_post_starts_a_wait(tmp_path: Path) -> None:
    """`reopened` starts a wait at its own instant; on an open conversation it means nothing."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post", "10:01 reopened", "10:05 reply agent=ann", "10:10 closed agent=ann",
            "10:30 reopened", "10:33 post", "10:40 reply agent=ann", "10:50 reopened",
        ),
    )  # fmt: skip
    assert [
        ("first", "03 10:00:00", "03 10:05:00", 300.0, 1),
        ("next", "03 10:30:00", "03 10:40:00", 600.0, 1),
    ] == rows(con, "responses", RESPONSE)
    columns = "closed_at resolution full_resolution_seconds reopen_count waiting_since is_final"
    assert [(None, None, None, 1, None, False)] == rows(con, "conversations", columns)


def test_first_response_outlives_a_close_without_a_reply(tmp_path: Path) -> None:
    """Closed before anyone replied and reopened, the clock is still the first post's."""
    con = run(
        tmp_path,
        timeline("10:00 post", "10:05 closed bot=b", "12:00 post", "12:10 reply agent=ann"),
    )
    assert [("first", "03 10:00:00", "03 12:10:00", 7800.0, 2)] == rows(con, "responses", RESPONSE)


def test_handoff_starts_a_wait_only_if_none_runs(tmp_path: Path) -> None:
    """A bot's hand-off after its own reply starts a wait; during a wait it changes nothing."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post", "10:02 reply agent=ann", "10:10 post", "10:11 reply bot=b",
            "10:12 handed_off bot=b", "10:13 handed_off bot=b", "10:20 reply agent=ann",
        ),
    )  # fmt: skip
    assert [
        ("first", "03 10:00:00", "03 10:02:00", 120.0, 1),
        ("next", "03 10:12:00", "03 10:20:00", 480.0, 0),
    ] == rows(con, "responses", RESPONSE)


def test_agent_opened_conversation_counts_from_the_first_post(tmp_path: Path) -> None:
    """The outbound opening is no response; the clock is the first customer post's."""
    con = run(tmp_path, timeline("10:00 reply agent=ann", "10:30 post", "10:34 reply agent=bob"))
    columns = "opened_at opened_by is_complete first_post_at first_agent first_response_seconds"
    expected = ("03 10:00:00", "agent", False, "03 10:30:00", "bob", 240.0)
    assert [expected] == rows(con, "conversations", columns)


def test_response_from_assigned_counts_from_the_assignment_in_force(tmp_path: Path) -> None:
    """The later of assignment and wait counts, to the same agent again the earlier instant."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post", "10:01 assigned agent=ann", "10:02 assigned agent=ann",
            "10:05 reply agent=bob",  # from 10:01: 240 s, credit to the sender
            "10:10 post", "10:13 reply agent=ann",  # from the wait: 180 s
            "10:20 post", "10:21 assigned agent=bob", "10:22 assigned agent=ann",
            "10:25 reply agent=ann",  # from 10:22: 180 s
            "10:30 post", "10:31 unassigned", "10:35 reply agent=ann",  # nobody's: null
            "11:00 closed agent=ann",
        ),
    )  # fmt: skip
    columns = "replied_at agent response_assigned_seconds"
    assert [
        ("03 10:05:00", "bob", 240.0),
        ("03 10:13:00", "ann", 180.0),
        ("03 10:25:00", "ann", 180.0),
        ("03 10:35:00", "ann", None),
    ] == rows(con, "responses", columns)
    columns = "assigned_agent first_assigned_at handle_elapsed_seconds"
    assert [(None, "03 10:01:00", 3540.0)] == rows(con, "conversations", columns)


def test_assignment_before_the_first_message_is_remembered(tmp_path: Path) -> None:
    """A conversation opens at its first message, under scope and assignment seen before it."""
    con = run(
        tmp_path,
        timeline(
            "09:50 assigned agent=ann queue=vip", "09:55 closed agent=ann", "10:00 post",
            "10:02 reply agent=ann",
        ),
    )  # fmt: skip
    columns = "opened_at queue first_response_assigned_seconds closed_at"
    assert [("03 10:00:00", "vip", 120.0, None)] == rows(con, "conversations", columns)


@pytest.mark.parametrize(
    ("post_at", "lives"),
    [("2026-03-10T11:00:00Z", 1), ("2026-03-10T11:00:01Z", 2), ("2026-03-11T11:00:00Z", 2)],
)
def test_post_reopens_up_to_and_at_the_reopen_window(
    tmp_path: Path, post_at: str, lives: int
) -> None:
    """Seven days after the close a post still reopens; a second later it opens a new life."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post channel=chat", "10:05 assigned agent=ann", "11:00 closed agent=ann",
            f"{post_at} post", "2026-03-12T11:00:00Z reply agent=ann",
        ),
    )  # fmt: skip
    found = rows(con, "conversations", "opened_at channel assigned_agent reopen_count is_final")
    if lives == 1:
        assert [("03 10:00:00", "chat", "ann", 1, False)] == found
    else:
        first, second = found
        assert ("03 10:00:00", "chat", "ann", 0, True) == first
        # a new conversation: nothing of the old one holds
        assert ("default", None, 0, False) == second[1:]


def test_only_messages_open_a_new_life(tmp_path: Path) -> None:
    """Past the reopen window `reopened` and notes do nothing; an agent's reply opens."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post", "11:00 closed agent=ann", "2026-03-11T10:00:00Z reopened",
            "2026-03-11T11:00:00Z note agent=ann", "2026-03-11T12:00:00Z reply agent=ann",
        ),
    )  # fmt: skip
    columns = "opened_at opened_by reopen_count first_reply_at"
    assert [
        ("03 10:00:00", "customer", 0, None),
        ("11 12:00:00", "agent", 0, None),
    ] == rows(con, "conversations", columns)


def test_silence_expires_an_open_conversation(tmp_path: Path) -> None:
    """Silence longer than the limit ends it; an event exactly at the limit keeps it alive."""
    lines = ("10:00 post", "2026-03-05T10:00:00Z note agent=ann", "2026-03-07T10:00:01Z post")
    con = run(tmp_path, timeline(*lines), expire_after=2 * DAY)
    columns = "opened_at resolution closed_at waiting_since last_event_at is_final"
    assert [
        ("03 10:00:00", "expired", None, None, "05 10:00:00", True),
        ("07 10:00:01", None, None, "07 10:00:01", "07 10:00:01", False),
    ] == rows(con, "conversations", columns)
    con = run(tmp_path, timeline(*lines), expire_after=None, until="2026-12-01T00:00:00Z")
    assert [(None, "03 10:00:00")] == rows(con, "conversations", "resolution waiting_since")


def test_what_was_said_before_any_message_is_forgotten_with_silence(tmp_path: Path) -> None:
    """A thread that no message has opened doesn't keep its agent and channel for ever."""
    for hours, agent, channel in ((24, "ann", "chat"), (25, None, "default")):
        lines = ["10:00 transferred agent=ann channel=chat", f"2026-03-04T{hours - 14}:00:00Z post"]
        con = run(tmp_path, timeline(*lines), expire_after=DAY)
        assert [(agent, channel)] == rows(con, "conversations", "assigned_agent channel")


def test_silence_up_to_the_replay_end_expires(tmp_path: Path) -> None:
    """With no further event it expires once the replay's end lies past the limit, not at it."""
    events = timeline("10:00 post")
    at_the_limit = run(tmp_path, events, expire_after=DAY, until="2026-03-04T10:00:00Z")
    assert [(None,)] == rows(at_the_limit, "conversations", "resolution")
    past_it = run(tmp_path, events, expire_after=DAY, until="2026-03-04T10:00:01Z")
    assert [("expired",)] == rows(past_it, "conversations", "resolution")


def test_transfers_count_and_change_the_scope_from_then_on(tmp_path: Path) -> None:
    """A transfer moves what follows it; to a person it also assigns."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post brand=acme channel=chat queue=one", "10:01 transferred queue=two",
            "10:02 reply agent=ann", "10:03 transferred channel=email agent=bob priority=high",
        ),
    )  # fmt: skip
    columns = "brand channel queue priority transfer_count assigned_agent"
    assert [("acme", "email", "two", "high", 2, "bob")] == rows(con, "conversations", columns)
    assert [("chat", "one"), ("chat", "two")] == rows(con, "messages", "channel queue")


def test_ties_follow_seq_then_kind(tmp_path: Path) -> None:
    """At one instant a post precedes a reply and a reply a close, unless `seq` says otherwise."""
    by_kind = timeline("10:00 closed agent=a", "10:00 reply agent=a", "10:00 post")
    con = run(tmp_path, by_kind)
    assert [("first", "03 10:00:00", "03 10:00:00", 0.0, 1)] == rows(con, "responses", RESPONSE)
    assert [("03 10:00:00", 2)] == rows(con, "conversations", "closed_at messages_to_resolution")
    by_seq = timeline("10:00 post seq=2", "10:00 reply agent=a seq=1", "10:05 reply agent=a")
    con = run(tmp_path, by_seq)
    assert [("first", "03 10:00:00", "03 10:05:00", 300.0, 1)] == rows(con, "responses", RESPONSE)


def threads() -> list[Event]:
    """Two threads without conversation ids: one under a known root, one under an unknown one."""
    return timeline(
        "10:00 post",
        "10:01 reply agent=ann in_reply_to=e1",
        "10:02 post in_reply_to=e2",
        "10:03 post in_reply_to=lost",
        "10:04 reply agent=ann in_reply_to=e4",
        "10:05 post in_reply_to=lost",
        "10:06 note agent=ann conversation=e1",
        "10:07 post in_reply_to=e7",
        conversation=None,
    )


@pytest.mark.parametrize("step", [1, -1])
def test_threads_follow_in_reply_to_at_any_depth(tmp_path: Path, step: int) -> None:
    """Parents may come before or after; an unknown parent's id names its orphans' thread."""
    con = run(tmp_path, threads()[::step])
    columns = "conversation_id post_count reply_count is_complete"
    assert [("e1", 3, 1, True), ("lost", 2, 1, False)] == rows(con, "conversations", columns)


def test_duplicates_and_refused_lines_do_not_count(tmp_path: Path) -> None:
    """A second line of one source and id counts once; a line that breaks the contract never."""
    good = timeline("10:00 post", "10:05 reply agent=ann")
    twin = {**good[0], "source": "other", "at": "2026-03-03T11:02:00+01:00"}
    broken: list[Event] = [
        {**good[0], "id": "x1", "at": "2026-03-03T10:01:00"},  # no offset
        {**good[1], "id": "x2", "bot": "b"},  # two senders
        {**good[0], "id": "x3", "kind": "shouted"},
        {**good[0], "id": "x4", "arrived_at": "2026-03-03T09:49:59Z"},  # 601 s ahead
        {**good[0], "id": "x5", "conversation": 7},
        {"id": "x6", "at": good[0]["at"], "kind": "closed"},  # of no conversation
    ]
    path = write_lines(tmp_path / "events.jsonl", [*good, good[0], *broken])
    rest = write_lines(tmp_path / "rest.jsonl", [good[1], twin])
    with path.open("ab") as file:
        file.write(b'[1]\n\n\xff\xfe\n{"id": "x7", "at": "2026-')
    con = run_oracle([path, rest], POLICY, None, None)
    found = rows(con, "messages", "source id at")
    assert [
        ("default", "c1-e1", "03 10:00:00"),
        ("default", "c1-e2", "03 10:05:00"),
        ("other", "c1-e1", "03 10:02:00"),
    ] == found
