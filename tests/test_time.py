"""Clocks that are set: what moves deadlines, and what ends a service that stands still."""

from __future__ import annotations

import io
import sys

import pytest

from replywatch.flows.steady import SteadyClock
from replywatch.flows.watchdog import Watchdog
from replywatch.metrics.times import HOUR, SECOND


class Machine:
    """A machine whose wall clock can be set."""

    def __init__(self) -> None:
        self.wall, self.up = 1_000_000 * SECOND, 500 * SECOND
        self.clock = SteadyClock(lambda: self.wall, lambda: self.up)

    def after(self, seconds: float, latest: int = 0) -> float:
        """Seconds since the start by the steady clock, that many later, asked four times a second.

        `latest` is the time of the latest event.
        """
        for _ in range(round(seconds * 4)):
            self.wall += SECOND // 4
            self.up += SECOND // 4
            told = self.clock(latest)
        return (told - 1_000_000 * SECOND) / SECOND


@pytest.mark.parametrize("step", [HOUR, -HOUR, 2 * SECOND, -2 * SECOND])
def test_a_wall_clock_that_is_set_hurries_no_deadline(step: int) -> None:
    """Ten seconds are ten seconds, give or take a tenth, whatever is done to the wall clock."""
    machine = Machine()
    machine.after(5)
    machine.wall += step
    assert machine.after(10) == pytest.approx(15, abs=0.11)


def test_a_small_step_is_followed_in_time() -> None:
    """Two seconds are made up for within four minutes, and never faster than one in a hundred."""
    machine = Machine()
    machine.wall += 2 * SECOND
    assert 100 < machine.after(100) <= 101
    assert machine.after(140) == pytest.approx(242, abs=0.01)


def test_a_large_step_is_followed_once_events_are_stamped_by_the_new_time() -> None:
    """Events of the old time leave the clock alone; one of the new time says it was right."""
    machine = Machine()
    machine.wall += HOUR
    assert machine.after(60, latest=machine.wall - HOUR) == pytest.approx(60)
    assert machine.after(1, latest=machine.wall) == pytest.approx(3661)


def test_a_clock_never_goes_back() -> None:
    """Set back by two seconds, it only goes a little slower."""
    machine = Machine()
    machine.wall -= 2 * SECOND
    told = [machine.after(1) for _ in range(20)]
    assert sorted(set(told)) == told


def test_a_watchdog_barks_though_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error may be a pipe whose reader is gone; the service ends all the same."""

    class Deaf(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Deaf())
    seconds, ended = [0.0], list[bool]()
    watchdog = Watchdog(30, now=lambda: seconds[0], end=lambda: ended.append(True))
    seconds[0] = 31
    assert watchdog.look()
    assert [True] == ended


def test_a_watchdog_barks_once_no_epoch_closes(capsys: pytest.CaptureFixture[str]) -> None:
    """Not at its limit yet, but after it, with a sentence that names the exit code."""
    seconds, ended = [0.0], list[bool]()
    watchdog = Watchdog(30, now=lambda: seconds[0], end=lambda: ended.append(True))
    seconds[0] = 29
    watchdog.epoch_closed()
    seconds[0] = 59
    assert not watchdog.look()
    seconds[0] = 60
    assert watchdog.look()
    assert [True] == ended
    assert "no checkpoint for 31 s" in (said := capsys.readouterr().err)
    assert "exit code 75" in said
