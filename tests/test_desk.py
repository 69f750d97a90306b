"""A desk from what shards say to it: rows of windows, the board, and what counters count."""

from __future__ import annotations

import tomllib
from fractions import Fraction
from typing import Any

import pytest
from replays import policy_text

from replywatch.metrics.book import Answer, Book, Focus
from replywatch.metrics.cells import (
    CLOSED,
    DUE,
    DUE_LEFT,
    EXPIRED,
    FIRST_RESPONSE,
    MET,
    MINUTE_POSTS,
    MISSED,
    OPENED,
    POSTS,
    VOID,
    WAIT,
    WAIT_LEFT,
    Cell,
    Partial,
    Told,
)
from replywatch.metrics.desk import Desk
from replywatch.metrics.policy import Objective, PolicyBook, read_policy
from replywatch.metrics.scope_state import attainment, is_under, percentile
from replywatch.metrics.standing import Standing
from replywatch.metrics.times import DAY, HOUR, MINUTE, SECOND, WINDOW, to_text
from replywatch.sql.schemas import TABLES

START = 20_000 * DAY
SCOPE = ("acme", "chat", "vip")
OTHER = ("acme", "chat", "all")
COLUMNS = [name for name, _ in TABLES["windows"].columns]
FIVE = policy_text(300, 600, min_outcomes=5)


def book(*texts: str) -> PolicyBook:
    """The rules of these policies."""
    return PolicyBook(read_policy(tomllib.loads(text)) for text in texts)


def desk(*texts: str, keep: int = DAY, shards: int = 1) -> Desk:
    """A desk under these policies, by default one whose windows want nine of ten in time."""
    return Desk(shards, book(*(texts or [FIVE])), keep)


def say(
    to: Desk,
    as_of: int,
    *cells: tuple[int, Cell],
    taken_back: tuple[tuple[int, Cell], ...] = (),
    late: tuple[tuple[int, Cell], ...] = (),
    is_end: bool = False,
) -> list[dict[str, Any]]:
    """Say something to a desk (numbers of windows), and the rows that it then writes."""
    added = [(SCOPE, START + window * WINDOW, cell) for window, cell in cells]
    corrections = [
        (SCOPE, START + window * WINDOW, cell, is_added)
        for some, is_added in ((late, True), (taken_back, False))
        for window, cell in some
    ]
    to.receive(Partial(0, 0, START + as_of, is_end, added, corrections))
    return [dict(zip(COLUMNS, row, strict=True)) for row in to.advance()]


def outcomes(met: int, missed: int, sla: int = 0) -> Cell:
    """So many clocks of an SLA that ended."""
    return Cell([MET + sla] * met + [MISSED + sla] * missed)


# -- windows --------------------------------------------------------------------------------------


def test_a_window_is_written_when_the_watermark_reaches_its_end() -> None:
    """All of its columns; waits that began in it and before are still running."""
    asked = desk()
    facts = [POSTS, POSTS, OPENED, CLOSED, MET, MET + 1, MISSED + 2, VOID]
    values = [(FIRST_RESPONSE, length * SECOND) for length in (10, 20, 60)]
    cell = Cell(facts, [*values, (WAIT, START + MINUTE), (WAIT, START + 2 * MINUTE)])
    assert [] == say(asked, WINDOW - 1, (0, cell))
    (row,) = say(asked, WINDOW)
    expected = {
        "window_start": START, "brand": "acme", "channel": "chat", "queue": "vip", "posts": 2,
        "replies": 0, "opened": 1, "closed": 1, "answered": 3, "met": 2, "missed": 1,
        "attainment": 2 / 3, "is_breached": False, "first_response_p50": 20.0,
        "first_response_p90": 52.0, "first_response_mean": 30.0, "waiting": 2,
        "oldest_wait_seconds": 240.0, "posts_expected": None, "spike_score": None,
        "is_spike": False, "final_at": START + WINDOW + DAY, "revision": 0,
    }  # fmt: skip
    assert expected == row


