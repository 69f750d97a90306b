"""Erlang C, forecast errors, the weekly median and the flow of deferred work, by known answers."""

from __future__ import annotations

import math
import random

import pytest

from replywatch.metrics.accuracy import coverage, mase, mean_absolute_error, wape
from replywatch.metrics.erlang import (
    MOST_SERVERS,
    erlang_b,
    erlang_c,
    mean_wait_seconds,
    servers_needed,
    service_level,
)
from replywatch.metrics.seasonal import Spread, median_week, naive_week, quantile, spread_of
from replywatch.metrics.staffing import agents_for_immediate, flow_of_deferred, flow_of_immediate


@pytest.mark.parametrize(
    ("servers", "load", "expected"),
    [(1, 1.0, 0.5), (2, 1.0, 0.2), (5, 3.0, 0.110054), (10, 10.0, 0.214582), (100, 100.0, 0.0757)],
)
def test_erlang_b_gives_the_values_of_the_tables(
    servers: int, load: float, expected: float
) -> None:
    """Blocking as printed tables of traffic engineering have it, small and large."""
    assert expected == pytest.approx(erlang_b(servers, load), abs=5e-5)


def test_erlang_c_gives_the_textbook_example() -> None:
    """360 calls in half an hour, four minutes each, 55 people: 23.9 % wait, 84.6 % within 15 s."""
    load = 360 / 1800 * 240
    assert 48.0 == load
    assert 0.239 == pytest.approx(erlang_c(55, load), abs=5e-4)
    assert 8.18 == pytest.approx(mean_wait_seconds(55, load, 240), abs=5e-3)
    assert 0.846 == pytest.approx(service_level(55, load, 240, 15), abs=5e-4)


def test_one_server_waits_as_often_as_it_is_busy() -> None:
    """With one server Erlang C is the load, the known result for M/M/1."""
    for load in (0.0, 0.25, 0.5, 0.99):
        assert load == pytest.approx(erlang_c(1, load))


def test_erlang_c_agrees_with_its_definition_by_factorials() -> None:
    """The recursion equals the sum of the definition where that can still be computed."""
    for servers in (2, 7, 20):
        for load in (0.3 * servers, 0.9 * servers):
            tail = load**servers / math.factorial(servers) * servers / (servers - load)
            states = sum(load**n / math.factorial(n) for n in range(servers)) + tail
            assert tail / states == pytest.approx(erlang_c(servers, load), rel=1e-12)


def test_large_loads_neither_overflow_nor_lose_digits() -> None:
    """20,000 erlangs need little more than 20,000 people, and all numbers stay in their bounds."""
    servers = servers_needed(20_000.0, 300, 20, 0.8)
    assert 20_000 < servers < 20_200
    assert 0.8 <= service_level(servers, 20_000.0, 300, 20) < 1
    assert service_level(servers - 1, 20_000.0, 300, 20) < 0.8


def test_too_much_load_is_never_answered_in_time() -> None:
    """Where servers can't keep up everybody waits, without end; without load nobody does."""
    assert 1.0 == erlang_c(3, 3.0)
    assert 0.0 == service_level(3, 4.0, 60, 1000)
    assert math.inf == mean_wait_seconds(3, 3.0, 60)
    assert (0, 0.0, 0.0) == (servers_needed(0, 60, 20, 0.9), erlang_c(0, 0), erlang_c(2, 0))


def test_impossible_questions_are_refused() -> None:
    """Negative numbers, no time and no share are errors, not endless searches."""
    for load, seconds, objective in ((-1, 60, 0.8), (1, 0, 0.8), (1, 60, 1.2), (math.inf, 60, 0.8)):
        with pytest.raises(ValueError, match="erlangs"):
            servers_needed(load, seconds, 20, objective)
    with pytest.raises(ValueError, match="negative"):
        erlang_b(-1, 1)
    assert servers_needed(1.0, 60, 20, 1.0) < 20


