"""Rules that only show in rare cases, worked out by hand."""

from __future__ import annotations

from pathlib import Path

from oracle.cases import rows
from replays import policy_text
from test_clocks import told

PLAIN = policy_text(300, 600)


def test_an_answer_in_the_instant_of_its_post_waited_for_nothing(tmp_path: Path) -> None:
    """The longest wait is then 0 seconds, not none."""
    con = told(tmp_path, PLAIN, "10:00 post", "10:00 reply agent=ann")
    columns = "worst_wait_seconds worst_wait_margin_seconds first_response_seconds"
    assert [(0.0, 300.0, 0.0)] == rows(con, "conversations", columns)


def test_an_answer_without_a_clock_is_measured_by_the_next_response(tmp_path: Path) -> None:
    """The close voided the clock; the first response still took four of these ten minutes."""
    con = told(tmp_path, PLAIN, "10:00 post", "10:02 closed customer=jo", "10:04 reply agent=ann")
    columns = "worst_wait_seconds worst_wait_margin_seconds first_response_seconds"
    assert [(240.0, 360.0, 240.0)] == rows(con, "conversations", columns)


def test_language_and_region_are_those_said_last(tmp_path: Path) -> None:
    """An event that says nothing of them leaves them as they are."""
    con = told(
        tmp_path, PLAIN, "10:00 post language=en region=eu", "10:01 post language=de", "10:02 post"
    )
    assert [("de", "eu")] == rows(con, "conversations", "language region")
