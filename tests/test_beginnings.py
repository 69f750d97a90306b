"""What the rules start from: empty states, numbers with one meaning each, units of time, bounds."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from replywatch import metrics
from replywatch.metrics import (
    cells,
    policy,
    residents,
    roster_agents,
    scope_pieces,
    shard,
    threads,
    times,
)
from replywatch.metrics.catalogue import (
    DELAY_BOUNDS,
    HANDLE_BOUNDS,
    RESOLUTION_BOUNDS,
    RESPONSE_BOUNDS,
)
from replywatch.metrics.policy import SLAS, parse_duration
from replywatch.metrics.times import NEVER, SECOND, to_instant, window_of

STATES = {
    f"{module.name}.{name}": kind
    for module in pkgutil.iter_modules(metrics.__path__)
    if module.name != "policy"
    for name, kind in vars(importlib.import_module(f"{metrics.__name__}.{module.name}")).items()
    if inspect.isclass(kind)
    and issubclass(kind, msgspec.Struct | tuple)
    and kind.__module__ == f"{metrics.__name__}.{module.name}"
}
"""Everything that says or remembers something; a policy says something from the first."""

NOTHING = (0, False, None, "", b"", NEVER, -NEVER)

SAYS_SOMETHING = {
    ("episodes.Episode", "is_active"): True,
    ("roster_agents.KeptAnswer", "active"): -1,
    ("said.Said", "is_actionable"): True,
    ("scope_state.ScopeState", "is_changed"): True,
    ("volume.Volume", "strain"): 1.0,
    ("volume_settings.VolumeSettings", "alarms_a_week"): 1.0,
    ("episodes.Records", "last"): -1,
    ("tail.Tail", "seen_at"): -(2**31),
}
"""An answer that isn't told has no time yet, a window that never was comes before all others."""


def defaults(kind: type) -> dict[str, Any]:
    """Numbers and flags of something that nothing has been said of yet; of a list, its numbers."""
    if not issubclass(kind, msgspec.Struct):
        return dict(getattr(kind, "_field_defaults", {}))
    found = {}
    for field in msgspec.structs.fields(kind):
        if field.default is not msgspec.NODEFAULT:
            found[field.name] = field.default
        elif field.default_factory is not msgspec.NODEFAULT:
            value = field.default_factory()
            for one in value if isinstance(value, list) else ():
                found[field.name] = one
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


@pytest.mark.parametrize("name", STATES)
def test_before_anything_is_said_nothing_is(name: str) -> None:
    """Every count begins at 0 and every flag at false."""
    expected = {field: value for (owner, field), value in SAYS_SOMETHING.items() if owner == name}
    found = defaults(STATES[name])
    assert expected == {field: one for field, one in found.items() if one not in NOTHING}


def test_each_number_of_a_fact_means_one_thing() -> None:
    """They are the numbers up to how many there are, and stand so in what was kept."""
    each = ("POSTS", "REPLIES", "OPENED", "CLOSED", "EXPIRED", "ENTERED", "LEFT", "UNASSIGNED",
            "TAKEN")  # fmt: skip
    facts = [getattr(cells, name) for name in each]
    facts += [first + sla for first in (cells.MET, cells.MISSED, cells.VOID, cells.OVERDUE,
              cells.RELIEVED) for sla in range(len(SLAS))]  # fmt: skip
    facts += [cells.LATE_POSTS, *(cells.MINUTE_POSTS + minute for minute in range(5))]
    facts += [cells.SCORED, cells.NEGATIVE]
    facts += [first + sla for first in (cells.AT_RISK, cells.SAFE) for sla in range(len(SLAS))]
    facts += [cells.POSITIVE, *cells.SURVEYED.values(), *cells.ANSWERED.values()]
    assert [*range(cells.KINDS_OF_FACT)] == facts
    values = [cells.FIRST_RESPONSE, cells.NEXT_RESPONSE, cells.RESOLUTION, cells.WAIT,
              cells.WAIT_LEFT]  # fmt: skip
    values += [first + sla for first in (cells.DUE, cells.DUE_LEFT) for sla in range(len(SLAS))]
    assert [*range(cells.KINDS_OF_VALUE)] == values


def test_each_part_of_what_is_kept_has_a_number_of_its_own() -> None:
    """The same as in what was kept before."""
    kinds = [
        [policy.FIRST, policy.NEXT, policy.RESOLUTION],
        [residents.CONVERSATION, residents.LOG, shard._ENDS],
        [roster_agents._AGENTS, roster_agents._ANSWERS],
        [scope_pieces._SCOPE, scope_pieces._CLOSED, scope_pieces._OPEN],
        [threads._PARENTS],
    ]
    assert [[*range(len(kind))] for kind in kinds] == kinds


def test_units_of_time_are_those_of_the_calendar() -> None:
    """In microseconds since 1970, UTC."""
    lengths = [timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)]
    units = [times.SECOND, times.MINUTE, times.HOUR, times.DAY]
    assert lengths == [timedelta(microseconds=unit) for unit in units]
    assert timedelta(minutes=5) == timedelta(microseconds=times.WINDOW)
    assert [0, 0, times.WINDOW] == [*map(window_of, (1, times.WINDOW - 1, times.WINDOW + 1))]
    assert timedelta(microseconds=1) == times.MICROSECOND
    assert 0 == to_instant(datetime(1970, 1, 1, tzinfo=UTC))


def test_never_comes_after_every_instant_and_fits_with_a_sum_into_a_column() -> None:
    """Events end with 2199 and opening hours with 2299; a state keeps instants in 64 bits."""
    assert to_instant(datetime(2200, 1, 1, tzinfo=UTC)) == times.LATEST + 1
    assert to_instant(datetime(2300, 1, 1, tzinfo=UTC)) == times.HORIZON
    assert times.LATEST < times.HORIZON < NEVER
    assert 2**63 == 2 * NEVER


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        (RESPONSE_BOUNDS, "15s 30s 1m 2m 5m 10m 15m 30m 1h 2h 4h 8h 1d"),
        (HANDLE_BOUNDS, "5s 15s 30s 1m 2m 3m 5m 450s 10m 15m"),
        (RESOLUTION_BOUNDS, "5m 15m 1h 2h 4h 8h 1d 2d 7d"),
        (DELAY_BOUNDS[3:4] + DELAY_BOUNDS[5:], "1s 5s 10s 30s 1m 5m"),
    ],
)
def test_histograms_have_the_bounds_that_people_name(
    bounds: tuple[float, ...], expected: str
) -> None:
    """A recorded series goes on only with the same ones."""
    assert [*bounds] == [parse_duration(text) / SECOND for text in expected.split()]
