"""Volume episodes on their way: from posts to the desk, the table, the board and the gauges."""

from __future__ import annotations

from typing import Any

import pytest
from replays import handed_over
from small_history import ACME_CHAT, at, history

from replywatch.flows.exporter import families
from replywatch.flows.settings import Settings, load_policy
from replywatch.flows.steps import Shown
from replywatch.flows.stream import live_metrics
from replywatch.metrics.board import ScopeBoard
from replywatch.metrics.cells import (
    LATE_POSTS,
    MINUTE_POSTS,
    NEGATIVE,
    POSTS,
    SCORED,
    Cell,
    Partial,
)
from replywatch.metrics.desk import Desk, Fresh
from replywatch.metrics.times import DAY, HOUR, MINUTE, WINDOW
from replywatch.metrics.volume_settings import KnownCrisis, VolumeSettings
from replywatch.sql.reports import run_report
from replywatch.sql.schemas import SPIKES

SCOPE = ("acme", "x", "social")
START = 20_000 * DAY
BURST_AT = START + 3 * DAY


def posts(minutes: list[int], is_negative: bool = False) -> Cell:
    """What posts in time say of a window, by minute."""
    facts = []
    for minute, count in enumerate(minutes):
        facts += [POSTS, MINUTE_POSTS + minute, SCORED, *[NEGATIVE] * is_negative] * count
    return Cell(facts)


def tell(
    desk: Desk, as_of: int, *cells: tuple[int, Cell], is_end: bool = False
) -> list[dict[str, Any]]:
    """Say something to the desk; rows of `spikes` as dictionaries would read them."""
    added = [(SCOPE, window, cell) for window, cell in cells]
    desk.receive(Partial(0, 0, as_of, is_end, added))
    desk.advance()
    return [dict(zip(SPIKES.schema.names, row, strict=True)) for row in desk.take_spikes()]


def taught(volume: VolumeSettings | None = None) -> Desk:
    """A desk with a scope that had ten posts in each of the windows of three days."""
    desk = Desk(1, load_policy(None), DAY, volume)
    for window in range(START, BURST_AT, WINDOW):
        assert not tell(desk, window + WINDOW, (window, posts([2] * 5)))
    return desk


def board(desk: Desk) -> ScopeBoard:
    """What a wallboard shows of the scope."""
    ((shown,), _) = desk.show()
    return shown


def test_a_burst_is_on_the_board_within_a_minute_and_in_the_table_with_its_window() -> None:
    """Before its five minutes are over the board shows it; the row says when it was known."""
    desk = taught()
    assert not board(desk).is_spike
    assert not tell(desk, BURST_AT + MINUTE, (BURST_AT, posts([200, 0, 0, 0, 0])))
    shown = board(desk)
    assert (True, False) == (shown.is_spike, shown.is_crisis)
    assert shown.spike_score is not None
    assert shown.spike_score > 1
    (row,) = tell(desk, BURST_AT + WINDOW, (BURST_AT, posts([0, 200, 200, 200, 200])))
    assert (BURST_AT, BURST_AT + MINUTE) == (row["started_at"], row["detected_at"])
    assert ("spike", 1000, None) == (row["kind"], row["peak_posts"], row["ended_at"])
    assert row["ratio"] == pytest.approx(100, rel=0.05)
    assert row["severity"] == pytest.approx(3, abs=0.01)
    assert board(desk).spike_severity == row["severity"]


def test_an_episode_ends_in_silence() -> None:
    """No further post is needed: the clock goes on, and the row says that it ended."""
    desk = taught()
    tell(desk, BURST_AT + WINDOW, (BURST_AT, posts([200] * 5)))
    rows = tell(desk, BURST_AT + 2 * HOUR)
    assert BURST_AT + WINDOW == rows[-1]["ended_at"]
    assert not board(desk).is_spike


def test_negative_posts_make_a_crisis() -> None:
    """The scope's posts aren't negative as a rule; those of the burst are."""
    desk = taught()
    (row,) = tell(desk, BURST_AT + WINDOW, (BURST_AT, posts([200] * 5, is_negative=True)))
    assert ("crisis", 1.0, 1000) == (row["kind"], row["negative_ratio"], row["scored_posts"])
    assert board(desk).is_crisis


def test_late_posts_raise_no_alarm_and_teach_nothing() -> None:
    """They count in their window and say nothing of what is expected."""
    desk = taught()
    before = board(desk).posts_expected
    assert not tell(desk, BURST_AT + WINDOW, (BURST_AT, Cell([POSTS, LATE_POSTS] * 5000)))
    assert board(desk).posts_expected == before