def test_what_comes_once_a_window_has_ended_restates_it() -> None:
    """With a higher revision; what no column shows writes nothing."""
    asked = desk()
    say(asked, WINDOW, (0, Cell([POSTS])))
    (once,) = say(asked, WINDOW, (0, Cell([POSTS])))
    (twice,) = say(asked, WINDOW, late=((0, Cell([POSTS, POSTS])),))
    assert [(2, 1), (4, 2)] == [(row["posts"], row["revision"]) for row in (once, twice)]
    assert [] == say(asked, WINDOW, late=((0, Cell([VOID])),))
    (less,) = say(asked, WINDOW, taken_back=((0, Cell([POSTS])),))
    assert (3, 3) == (less["posts"], less["revision"])


def test_a_late_wait_changes_every_window_until_it_ends() -> None:
    """Also one in which nothing else happened when it was closed; two of four differ."""
    asked = desk()
    say(asked, 4 * WINDOW, *((window, Cell([POSTS])) for window in (0, 2, 3)))
    wait = (1, Cell([POSTS], [(WAIT, START + WINDOW)]))
    end = (3, Cell([], [(WAIT_LEFT, START + WINDOW)]))
    found = say(asked, 4 * WINDOW, late=(wait, end))
    shown = [
        (row["window_start"] - START, row["waiting"], row["oldest_wait_seconds"]) for row in found
    ]
    assert [(WINDOW, 1, 300.0), (2 * WINDOW, 1, 600.0)] == shown
    assert [0, 1] == [row["revision"] for row in found]


def test_a_window_can_be_restated_until_it_is_forgotten() -> None:
    """One older than an hour when another closes is; what it still says moves the state alone."""
    asked = desk(keep=HOUR)
    say(asked, WINDOW, (0, Cell([POSTS])))
    say(asked, 2 * WINDOW, (1, Cell([POSTS])))
    say(asked, HOUR + WINDOW, (12, Cell([POSTS])))  # forgets what began before the second window
    wait = Cell([POSTS], [(WAIT, START)])
    assert [] == say(asked, HOUR + WINDOW, late=((0, wait),))
    assert [1] == [board.waiting for board in asked.show()[0]]
    assert [] == say(asked, HOUR + WINDOW, taken_back=((0, wait),))
    assert [0] == [board.waiting for board in asked.show()[0]]
    rows = say(asked, HOUR + WINDOW, late=((1, wait),))
    assert [WINDOW, HOUR] == [row["window_start"] - START for row in rows]
    assert [1] == [board.waiting for board in asked.show()[0]]


def test_the_objective_is_that_of_the_last_instant_of_a_window() -> None:
    """A version that begins with the next window doesn't judge this one."""
    strict = policy_text(300, 600, min_outcomes=1).replace('"v1"', '"v2"')
    for since, is_breached in ((WINDOW - 1, True), (WINDOW, False)):
        begins = to_text(START + since)
        asked = desk(FIVE, strict.replace("2000-01-01T00:00:00Z", begins))
        (row,) = say(asked, WINDOW, (0, outcomes(0, 1)))
        assert is_breached == row["is_breached"]


def test_the_last_windows_end_with_the_stream() -> None:
    """Amid one; the oldest wait is measured there, and the board shows that window."""
    asked = desk()
    cell = Cell([POSTS, *[MISSED] * 5], [(WAIT, START + MINUTE)])
    (row,) = say(asked, 3 * MINUTE, (0, cell), is_end=True)
    assert 120.0 == row["oldest_wait_seconds"]
    (board,) = asked.show()[0]
    assert (1, True) == (board.window_posts, board.is_breached["first_response"])


def test_silence_is_passed_on_the_hour_when_shown_and_at_the_end() -> None:
    """Nothing is done for a scope at rest in between; one with an episode hears of each window."""
    asked = desk()
    assert ([], {}) == (asked.show()[0], asked.show()[1].cells)
    taught = [MINUTE_POSTS + minute for minute in range(5)]
    say(asked, HOUR, *((window, Cell([POSTS] * 5 + taught)) for window in range(12)))
    volume = asked.scopes[SCOPE].volume

    def passed(as_of: int, is_end: bool = False) -> int | None:
        say(asked, as_of, is_end=is_end)
        return None if volume.next is None else (volume.next - START) // MINUTE

    assert [60, 60, 120, 120] == [passed(HOUR + at * MINUTE) for at in (10, 59, 61, 90)]
    assert 120 == passed(2 * HOUR + 31 * MINUTE)
    asked.show()
    assert 150 == passed(2 * HOUR + 31 * MINUTE)
    burst = [MINUTE_POSTS] * 900
    say(asked, 2 * HOUR + 40 * MINUTE, (31, Cell([POSTS] * 900 + burst)))
    assert volume.is_active
    assert 165 == passed(2 * HOUR + 46 * MINUTE)
    assert not volume.is_active
    assert [165, 165] == [passed(2 * HOUR + at * MINUTE) for at in (50, 58)]
    assert 175 == passed(2 * HOUR + 59 * MINUTE, is_end=True)