def test_the_edges_of_what_may_be_asked() -> None:
    """Nobody for nothing waits no time; no share, short contacts and small loads are fine."""
    assert (0.0, math.inf) == (mean_wait_seconds(0, 0.0, 60), mean_wait_seconds(0, 0.5, 60))
    assert (1, 2) == (servers_needed(0.1, 0.5, 20, 0.8), servers_needed(1.0, 60, 20, 0.0))
    with pytest.raises(ValueError, match="less than 1,000,000 erlangs"):
        servers_needed(MOST_SERVERS, 60, 20, 0.8)
    assert 3 == servers_needed(2.0, 60, 20, service_level(3, 2.0, 60, 20))  # just enough
    assert (1.0, 0.0) == (erlang_c(0, 0.5), service_level(0, 0.5, 60, 20))
    assert 1.0 == service_level(0, 0.0, 60, 20)
    assert (0, 1) == (
        agents_for_immediate(9, 1800, 0, 1.0, 60, 0.8),
        agents_for_immediate(0.5, 1800, 0.5, 1.0, 60, 0.8),
    )


def test_several_at_once_are_several_servers() -> None:
    """With two contacts at once the time of one is twice as long and half the people carry it."""
    alone = agents_for_immediate(60, 1800, 300, 1.0, 60, 0.8)
    paired = agents_for_immediate(60, 1800, 300, 2.0, 60, 0.8)
    assert servers_needed(10.0, 300, 60, 0.8) == alone
    assert math.ceil(servers_needed(20.0, 600, 60, 0.8) / 2) == paired
    assert 0 == agents_for_immediate(0, 1800, 300, 1.0, 60, 0.8)


def test_immediate_work_waits_while_closed_and_is_done_at_the_opening() -> None:
    """Nobody at night; the morning takes what waits beside its own; then it is Erlang C alone."""
    asked = (300, 1.0, 120, 0.8)  # handle time, concurrency, target, objective
    flow = flow_of_immediate([6, 3, 9, 9, 5], [0, 0, 900, 900, 0], 900, *asked)
    alone = agents_for_immediate(9, 900, *asked)
    assert [0, 0, alone + 9 * 300 / 900, alone, 0] == [one.agents for one in flow]
    assert [6, 9, 0, 0, 5] == [one.backlog_end for one in flow]
    assert [alone] * 2 == [one.agents for one in flow_of_immediate([9, 9], [900] * 2, 900, *asked)]


def test_an_interval_in_which_it_opens_or_closes_has_the_people_of_its_open_part() -> None:
    """A third of it is open: at opening it takes all that came, at closing two thirds wait."""
    asked = (300, 1.0, 120, 0.8)
    third = agents_for_immediate(3, 300, *asked)
    opens, _ = flow_of_immediate([9, 0], [300, 900], 900, *asked)
    assert (third + 6, 0) == (opens.agents, opens.backlog_end)
    for after in ([0], [0, 0], [0, 900]):
        closes, night, *_ = flow_of_immediate(
            [9, 1, 1][: 1 + len(after)], [300, *after], 900, *asked
        )
        assert (third, 6, 7) == (closes.agents, closes.backlog_end, night.backlog_end)


def test_deferred_work_is_spread_over_its_target_and_none_is_lost() -> None:
    """What comes is done by equal parts; in the end all work is done and nothing is left."""
    flow = flow_of_deferred([4, 0, 0, 0], [900] * 4, 900, 450, 1800, backlog=2)
    assert [1.5, 1.0 + 0.5, 0.0, 0.0] == [one.agents for one in flow]
    assert [3.0, 0.0, 0.0, 0.0] == [one.backlog_end for one in flow]
    assert (4 + 2) * 450 == sum(one.agents for one in flow) * 900
    assert [] == flow_of_deferred([], [], 900, 450, 1800, backlog=2)


def test_deferred_work_waits_for_the_next_opening() -> None:
    """Four come at once, two while closed, four just before closing time; nobody works at night.

    Half-hours, a target of one open hour, 15 minutes a piece. The four before closing time have
    half an hour of their target left in the morning.
    """
    opening = [1800, 1800, 1800, 0, 0, 0, 1800, 1800, 1800]
    flow = flow_of_deferred([4, 0, 4, 0, 2, 0, 0, 0, 0], opening, 1800, 900, 3600)
    assert [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.5, 0.5, 0.0] == [one.agents for one in flow]
    assert [2.0, 0.0, 2.0, 2.0, 4.0, 4.0, 1.0, 0.0, 0.0] == [one.backlog_end for one in flow]
    assert (4 + 4 + 2) * 900 == sum(one.agents for one in flow) * 1800


