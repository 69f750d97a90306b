"""The wallboard in the terminal: what it says, how wide it gets, and that it never interferes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len
from rich.console import Console

from replywatch.dashboards.board_words import (
    attainment_words,
    board_line,
    duration_words,
    expected_words,
    progress_words,
    spike_words,
    worst_first,
)
from replywatch.dashboards.terminal import TerminalWallboard, board_svg, render_board
from replywatch.flows.live import LiveMetrics
from replywatch.flows.settings import load_policy
from replywatch.flows.steps import Shown
from replywatch.metrics.board import Board, ScopeBoard

SECOND = 1_000_000
AS_OF = int(datetime(2026, 3, 4, 12, 37, 10, tzinfo=UTC).timestamp()) * SECOND
WINDOW = AS_OF // (300 * SECOND) * (300 * SECOND)
TARGETS = {"first_response": 300.0, "next_response": 600.0}
URL = "http://127.0.0.1:9464/metrics"
WIDTHS = (80, 100, 120, 144, 150, 162, 200)
DASH = "\N{EN DASH}"


def social() -> ScopeBoard:
    """A scope in trouble: overdue, and twelve times the posts it expects."""
    return ScopeBoard(
        brand="acme",
        channel="x",
        queue="social",
        waiting=31,
        unassigned=19,
        backlog=118,
        overdue={"first_response": 9, "next_response": 2},
        next_due_at={"first_response": AS_OF + 41 * SECOND},
        oldest_wait_at=AS_OF - 1120 * SECOND,
        window_start=WINDOW,
        window_posts=156,
        posts_expected=13.0,
        is_spike=True,
        met_last_hour=71,
        missed_last_hour=29,
    )


def billing() -> ScopeBoard:
    """A scope with nothing going on and nothing known."""
    return ScopeBoard(brand="acme", channel="x", queue="billing", window_start=WINDOW)


def busy(scopes: int = 2) -> Board:
    """One scope in trouble, the rest idle, 62% of the way through a replay."""
    idle = [ScopeBoard("acme", "mail", f"queue{n:02d}") for n in range(scopes - 2)]
    return Board(
        as_of=AS_OF,
        scopes=[billing(), *idle, social()],
        events_total=1_204_332,
        rejected_total=12,
        late_total=3,
        progress_ratio=0.62,
    )


def rendered(board: Board, width: int = 120, height: int = 24, mode: str = "replay") -> str:
    """What the board prints, as plain text."""
    console = Console(width=width, height=height, file=StringIO(), force_terminal=False)
    console.print(render_board(board, mode=mode, metrics_url=URL, targets=TARGETS))
    output = console.file
    assert isinstance(output, StringIO)
    return output.getvalue()


def wallboard(board: Board, console: Console) -> TerminalWallboard:
    """A wallboard that always reads `board`."""
    return TerminalWallboard(lambda: board, console, mode="demo", metrics_url=URL, targets=TARGETS)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_board_says_everything_at_every_width(width: int) -> None:
    """Every total, the worst scope and the footer are legible from 80 to 200 columns."""
    text = rendered(busy(12), width, 20)
    for words in (
        "REPLYWATCH",
        "replay",
        "Wed 2026-03-04 12:37:10 UTC",
        "62%",
        "longest wait",
        "answered in target",
        "18m 40s",
        "acme/x/social",
        "71%",
        "n=100",
        "19 unassigned",
        "first 9, next 2",
        "posts since 12:35",
        "156/13",
        "SPIKE x12",
        "1,204,332 events, 12 rejected, 3 late",
        URL,
    ):
        assert words in text


@pytest.mark.parametrize("height", [20, 24, 40])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_board_stays_inside_the_console(width: int, height: int) -> None:
    """No line is wider than the console, and one row stays free for the cursor."""
    lines = rendered(busy(60), width, height).splitlines()
    assert max(cell_len(line) for line in lines) <= width
    assert len(lines) <= height - 1


def test_the_same_board_gives_the_same_picture() -> None:
    """The rendering takes nothing from the wall clock."""
    assert rendered(busy()) == rendered(busy())


def test_totals_stand_in_big_digits_where_there_is_room() -> None:
    """Numbers are three rows high on a tall console and plain on a short one."""
    assert "╺━┓ ┓" not in rendered(busy(12), 80, 20)
    assert "╺━┓ ┓" in rendered(busy(12), 80, 40)


def test_the_worst_scope_comes_first_and_the_rest_is_counted() -> None:
    """Scopes that do not fit are named by their number, never dropped in silence."""
    board = busy(40)
    text = rendered(board, 80, 24)
    rows = [line for line in text.splitlines() if line.startswith(("acme/", "+"))]
    assert worst_first(board)[0] == social()
    assert rows[0].startswith("acme/x/social")
    assert rows[-1].strip() == f"+{40 - len(rows) + 1} more"


def test_zero_reads_as_a_word() -> None:
    """With nobody waiting the board says so instead of showing zeros."""
    board = Board(as_of=AS_OF, scopes=[billing()])
    text = rendered(board, mode="live")
    for words in ("nobody waiting", "none overdue", "no posts", "none rejected", "none late"):
        assert words in text
    assert "● live" in text


def test_no_data_reads_as_a_dash() -> None:
    """None is never shown as 0, in the table or in the line."""
    board = Board(as_of=AS_OF, scopes=[billing()])
    row = next(line for line in rendered(board, 80).splitlines() if line.startswith("acme/"))
    assert ["acme/x/billing", "none", "none", DASH, DASH, f"0/{DASH}", "learning"] == row.split()
    assert f"longest {DASH}  in target {DASH}  posts 0/{DASH}  learning" in board_line(board)


@pytest.mark.parametrize(
    ("lag", "said"),
    [(None, "live"), (30.0, "live"), (31.0, "31s behind"), (125.0, "2m 05s behind")],
)
def test_a_live_board_says_when_it_lags(lag: float | None, said: str) -> None:
    """Half a minute after the clock what it shows is no longer now, and it says how old it is."""
    board = busy()
    board.progress_ratio, board.lag_seconds = None, lag
    title = rendered(board, mode="live").splitlines()[0]
    assert title.rstrip().endswith(said)


@pytest.mark.parametrize(("mode", "lag"), [("live", 40.0), ("replay", None)])
def test_the_lag_is_the_clocks_lead_over_what_is_counted(mode: str, lag: float | None) -> None:
    """In live service; a replay's clock is another."""
    live = LiveMetrics(load_policy(None), mode=mode, now=lambda: 100.0)
    live.take([Shown(0, 60 * SECOND, [], None, None)])
    assert lag == live.board(None).lag_seconds


