"""The rules for boards: each of them finds what it is there for, and only that."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from replywatch.dashboards.grafana.lint import faults, labels_of, metrics_of

Board = dict[str, Any]
WAITING = 'care_conversations_waiting{brand=~"$brand",channel=~"$channel",queue=~"$queue"}'
OLDEST = (
    'care_oldest_waiting_timestamp_seconds{brand=~"$brand",channel=~"$channel",queue=~"$queue"}'
)
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

SOUND: Board = {
    "uid": "care-test",
    "title": "Test",
    "description": "One panel without a fault.",
    "templating": {"list": [{"name": n} for n in ("datasource", "brand", "channel", "queue")]},
    "panels": [
        {
            "type": "stat",
            "title": "Waiting",
            "description": "Who waits.",
            "datasource": SOURCE,
            "gridPos": {"x": 0, "y": 0, "w": 6, "h": 4},
            "fieldConfig": {
                "defaults": {"unit": "none", "noValue": "?", "mappings": [{"type": "special"}]}
            },
            "targets": [
                {"refId": "A", "expr": f"sum({WAITING})", "instant": True, "datasource": SOURCE}
            ],
        }
    ],
}


def test_a_sound_board_has_no_fault() -> None:
    """What the other tests break is whole before."""
    assert [] == faults(SOUND)


def _panel(name: str, value: Any) -> Callable[[Board], None]:
    return lambda board: board["panels"][0].update({name: value})


def _defaults(name: str) -> Callable[[Board], None]:
    return lambda board: board["panels"][0]["fieldConfig"]["defaults"].update({name: None})


def _mapped(board: Board) -> None:
    board["panels"][0]["fieldConfig"]["defaults"]["mappings"] = []


def _query(expr: str, **more: Any) -> Callable[[Board], None]:
    return lambda board: board["panels"][0]["targets"][0].update({"expr": expr, **more})


def _age(board: Board) -> None:
    board["panels"][0]["fieldConfig"]["defaults"]["unit"] = "s"
    _query(f"time() - min({OLDEST})")(board)


def _variable(board: Board) -> None:
    board["templating"]["list"].pop()


def _second(board: Board) -> None:
    board["panels"].append({**board["panels"][0], "title": "Other"})


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (_panel("title", ""), "no title"),
        (_panel("description", ""), "no description"),
        (_defaults("unit"), "no unit"),
        (_defaults("noValue"), "no word for no data"),
        (_mapped, "null is mapped to no word"),
        (_panel("targets", []), "no query"),
        (_panel("datasource", {"uid": "mine"}), "variable of the data source"),
        (_query(WAITING, datasource={"uid": "mine"}), "variable of the data source"),
        (_query(WAITING, instant=False), "not an instant query"),
        (_query("sum(care_conversations_waitng)"), "care_conversations_waitng is no metric"),
        (_query("sum(care_conversations_waiting)"), "ignores the variables brand, channel, queue"),
        (_query(f"{WAITING} and on (agent) {WAITING}"), "label agent would show a person"),
        (_query("care_event_delay_seconds"), "is a histogram"),
        (_age, "floor() it"),
        (_variable, "no variable queue"),
        (_second, "Other lies on Waiting"),
        (_panel("gridPos", {"x": 20, "y": 0, "w": 6, "h": 4}), "leaves the grid"),
    ],
)
def test_each_fault_is_found(break_it: Callable[[Board], None], said: str) -> None:
    """Broken in one way, a board has the fault that says so."""
    broken = copy.deepcopy(SOUND)
    break_it(broken)
    found = faults(broken)
    assert any(said in fault for fault in found), found


def test_metrics_and_labels_of_a_query() -> None:
    """Functions, keywords, label names, ranges and text in quotes are no metrics."""
    expr = (
        'histogram_quantile(0.9, sum by (le, queue) (rate(a_seconds_bucket{le!="up", x=~"b|c"}'
        "[$__rate_interval]))) unless on (brand) max(b_total) > bool 1e3 or vector(0)"
    )
    assert {"a_seconds_bucket", "b_total"} == metrics_of(expr)
    assert {"le", "queue", "x", "brand"} == labels_of(expr)