def test_an_interval_open_in_part_takes_its_part_of_the_work() -> None:
    """Half of the first half-hour is open: a quarter of the hour's work, then a half, a quarter."""
    flow = flow_of_deferred([4, 0, 0], [900, 1800, 1800], 1800, 1800, 3600)
    assert [1.0, 2.0, 1.0] == [one.agents for one in flow]


def test_what_is_there_waits_for_the_opening_and_may_never_be_done() -> None:
    """A backlog is begun when it opens; of a place that stays closed all is left, and more."""
    flow = flow_of_deferred([0, 0, 0], [0, 900, 900], 900, 900, 900, backlog=3)
    assert [(0.0, 3.0), (3.0, 0.0), (0.0, 0.0)] == [(one.agents, one.backlog_end) for one in flow]
    closed = flow_of_deferred([1, 2], [0, 0], 900, 900, 900, backlog=3)
    assert [(0.0, 4.0), (0.0, 6.0)] == [(one.agents, one.backlog_end) for one in closed]


@pytest.mark.parametrize("seed", range(20))
def test_deferred_work_agrees_with_a_count_of_open_minutes(seed: int) -> None:
    """Laid out by five open minutes each, from its interval on, the work falls where it should."""
    chance = random.Random(seed)
    offered = [float(chance.randrange(9)) for _ in range(60)]
    opening = [chance.choice((0, 0, 300, 600, 900, 900)) for _ in offered]
    pieces, backlog = chance.randrange(3, 60), float(chance.randrange(9))
    minutes = [place for place, seconds in enumerate(opening) for _ in range(seconds // 300)]
    done = [0.0] * len(offered)
    needed = pieces // 3 * 3  # whole intervals
    for start, volume in [(0, backlog), *enumerate(offered)]:
        for place in [place for place in minutes if place >= start][:needed]:
            done[place] += volume / needed
    flow = flow_of_deferred(offered, opening, 900, 900, pieces * 300, backlog)
    assert done == pytest.approx([one.agents for one in flow])
    left = backlog + sum(offered) - sum(done)
    assert left == pytest.approx(flow[-1].backlog_end, abs=1e-9)


def test_errors_by_hand() -> None:
    """WAPE, MASE and coverage of three pairs, and nothing where nothing can be said."""
    pairs = [(10.0, 8.0), (20.0, 25.0), (0.0, 1.0)]
    assert 8 / 3 == mean_absolute_error(pairs)
    assert 8 / 30 == pytest.approx(wape(pairs) or 0)
    assert 8 / 3 / 4 == pytest.approx(mase(pairs, [2, 6]) or 0)
    assert 2 / 3 == coverage([(1, 1, 2), (2, 1, 2), (3, 1, 2)])
    assert [None] * 5 == [
        wape([]), wape([(0, 1)]), mase([], [1]), mase(pairs, [0, 0]), coverage([])
    ]  # fmt: skip


def test_a_week_is_the_median_of_the_last_four_ordinary_ones() -> None:
    """One left out reaches back up to eight weeks; the naive one takes the last that is known."""
    weeks: list[list[float | None]] = [[90.0, 1], [1, 2], [2, 3], [3, 4], [4, None], [None, None]]
    assert [2.5, 2.5] == median_week(weeks)
    assert [4.0, 4.0] == naive_week(weeks)
    assert [None] == median_week([[None], [None]])
    assert [] == median_week([]) == naive_week([])
    assert [7.0] == median_week([[7]]) == naive_week([[7]])
    for gap, expected in ((7, 5.0), (8, None)):
        slot: list[float | None] = [5.0, *[None] * gap]
        weeks = [[value] for value in slot]
        assert [expected] == median_week(weeks) == naive_week(weeks)


def test_the_interval_follows_the_spread_of_the_past() -> None:
    """Its ends are the tenth and ninetieth percentile of past errors, never below nothing."""
    pairs = [(float(actual), 99.0) for actual in range(89, 110)]
    spread = spread_of(pairs)
    assert spread is not None
    assert (91.0, 107.0) == pytest.approx(spread.around(99.0))
    assert (0.0, 10.0) == Spread(-2.0, 10.0).around(0.0)
    assert spread_of([]) is None
    assert 2.5 == quantile([1, 2, 3, 4], 0.5)
    assert [1, 1.5, 3, 4] == [quantile([1, 2, 4], share) for share in (0, 0.25, 0.75, 1)]
