"""Agents, bots, surveys and moods on small timelines, expected values worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .cases import DAY, Event, rows, run, timeline

HANDLED = "conversation_id agent handle_active_seconds handle_active_method"


def test_agents_waits_share_their_time(tmp_path: Path) -> None:
    """Four minutes alone and six shared by two are seven and three; nothing lasts past the cap."""
    con = run(
        tmp_path,
        [
            *timeline("10:00 post", "10:10 reply agent=ann", conversation="a"),
            *timeline("10:04 post", "10:10 reply agent=ann", conversation="b"),
            *timeline("10:04 post", "10:10 reply agent=bob", conversation="c"),
            *timeline("11:00 post", "11:10 assigned agent=bob", "11:40 reply agent=bob",
                      conversation="d"),
        ],
    )  # fmt: skip
    assert [
        ("a", "ann", 420.0, "estimated"),
        ("b", "ann", 180.0, "estimated"),
        ("c", "bob", 360.0, "estimated"),
        ("d", "bob", 900.0, "estimated"),
    ] == rows(con, "handling", HANDLED)


def test_focus_replaces_the_estimate(tmp_path: Path) -> None:
    """Focus ends at unfocused, a focus elsewhere or the close; without it time is guessed."""
    con = run(
        tmp_path,
        [
            *timeline("10:00 post", "10:02 focused agent=ann", "10:03 unfocused agent=ann",
                      "10:05 focused agent=ann", "10:10 reply agent=ann", conversation="a"),
            *timeline("10:00 post", "10:01 reply agent=bob", "10:07 focused agent=ann",
                      "10:20 closed agent=ann", "10:30 post", "10:32 reply agent=ann",
                      conversation="b"),
        ],
    )  # fmt: skip
    # in a one minute and, until the focus on b, two more; the focus on b answered nothing
    assert [
        ("a", "ann", 180.0, "focus"),
        ("b", "ann", 120.0, "estimated"),
        ("b", "bob", 60.0, "estimated"),
    ] == rows(con, "handling", HANDLED)


def test_handle_counts_open_assigned_and_unpaused_time(tmp_path: Path) -> None:
    """Not the queue's five minutes, nor the pause's ten; nothing while it is open."""
    lines = (
        "10:00 post", "10:05 assigned agent=ann", "10:10 paused reason=hold", "10:20 resumed",
        "10:30 unassigned", "10:40 assigned agent=bob",
    )  # fmt: skip
    columns = "handle_elapsed_seconds handle_assigned_seconds paused_seconds"
    con = run(tmp_path, timeline(*lines))
    assert [(None, None, 600.0)] == rows(con, "conversations", columns)
    con = run(tmp_path, timeline(*lines, "11:00 closed agent=bob"))
    # from 10:05 on; 5 + 10 minutes with ann, 20 with bob
    assert [(3300.0, 2100.0, 600.0)] == rows(con, "conversations", columns)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("10:00 post", "10:01 closed agent=ann"), ("no_bot", 0, None, False)),
        (("10:00 post", "10:01 reply bot=b", "10:02 closed"), ("contained", 0, None, False)),
        (("10:00 post", "10:01 reply bot=b"), ("abandoned", 0, None, False)),
        (("10:00 post", "10:01 reply bot=b", "10:02 reply agent=ann", "10:03 closed"),
         ("handed_off", 0, None, True)),
        (("10:00 post", "10:01 handed_off bot=b", "10:02 handed_off bot=b", "10:03 closed bot=b"),
         ("handed_off", 1, 60.0, False)),
    ],
)  # fmt: skip
def test_each_conversation_has_one_bot_outcome(
    tmp_path: Path, lines: tuple[str, ...], expected: tuple[Any, ...]
) -> None:
    """Only a closed conversation with a bot, no person and no hand-off is contained."""
    con = run(tmp_path, timeline(*lines))
    columns = "bot_outcome handoff_count handoff_seconds is_one_touch"
    assert [expected] == rows(con, "conversations", columns)


def test_human_clock_starts_at_the_handoff_or_the_latest_reopen(tmp_path: Path) -> None:
    """Whichever came last before a person's first reply."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post", "10:10 handed_off bot=b", "10:20 closed bot=b", "11:00 post",
            "11:01 handed_off bot=b", "11:05 reply agent=ann",
        ),
    )  # fmt: skip
    columns = "first_response_seconds first_response_human_seconds"
    assert [(3900.0, 300.0)] == rows(con, "conversations", columns)


def survey(*scores: tuple[str, str, float, float | None]) -> list[Event]:
    """Answers to surveys from 12:00 on, a minute apart."""
    return [
        {
            "id": f"s{number}", "at": f"2026-03-03T12:{number:02}:00Z", "kind": kind,
            "conversation": "c1", "survey": name, "score": score, "scale_max": scale,
        }
        for number, (kind, name, score, scale) in enumerate(scores)
    ]  # fmt: skip