def test_an_empty_board_waits_for_its_first_event() -> None:
    """Before any event the board shows no date and says what it waits for."""
    text = rendered(Board(), mode="live")
    assert "waiting for the first event" in text
    assert "no scope yet" in text
    assert "1970" not in text


def test_a_scope_cannot_drive_the_terminal() -> None:
    """Escape sequences and markup in a scope's name are shown, not obeyed."""
    board = Board(as_of=AS_OF, scopes=[ScopeBoard("\x1b[2J[red]a\n", "x", "q", waiting=1)])
    for text in (rendered(board), board_line(board)):
        assert "\x1b" not in text
    assert "�[2J[red]a�/x/q" in rendered(board, 160)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, DASH),
        (0.0, "0s"),
        (59.9, "59s"),
        (60.0, "1m 00s"),
        (243.0, "4m 03s"),
        (4320.0, "1h 12m"),
        (183_600.0, "2d 03h"),
        (-1.0, "0s"),
    ],
)
def test_durations_in_words(seconds: float | None, words: str) -> None:
    """Durations show their two largest units and never round up."""
    assert words == duration_words(seconds)


@pytest.mark.parametrize(
    ("met", "missed", "words"),
    [(0, 0, DASH), (0, 5, "0%"), (5, 0, "100%"), (999, 1, "99%"), (1, 999, "1%"), (152, 62, "71%")],
)
def test_shares_in_words(met: int, missed: int, words: str) -> None:
    """All and none are said only when they are true."""
    assert words == attainment_words(met, missed)


@pytest.mark.parametrize(
    ("expected", "words"),
    [(None, DASH), (0.0, "0"), (0.42, "0.4"), (13.1, "13"), (9.97, "10"), (1234.0, "1,234")],
)
def test_expected_counts_in_words(expected: float | None, words: str) -> None:
    """Small expectations keep a decimal, large ones do not."""
    assert words == expected_words(expected)


@pytest.mark.parametrize(
    ("ratio", "words"), [(None, "live"), (0.29, "29%"), (0.999, "99%"), (1.0, "100%")]
)
def test_progress_in_words(ratio: float | None, words: str) -> None:
    """A replay reads 100% only when it is done."""
    assert words == progress_words(ratio)


