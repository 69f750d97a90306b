"""What the boards say, worded by Grafana's own formatting code: targets, zero, no data, ages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from boards.words import Series, say, series

Board = dict[str, Any]
GREEN, RED, ORANGE = "#73BF69", "#F2495C", "#FF9830"


def _panel(board: Board, title: str) -> Any:
    return next(panel for panel in board["panels"] if panel["title"] == title)


@pytest.mark.parametrize(
    ("title", "found", "text", "name", "color"),
    [
        ("Longest wait", series("A", 377, "Wait · over target"), "00:06:17",
         "Wait · over target", RED),
        ("Longest wait", series("B", 200, "Wait · near target"), "00:03:20",
         "Wait · near target", ORANGE),
        ("Longest wait", series("D", 0, "Wait"), "Nobody", "Wait", GREEN),
        ("Target of the first answer", series("A", 300, "chat target"), "00:05:00",
         "chat target", None),
        ("First answers in target, last hour", series("A", 0.87, "In target · too few"),
         "87%", "In target · too few", RED),
        ("First answers in target, last hour", series("C", 0, "In target"),
         "None due", "In target", None),
        ("Objective", series("A", 0.9, "objective"), "90%", "objective", None),
        ("Overdue now", series("A", 12, "Overdue · answer"), "12",
         "Overdue · answer", RED),
        ("Overdue now", series("B", 0, "Overdue"), "None", "Overdue", GREEN),
        ("Due soon", series("B", 0, "Due soon"), "None", "Due soon", GREEN),
        ("Waiting now", series("C", 0, "Waiting"), "Nobody", "Waiting", GREEN),
        ("How old the news are", series("A", 2, "Live · news are this old"), "00:00:02",
         "Live · news are this old", GREEN),
        ("How old the news are", series("C", 1, "Replywatch isn't heard"), "No signal",
         "Replywatch isn't heard", RED),
    ],
)  # fmt: skip
def test_the_wallboard_says_it(
    grafana_code: Path,
    boards: dict[str, Board],
    title: str,
    found: Series,
    text: str,
    name: str,
    color: str | None,
) -> None:
    """The number as it is read, what it is called, and its colour."""
    panel = _panel(boards["care-wallboard"], title)
    assert found["name"] in [one["legendFormat"] for one in panel["targets"]] or color is None
    said = say(grafana_code, [(panel, [found])])[0][0]
    assert (text, name) == (said["text"], said["title"])
    assert color in (None, said["color"])


def test_no_number_is_shown_where_nothing_is_known(
    grafana_code: Path, boards: dict[str, Board]
) -> None:
    """Without any series each number of each board says so in words of its own, not "No data"."""
    asked: list[tuple[Any, list[Series]]] = [
        (panel, [])
        for board in boards.values()
        for panel in board["panels"]
        if panel["type"] in ("stat", "bargauge")
    ]
    assert len(asked) > 30
    for (panel, _), said in zip(asked, say(grafana_code, asked), strict=True):
        wanted = panel["fieldConfig"]["defaults"]["noValue"]
        assert [wanted] == [one["text"] for one in said], panel["title"]
        assert "No data" != wanted


def test_zero_is_told_in_words(grafana_code: Path, boards: dict[str, Board]) -> None:
    """Where zero is the good news, it is a word: nobody, none, empty."""
    asked = [
        (_panel(boards[uid], title), [series("A", 0)])
        for uid, title in [
            ("care-queue", "Waiting"),
            ("care-queue", "Overdue"),
            ("care-queue", "Longest wait"),
            ("care-volume", "Queues in an episode"),
            ("care-crisis", "Volume"),
            ("care-pipeline", "Replywatch"),
            ("care-pipeline", "Refused, last hour"),
        ]
    ]
    said = [one[0]["text"] for one in say(grafana_code, asked)]
    assert ["nobody", "none", "nobody waits", "none", "usual", "down", "none"] == said