# -- the board ------------------------------------------------------------------------------------


def hour(asked: Desk) -> None:
    """Twelve windows with five first responses each, all but one in time."""
    met = [(window, outcomes(5, 0)) for window in range(12)]
    met[3] = (3, outcomes(4, 1))
    say(asked, HOUR, *met)


def test_a_breach_is_early_by_what_the_last_hour_makes_expect() -> None:
    """Five clocks a window are expected; one miss leaves four of five, too few."""
    for cell, is_breached in ((outcomes(0, 1), True), (outcomes(1, 0), False), (None, False)):
        asked = desk()
        hour(asked)
        say(asked, HOUR + MINUTE, *([(12, cell)] if cell else []))
        (board,) = asked.show()[0]
        assert is_breached == board.is_breached["first_response"]
        assert not board.is_breached["next_response"]


def test_the_last_window_and_the_last_hour_stand_on_the_board() -> None:
    """Attainment by SLA, and clocks of twelve windows."""
    asked = desk()
    say(asked, HOUR, *((window, outcomes(1, 2, sla=1)) for window in range(12)))
    say(asked, HOUR + WINDOW, (12, outcomes(2, 6, sla=1)))
    (board,) = asked.show()[0]
    shares = {"first_response": None, "next_response": 0.25, "resolution": None}
    assert shares == board.attainment
    assert (13, 28) == (board.met_last_hour, board.missed_last_hour)
    assert (False, True) == tuple(board.is_breached[f"{sla}_response"] for sla in ("first", "next"))
    say(asked, HOUR + 2 * WINDOW)
    (board,) = asked.show()[0]
    assert {None} == set(board.attainment.values())
    assert not any(board.is_breached.values())


def test_minutes_to_come_are_not_judged_yet() -> None:
    """Another shard may be ahead of this one: its posts count, and wait for their minute."""
    asked = desk()
    taught = [MINUTE_POSTS + minute for minute in range(5)]
    say(asked, HOUR, *((window, Cell([POSTS] * 5 + taught)) for window in range(12)))
    minutes = (4, 4, 90, 90, 90)
    facts = [MINUTE_POSTS + minute for minute, count in enumerate(minutes) for _ in range(count)]
    say(asked, HOUR + 90 * SECOND, (12, Cell([POSTS] * len(facts) + facts)))
    (board,) = asked.show()[0]
    assert (278, 5.0) == (board.window_posts, board.posts_expected)
    assert (8 + 3) / (2 + 3) / 50 == pytest.approx(board.spike_score)
    say(asked, HOUR + 2 * WINDOW)
    assert 0 == asked.show()[0][0].window_posts


def test_deadlines_and_danger_of_each_sla_stand_apart() -> None:
    """What expires leaves the backlog."""
    asked = desk()
    values = [(DUE + sla, START + DAY + sla) for sla in range(3)]
    say(asked, MINUTE, (0, Cell([OPENED, OPENED, EXPIRED], values)))
    (board,) = asked.show()[0]
    names = ("first_response", "next_response", "resolution")
    assert {name: START + DAY + sla for sla, name in enumerate(names)} == board.next_due_at
    assert 1 == board.backlog
    say(asked, 2 * MINUTE, (0, Cell([], [(DUE_LEFT + 1, START + DAY + 1)])))
    assert {"first_response", "resolution"} == set(asked.show()[0][0].next_due_at)


