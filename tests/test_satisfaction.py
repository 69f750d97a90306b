"""Surveys: what is positive, who is a promoter, and whom an answer is credited to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from oracle.cases import rows, timeline
from replays import Line, policy_text

from replywatch.metrics.satisfaction import NpsScale, SurveyScales

POLICY = policy_text()
CSAT = "csat_score csat_is_positive csat_sent_count csat_answer_count csat_first_score csat_agent"


def told(tmp_path: Path, *lines: str, policy: str = POLICY, **numbers: Any) -> Any:
    """A timeline through the flow's steps; `score` and `scale_max` are numbers."""
    events = timeline(*lines)
    for event in events:
        for name in ("score", "scale_max", "sentiment"):
            if name in event:
                event[name] = float(event[name])
    line = Line(policy)
    for event in events:
        line.feed(event)
    return line.end().history(tmp_path)


@pytest.mark.parametrize(
    ("score", "scale_max", "expected"),
    [
        (5, 5, True), (4, 5, True), (3.9, 5, False), (3, None, False), (4, None, True),
        (1, 1, True), (0, 1, False), (3, 3, True), (2.5, 3, True), (2, 3, False),
        (8, 10, True), (7.75, 10, True), (7.7, 10, False), (1, 2, False), (2, 2, True),
        (1.75, 2, True),
    ],
)  # fmt: skip
def test_the_upper_quarter_of_a_scale_is_positive(
    score: float, scale_max: float | None, expected: bool
) -> None:
    """A scale begins at 1; one of 1 alone is a thumb up or none; without a name it has 5."""
    assert expected == SurveyScales().is_positive(score, scale_max)


def test_a_policy_may_say_what_is_positive() -> None:
    """By the highest score of the scale; scales it doesn't name keep the usual rule."""
    scales = SurveyScales(csat_positive_from={"5": 5, "7": 5.5})
    given = [(4, 5), (5, None), (5.5, 7), (5, 7), (8, 10)]
    assert [False, True, True, False, True] == [scales.is_positive(*one) for one in given]


@pytest.mark.parametrize(
    ("score", "expected"),
    [(0, "detractor"), (6, "detractor"), (6.9, "detractor"), (7, "passive"), (8, "passive"),
     (9, "promoter"), (10, "promoter")],
)  # fmt: skip
def test_nps_has_its_three_groups_on_ten(score: float, expected: str) -> None:
    """Where no scale is given it is 0 to 10."""
    assert expected == SurveyScales().nps_group(score, None)
    assert expected == SurveyScales().nps_group(score, 10)


def test_nps_on_another_scale_has_a_group_only_if_it_is_mapped() -> None:
    """Nothing is guessed from a scale of five."""
    assert SurveyScales().nps_group(5, 5) is None
    mapped = SurveyScales(nps={"5": NpsScale(promoter_from=5, passive_from=4)})
    found = [mapped.nps_group(score, 5) for score in (3, 4, 5)]
    assert ["detractor", "passive", "promoter"] == found


def test_credit_goes_to_who_had_it_when_the_survey_went_out(tmp_path: Path) -> None:
    """Not to who has it when the answer comes; first and last answer are both kept."""
    con = told(
        tmp_path,
        "10:00 post", "10:01 assigned agent=ann", "10:02 reply agent=ann",
        "10:03 survey_sent survey=csat", "10:04 assigned agent=bob",
        "10:05 survey_answered survey=csat score=2 scale_max=5",
        "10:06 survey_answered survey=csat score=5 scale_max=5",
    )  # fmt: skip
    assert [(5.0, True, 1, 2, 2.0, "ann")] == rows(con, "conversations", CSAT)
    assert [(1,)] == rows(con, "conversations", "csat_flip_count")
    said = rows(con, "actions", "kind credited_agent handling_agent is_positive")
    assert [
        ("assigned", None, "ann", None),
        ("assigned", None, None, None),
        ("survey_answered", "ann", "bob", False),
        ("survey_answered", "ann", "bob", True),
        ("survey_sent", "ann", "ann", None),
    ] == said


def test_an_answer_to_no_known_survey_is_credited_to_who_has_it(tmp_path: Path) -> None:
    """The person it is assigned to, else the last one who wrote."""
    con = told(
        tmp_path, "10:00 post", "10:02 reply agent=ann", "10:05 survey_answered survey=nps score=9"
    )
    columns = "nps_score nps_group nps_agent"
    assert [(9.0, "promoter", "ann")] == rows(con, "conversations", columns)


def test_surveys_neither_open_nor_reopen_nor_wait(tmp_path: Path) -> None:
    """An answer after the close leaves it closed; one without a conversation opens none."""
    con = told(
        tmp_path,
        "10:00 post", "10:01 reply agent=ann", "10:02 closed agent=ann",
        "10:03 survey_sent survey=csat", "10:04 survey_answered survey=csat score=4",
    )  # fmt: skip
    columns = "closed_at reopen_count waiting_since csat_score"
    assert [("03 10:02:00", 0, None, 4.0)] == rows(con, "conversations", columns)
    alone = told(tmp_path / "b", "10:04 survey_answered survey=csat score=4")
    assert [] == rows(alone, "conversations", columns)


def test_flips_count_answers_that_turn(tmp_path: Path) -> None:
    """From positive to not or back, each time; the same twice is none."""
    con = told(
        tmp_path,
        "10:00 post", *(f"10:0{n} survey_answered survey=csat score={score}"
                        for n, score in enumerate([5, 4, 1, 2, 5], 1)),
    )  # fmt: skip
    assert [(5, 2)] == rows(con, "conversations", "csat_answer_count csat_flip_count")


def test_a_survey_that_goes_out_with_a_score_is_no_answer(tmp_path: Path) -> None:
    """Whatever a source writes beside it."""
    con = told(tmp_path, "10:00 post", "10:01 survey_sent survey=csat score=5")
    columns = "csat_sent_count csat_answer_count csat_score"
    assert [(1, 0, None)] == rows(con, "conversations", columns)


def test_sentiment_is_that_of_the_first_and_last_scored_post(tmp_path: Path) -> None:
    """Posts without a score leave it as it is."""
    con = told(
        tmp_path,
        "10:00 post", "10:01 post sentiment=-0.5", "10:02 post sentiment=0.1",
        "10:03 post sentiment=0.75", "10:04 post",
    )  # fmt: skip
    columns = "sentiment_start sentiment_end sentiment_count"
    assert [(-0.5, 0.75, 3)] == rows(con, "conversations", columns)