@pytest.mark.parametrize("step", [MINUTE, 7 * MINUTE, 3 * HOUR])
def test_rows_do_not_depend_on_how_the_clock_goes_nor_on_a_restart(step: int) -> None:
    """A clock in other steps, and a desk restored between, tell the same rows."""
    expected = None
    for is_restarted in (False, True):
        desk = taught()
        rows = tell(desk, BURST_AT + WINDOW, (BURST_AT, posts([200] * 5)))
        if is_restarted:
            before, desk = desk, Desk(1, load_policy(None), DAY)
            handed_over(before, desk)
        for now in range(BURST_AT + WINDOW, BURST_AT + DAY, step if is_restarted else DAY):
            rows += tell(desk, now)
        rows += tell(desk, BURST_AT + DAY, is_end=True)
        assert expected is None or rows == expected
        expected = rows
    assert expected is not None
    assert len(expected) >= 2


def test_settings_reach_the_detector_of_a_scope() -> None:
    """The budget, and the crises of this scope only."""
    crisis = KnownCrisis(since=at("10:00"), until=at("12:00"), brand=("acme",))
    other = KnownCrisis(since=at("10:00"), until=at("12:00"), brand=("globex",))
    volume = Settings(volume=VolumeSettings(alarms_a_week=2.0)).volume
    assert 2 == taught(volume).scopes[SCOPE].volume.budget
    made = [VolumeSettings(crises=(one,)).left_out(SCOPE) for one in (crisis, other)]
    assert [2 * HOUR, None] == [spans[0][1] - spans[0][0] if spans else None for spans in made]
    with pytest.raises(ValueError, match="is empty"):
        KnownCrisis(since=at("10:00"), until=at("10:00"))


def test_gauges_say_which_kind_goes_on() -> None:
    """A crisis is a spike as well; without an episode there is no severity."""
    live = live_metrics(Settings(), load_policy(None), "run")
    quiet = ScopeBoard("acme", "x", "quiet", posts_expected=4.0, spike_score=0.2)
    loud = ScopeBoard(
        *SCOPE, posts_expected=3.0, is_spike=True, is_crisis=True, spike_severity=12.5
    )
    live.take([Shown(0, START, [], [quiet, loud], Fresh())])
    samples = {
        (sample.name, sample.labels["queue"], sample.labels.get("kind")): sample.value
        for family in families(live)
        for sample in family.samples
        if sample.name.startswith("care_volume_")
    }
    active = "care_volume_spike_active"
    kinds = ("spike", "surge", "crisis")
    assert [1, 0, 1] == [samples[active, "social", kind] for kind in kinds]
    assert [0, 0, 0] == [samples[active, "quiet", kind] for kind in kinds]
    severity = "care_volume_spike_severity_days"
    assert (12.5, None) == (
        samples[severity, "social", None],
        samples.get((severity, "quiet", None)),
    )
    assert samples["care_volume_spike_score", "quiet", None] == 0.2


def test_the_report_lists_episodes_newest_first_and_counts_them() -> None:
    """Each row says how long it took to know; counts leave out how long what goes on lasted."""
    row = {**ACME_CHAT, "peak_posts": 80, "expected": 4.0, "ratio": 20.0, "severity": 3.5}
    con = history(
        spikes=[
            {**row, "kind": "spike", "started_at": at("10:00"), "detected_at": at("10:02"),
             "ended_at": at("10:30"), "revision": 3},
            {**row, "kind": "spike", "started_at": at("12:00"), "detected_at": at("12:20"),
             "ratio": 8.0, "revision": 1},
            {**row, "kind": "surge", "started_at": at("14:00"), "detected_at": at("15:00"),
             "ended_at": at("20:00"), "revision": 9},
        ]
    )  # fmt: skip
    listed = run_report(con, "spikes", until=at("14:00")).to_pylist()
    assert [("12:00", 1200.0, None), ("10:00", 120.0, at("10:30"))] == [
        (f"{one['started_at']:%H:%M}", one["delay_seconds"], one["ended_at"]) for one in listed
    ]
    counted = run_report(con, "spikes", by="kind").to_pylist()
    assert [("spike", 2, 1800.0, 20.0, 3.5), ("surge", 1, 21600.0, 20.0, 3.5)] == [
        tuple(one.values()) for one in counted
    ]
