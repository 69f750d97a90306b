"""What a desk says of the volume of its scopes, and of clocks at risk."""

from __future__ import annotations

import tomllib
from datetime import datetime

import msgspec
import pytest
from replays import policy_text
from test_pieces import Store

from replywatch.metrics.board import ScopeBoard
from replywatch.metrics.cells import AT_RISK, MINUTE_POSTS, POSTS, SAFE, SCORED, Cell, Partial
from replywatch.metrics.desk import Desk
from replywatch.metrics.episodes import Episode
from replywatch.metrics.policy import PolicyBook, read_policy
from replywatch.metrics.spike_rows import spike_row
from replywatch.metrics.times import DAY, HOUR, MINUTE, WINDOW, to_datetime
from replywatch.metrics.volume_settings import KnownCrisis, VolumeSettings

START = 20_000 * DAY
SCOPE = ("acme", "chat", "vip")
POLICY = PolicyBook([read_policy(tomllib.loads(policy_text(300, 600)))])


def a_desk(volume: VolumeSettings | None = None) -> Desk:
    """A desk whose scope had five posts in each window of an hour, one a minute."""
    found = Desk(1, POLICY, DAY, volume)
    posts = [POSTS] * 5 + [MINUTE_POSTS + minute for minute in range(5)]
    for window in range(12):
        say(found, (window + 1) * WINDOW, Cell([*posts]))
    return found


def say(desk: Desk, as_of: int, *cells: Cell) -> None:
    """Cells of the window before that instant."""
    since = START + (as_of - 1) // WINDOW * WINDOW
    added = [(SCOPE, since, cell) for cell in cells]
    desk.receive(Partial(0, 0, START + as_of, False, added))
    desk.advance()


def board(desk: Desk) -> ScopeBoard:
    """What its scope shows."""
    (found,), _ = desk.show()
    return found


def test_a_scope_aims_at_the_alarms_that_the_settings_allow() -> None:
    """And learns nothing of a crisis that they know."""
    since, until = (to_datetime(START + at) for at in (HOUR, 3 * HOUR))
    assert isinstance(since, datetime)
    settings = VolumeSettings(alarms_a_week=3.0, crises=(KnownCrisis(since=since, until=until),))
    volume = a_desk(settings).scopes[SCOPE].volume
    assert 3.0 == volume.budget == volume.spent.budget
    assert [(START + HOUR, START + 3 * HOUR)] == volume.left_out


def test_the_times_of_a_known_crisis_have_an_offset() -> None:
    """Else nobody knows when it was."""
    times = {"since": "2026-01-01T00:00:00+01:00", "until": "2026-01-02T00:00:00Z"}
    (span,) = VolumeSettings(crises=(msgspec.convert(times, KnownCrisis),)).left_out(SCOPE)
    assert 25 * HOUR == span[1] - span[0]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**times, "since": "2026-01-01T00:00:00"}, KnownCrisis)


def test_each_change_of_a_spike_is_told_once() -> None:
    """Its severity stands on the board as long as it goes on."""
    desk = a_desk()
    assert [] == desk.take_spikes()
    assert board(desk).spike_severity is None
    say(desk, HOUR + WINDOW, Cell([POSTS] * 900 + [MINUTE_POSTS] * 900))
    (row,) = desk.take_spikes()
    assert [] == desk.take_spikes()
    (severity,) = (value for value in row if value == HOUR / DAY)
    assert severity == board(desk).spike_severity
    say(desk, HOUR + 2 * WINDOW)
    assert 1 == len(desk.take_spikes())
    assert board(desk).spike_severity is None


def test_a_spike_that_was_told_is_not_told_again_after_a_start() -> None:
    """Though nothing else has changed since the checkpoint before."""
    desk, store = a_desk(), Store()
    say(desk, HOUR + WINDOW, Cell([POSTS] * 900 + [MINUTE_POSTS] * 900))
    for count in (1, 0):
        changes = desk.changes(store)
        store.save(changes.pieces, changes.gone)
        again = Desk(1, POLICY, DAY)
        again.load(changes.core, store)
        assert count == len(again.take_spikes())
        desk.take_spikes()


def test_a_surge_shows_its_own_severity() -> None:
    """Where no spike goes on."""
    desk = a_desk()
    volume = desk.scopes[SCOPE].volume
    volume.spike = Episode("spike", START, START, START, severity=1.0, is_active=False)
    volume.surge.episode = Episode("surge", START, START, START, severity=2.0)
    assert 2.0 == board(desk).spike_severity
    volume.spike.is_active = True
    assert 1.0 == board(desk).spike_severity


def test_a_row_says_whether_it_is_a_surge() -> None:
    """A spike may become a crisis, a surge neither."""
    episodes = [Episode(kind, START, START, START) for kind in ("spike", "crisis", "surge")]
    assert [False, False, True] == [spike_row(SCOPE, episode)[-1] for episode in episodes]


def test_posts_with_a_sentiment_are_no_more_posts() -> None:
    """What is expected is learned of the minutes alone."""
    desk = a_desk()
    say(desk, HOUR + WINDOW, Cell([POSTS] * 5 + [MINUTE_POSTS] * 5 + [SCORED] * 5))
    assert [5] * 12 == desk.scopes[SCOPE].volume.posts


def test_silence_is_kept_though_nothing_else_is() -> None:
    """A desk that goes on has passed it already."""
    desk, store = a_desk(), Store()
    for as_of, is_written in ((HOUR, True), (2 * HOUR, True), (2 * HOUR + MINUTE, False)):
        say(desk, as_of)
        changes = desk.changes(store)
        store.save(changes.pieces, changes.gone)
        assert is_written == bool(changes.pieces)
    again = Desk(1, POLICY, DAY)
    again.load(changes.core, store)
    assert desk.scopes[SCOPE].volume == again.scopes[SCOPE].volume


def test_clocks_come_at_risk_and_are_safe_again() -> None:
    """Each SLA on its own, whether their window is closed or not."""
    desk = a_desk()
    say(desk, HOUR + WINDOW, Cell([AT_RISK, AT_RISK + 1, AT_RISK + 1, AT_RISK + 2]))
    say(desk, HOUR + WINDOW + MINUTE, Cell([SAFE + 1]))
    assert [1, 1, 1] == [*board(desk).at_risk.values()]
    say(desk, HOUR + 2 * WINDOW, Cell([SAFE, AT_RISK + 2]))
    assert [0, 1, 2] == [*board(desk).at_risk.values()]