def test_counters_count_what_came_in_and_never_what_is_taken_back() -> None:
    """Of events in time all, of late ones what there is more of; each once."""
    asked = desk()
    added = [(SCOPE, START, Cell([POSTS])), (SCOPE, START + WINDOW, Cell([POSTS, POSTS]))]
    counted = [(OTHER, Cell([CLOSED]))]
    corrections = [(SCOPE, START, Cell([POSTS]), False)]
    for _ in range(2):
        said = Partial(0, 0, START + HOUR, False, added, corrections, counted, 7, 3, 2)
        asked.receive(said)
    fresh = asked.show()[1]
    assert (14, 6, 4) == (fresh.events, fresh.late, fresh.forgotten)
    assert {SCOPE: [POSTS] * 6, OTHER: [CLOSED] * 2} == {
        scope: cell.facts for scope, cell in fresh.cells.items()
    }
    again = asked.show()[1]
    assert (0, 0, 0, {}) == (again.events, again.late, again.forgotten, again.cells)


# -- parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3, 10, 11, 21])
def test_a_percentile_lies_between_two_values(length: int) -> None:
    """As the definition has it: at that share of the way from the first to the last."""
    values = sorted(number * number * 7_000_001 for number in range(length))
    for percent in (0, 1, 50, 90, 99, 100):
        place = Fraction(percent * (length - 1), 100)
        below = int(place)
        above = min(below + 1, length - 1)
        true = values[below] + (values[above] - values[below]) * (place - below)
        assert float(true / SECOND) == percentile(values, percent)
    assert percentile([], 50) is None


def test_a_window_is_under_its_objective_from_enough_clocks_on() -> None:
    """Nine of ten are just enough; nothing is known where none ended."""
    nine_of_ten = Objective(ratio=0.9, min_outcomes=10)
    cases = ((9, 1, False), (8, 2, True), (8, 1, False), (0, 10, True), (0, 0, False))
    for met, missed, is_breached in cases:
        assert is_breached == is_under(nine_of_ten, met, missed)
        assert not is_under(None, met, missed)
    assert [0.75, 0.5, None, 1.0] == [attainment(*one) for one in ((3, 1), (1, 1), (0, 0), (2, 0))]


def test_what_is_told_can_be_undone() -> None:
    """In any order, and nothing is left of it."""
    facts = list(range(MINUTE_POSTS + 14))
    values = [(kind, START + kind) for kind in range(DUE_LEFT + 3)]
    standing = Standing()
    for sign in (1, 1, -1, 1, -1, -1):
        standing.move(Told.by(Cell(facts[::2], values[::2])), sign)
    assert Standing() == standing


def test_a_restatement_corrects_what_two_tellings_differ_in() -> None:
    """Counters get what there is more of, in the scope where it stands now."""
    policy = book(FIVE)
    kept, undone, redone = Book(policy), Book(policy), Book(policy)
    undone.cell(SCOPE, START).facts += [POSTS, POSTS, OPENED]
    undone.cell(SCOPE, START + WINDOW).facts += [MET]
    undone.cell(SCOPE, START + WINDOW).values += [(FIRST_RESPONSE, 5), (FIRST_RESPONSE, 5)]
    redone.cell(SCOPE, START).facts += [POSTS, OPENED, POSTS]
    redone.cell(OTHER, START + WINDOW - 1).facts += [MET, MISSED]
    redone.cell(SCOPE, START + WINDOW).values += [(FIRST_RESPONSE, 5)]
    old, new = (Answer("ann", "c", 0, at, at, at, SCOPE, 0) for at in (START, START + 1))
    away, back = (Focus("ann", START, (True, 0, 6, name, ""), "c", True) for name in "ab")
    undone.answers, undone.focus = [old], [away]
    redone.answers, redone.focus = [new], [back]
    kept.restate(OTHER, undone, redone)
    assert ([new], [back]) == (kept.answers, kept.focus)
    assert ([old], [away]) == (kept.answers_taken_back, kept.focus_taken_back)
    assert [
        (OTHER, START, Cell([MET, MISSED]), True),
        (SCOPE, START + WINDOW, Cell([MET], [(FIRST_RESPONSE, 5)]), False),
    ] == kept.corrections
    assert [(OTHER, Cell([MISSED]))] == kept.counted
