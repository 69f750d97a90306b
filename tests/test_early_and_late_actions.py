"""What is said of a thread before its first message, and after a conversation's end."""

from __future__ import annotations

from pathlib import Path

import duckdb
from oracle.cases import rows, timeline
from replays import Line, policy_text

from replywatch.sql.checks import check_history


def told(folder: Path, *lines: str) -> duckdb.DuckDBPyConnection:
    """The history of some events; conversations reopen within an hour and expire after two."""
    events = timeline(*lines)
    for event in events:
        if "score" in event:
            event["score"] = float(event["score"])
    line = Line(policy_text(reopen_window="1h", expire_after="2h"))
    return line.feed(*events).end().history(folder)


def test_an_assignment_before_the_first_message_is_of_the_conversation_that_it_opens(
    tmp_path: Path,
) -> None:
    """With the replies of that agent, and only once where the thread has another life."""
    con = told(
        tmp_path,
        "10:00 assigned agent=ann", "10:02 assigned agent=bob", "10:05 post",
        "10:07 reply agent=bob", "10:08 unassigned", "10:09 closed agent=bob",
        "13:00 assigned agent=cyd", "13:01 post", "18:00 assigned agent=dee",
    )  # fmt: skip
    columns = "agent opened_at ended_at previous_agent is_claim is_released reply_count"
    assert [
        ("ann", "03 10:05:00", "03 10:02:00", None, True, False, 0),
        ("bob", "03 10:05:00", "03 10:08:00", "ann", False, True, 1),
        ("cyd", "03 13:01:00", None, None, True, False, 0),
    ] == rows(con, "assignments", columns)
    con.execute(
        "select agent, held_seconds "
        "from taken_between('2026-03-03 09:00+00', '2026-03-03 10:02+00') order by all"
    )
    assert [("ann", 120.0)] == con.fetchall()  # though it was opened after the period
    assert [] == [str(failure) for failure in check_history(con)]


def test_an_answer_to_a_survey_after_the_end_counts_for_nobody(tmp_path: Path) -> None:
    """It is told, and a history with it is sound."""
    con = told(
        tmp_path,
        "10:00 post", "10:05 reply agent=ann", "10:10 closed agent=ann",
        "10:11 survey_sent survey=csat", "12:00 survey_answered survey=csat score=5",
    )  # fmt: skip
    columns = "is_answer agent opened_at"
    assert [
        (False, "ann", "03 10:00:00"), (True, None, None),
    ] == rows(con, "surveys", columns)  # fmt: skip
    assert [(1, 0)] == rows(con, "conversations", "csat_sent_count csat_answer_count")
    assert [] == [str(failure) for failure in check_history(con)]