@pytest.mark.parametrize(
    ("posts", "expected", "is_spike", "words"),
    [
        (156, 13.0, True, "SPIKE x12"),
        (17, 5.0, True, "SPIKE x3.4"),
        (17, 0.0, True, "SPIKE"),
        (17, None, True, "SPIKE"),
        (17, 13.0, False, "normal"),
        (17, None, False, "learning"),
    ],
)
def test_spikes_in_words(posts: int, expected: float | None, is_spike: bool, words: str) -> None:
    """Volume is said in words, so that it does not depend on colour."""
    scope = ScopeBoard(
        "a", "b", "c", window_posts=posts, posts_expected=expected, is_spike=is_spike
    )
    assert words == spike_words(scope)


def test_the_line_of_a_pipe() -> None:
    """One line holds the totals, the progress and the scope that spikes."""
    assert board_line(busy()) == (
        "2026-03-04 12:37   62%  waiting 31  overdue 11  longest 18m 40s  "
        "in target 71% (n=100)  posts 156/13  SPIKE x12 acme/x/social"
    )


def test_a_pipe_gets_plain_lines() -> None:
    """Without a terminal there are no escape codes, one line a step, and always the last state."""
    output = StringIO()
    all_read = threading.Event()

    def boards() -> Iterator[Board]:
        for percent in (0, 1, 5, 6, 12, 13):
            yield Board(as_of=AS_OF, scopes=[social()], progress_ratio=percent / 100)
        all_read.set()
        while True:
            yield Board(as_of=AS_OF, scopes=[social()], progress_ratio=0.14)

    source = boards()
    console = Console(file=output, width=40)
    with TerminalWallboard(
        lambda: next(source),
        console,
        mode="demo",
        metrics_url=URL,
        targets=TARGETS,
        refresh_per_second=1000,
    ):
        assert all_read.wait(10)
    lines = output.getvalue().splitlines()
    assert ["5%", "12%", "14%"] == [line.split()[2] for line in lines]
    assert "\x1b" not in output.getvalue()


def test_a_terminal_keeps_the_last_board() -> None:
    """The last state stays on the normal screen, and the cursor comes back."""
    output = StringIO()
    board = busy()
    console = Console(
        file=output, width=120, height=30, force_terminal=True, _environ={"TERM": "xterm"}
    )
    with wallboard(board, console) as shown:
        board.progress_ratio = 1.0
    text = output.getvalue()
    assert shown.error is None
    assert "100%" in text[text.rindex("REPLYWATCH") :]
    assert "\x1b[?1049h" not in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_failing_reader_does_not_reach_the_pipeline(is_terminal: bool) -> None:
    """An error while reading is kept and shown as a note; the block runs on."""

    def broken() -> Board:
        raise RuntimeError("no \x1b[2Jboard")

    console = Console(
        file=StringIO(), width=80, force_terminal=is_terminal, _environ={"TERM": "xterm"}
    )
    with TerminalWallboard(broken, console, mode="demo", metrics_url=None, targets={}) as shown:
        pass
    assert isinstance(shown.error, RuntimeError)
    output = console.file
    assert isinstance(output, StringIO)
    assert "\x1b[2J" not in output.getvalue()
    assert is_terminal == ("board not refreshed: RuntimeError" in output.getvalue())


def test_an_error_in_the_block_passes_through() -> None:
    """The wallboard neither swallows nor replaces the pipeline's own error, and its thread ends."""
    before = threading.active_count()
    with pytest.raises(KeyError), wallboard(busy(), Console(file=StringIO())):
        raise KeyError("pipeline")
    assert before == threading.active_count()


def test_a_closed_output_does_not_reach_the_pipeline() -> None:
    """Writing to a stream that is gone is an error kept, not raised."""
    output = StringIO()
    output.close()
    with wallboard(busy(), Console(file=output, force_terminal=False)) as shown:
        pass
    assert isinstance(shown.error, ValueError)


def test_the_svg_is_the_same_rendering() -> None:
    """The picture is well-formed, repeatable, free of web addresses to load, and says the same."""
    svg = board_svg(busy(), mode="demo", metrics_url=URL, targets=TARGETS)
    root = ElementTree.fromstring(svg)
    words = [element.text or "" for element in root.iter() if element.tag.endswith("text")]
    for word in ("REPLYWATCH", "SPIKE", "x12", "acme/x/social", "1,204,332", URL):
        assert word in words
    assert "@font-face" not in svg
    assert "cdnjs" not in svg
    assert svg == board_svg(busy(), mode="demo", metrics_url=URL, targets=TARGETS)