def test_surveys_keep_first_last_and_flips_and_credit_whoever_was_handling(tmp_path: Path) -> None:
    """An answer credits who had it when the survey was sent, without one who has it now."""
    con = run(
        tmp_path,
        [
            *timeline("10:00 post", "10:01 reply agent=ann", "10:02 survey_sent survey=csat",
                      "10:03 assigned agent=bob"),
            *survey(
                ("survey_answered", "csat", 4, None), ("survey_answered", "csat", 1, 3),
                ("survey_answered", "csat", 2, 3), ("survey_answered", "csat", 1, 1),
                ("survey_answered", "nps", 7, None), ("survey_answered", "nps", 6, 10),
            ),
        ],
    )  # fmt: skip
    columns = (
        "csat_first_score csat_score csat_is_positive csat_sent_count csat_answer_count"
        " csat_flip_count csat_agent nps_score nps_group nps_agent"
    )
    assert [(4.0, 1.0, True, 1, 4, 2, "ann", 6.0, "detractor", "bob")] == rows(
        con, "conversations", columns
    )
    columns = "kind survey is_positive credited_agent"
    found = [row for row in rows(con, "actions", columns) if row[0] == "survey_answered"]
    assert {("survey_answered", "nps", None, "bob"), ("survey_answered", "csat", False, "ann"),
            ("survey_answered", "csat", True, "ann")} == set(found)  # fmt: skip


def test_moods_tags_and_channels_are_told(tmp_path: Path) -> None:
    """First and last score, tags once each, a change of channel, the loop closed in public."""
    events = timeline(
        "10:00 post visibility=private", "10:01 tagged topic=money", "10:02 post channel=chat",
        "10:03 reply agent=ann", "10:03 tagged", "10:04 closed agent=ann",
    )  # fmt: skip
    events[0]["sentiment"], events[2]["sentiment"] = -0.5, 0.25
    events[1]["tags"], events[4]["tags"] = ["b", "a"], ["a", "c"]
    events[4]["actionable"] = False
    con = run(tmp_path, events)
    columns = (
        "sentiment_start sentiment_end sentiment_count tags topic is_actionable in_channel"
        " is_closed_in_public is_closed_with_customer_last"
    )
    expected = (-0.5, 0.25, 2, ["b", "a", "c"], "money", False, False, True, False)
    assert [expected] == rows(con, "conversations", columns)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("10:00 post", "10:05 closed customer=kim"), True),
        (("10:00 post", "10:05 closed agent=ann"), False),
        (("10:00 post", "10:01 reply agent=ann", "10:05 closed customer=kim"), False),
        (("10:00 post", "2026-04-30T00:00:00Z post"), True),
    ],
)
def test_abandoned_is_given_up_by_the_customer_unanswered(
    tmp_path: Path, lines: tuple[str, ...], expected: bool
) -> None:
    """Closed by the customer, or run out in silence, with no person's reply."""
    con = run(tmp_path, timeline(*lines), expire_after=30 * DAY)
    assert expected == rows(con, "conversations", "is_abandoned opened_at")[-1][0]


def test_agent_states_last_until_the_next(tmp_path: Path) -> None:
    """The last one goes on, another agent's changes nothing."""
    events = [
        {"id": "1", "at": "2026-03-03T08:00:00Z", "kind": "agent_state", "agent": "ann",
         "state": "available"},
        {"id": "2", "at": "2026-03-03T08:30:00Z", "kind": "agent_state", "agent": "bob",
         "state": "away"},
        {"id": "3", "at": "2026-03-03T09:00:00Z", "kind": "agent_state", "agent": "ann",
         "state": "busy"},
    ]  # fmt: skip
    con = run(tmp_path, events)
    assert [
        ("ann", "available", "03 09:00:00", 3600.0),
        ("ann", "busy", None, None),
        ("bob", "away", None, None),
    ] == rows(con, "agent_states", "agent state ended_at seconds")


def test_actions_tell_what_stood_before_them(tmp_path: Path) -> None:
    """Who had it, the wait that ran and the scope it came from."""
    con = run(
        tmp_path,
        timeline(
            "10:00 post queue=one", "10:01 assigned agent=ann",
            "10:02 transferred queue=two agent=bob",
            "10:03 reply agent=bob", "10:04 unassigned reason=lunch", "10:05 closed agent=bob",
        ),
    )  # fmt: skip
    columns = "kind handling_agent wait_started_at is_answered from_queue queue reason"
    assert [
        ("assigned", None, "03 10:00:00", False, "one", "one", None),
        ("closed", "bob", None, True, "two", "two", None),
        ("transferred", "ann", "03 10:00:00", False, "one", "two", None),
        ("unassigned", "bob", None, True, "two", "two", "lunch"),
    ] == rows(con, "actions", columns)
