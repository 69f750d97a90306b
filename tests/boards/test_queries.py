"""Every query of every board, on a real Prometheus that scraped the live service."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from endtoend.servers import Prometheus, wait_until
from endtoend.service import Service

from boards.story import POLICY, SCOPES, calm, minute
from replywatch.dashboards.grafana.lint import expressions
from replywatch.dashboards.grafana.tiles import TILE

Board = dict[str, Any]

BRANDS = (".*", "acme", "newcomer", "storm")
"""What is chosen in turn: a queue that is new knows less than one that is known for long."""

BETWEEN_BURST_AND_END_SECONDS = 150


@dataclass
class Recorded:
    """A Prometheus that has seen everything, and from when to when (seconds since the epoch)."""

    prometheus: Prometheus
    start: float
    end: float

    def ask(self, expr: str, brand: str = ".*") -> list[dict[str, Any]]:
        """The series of a query at each second, as a panel's query of each second would be."""
        filled = expr.replace("$brand", brand).replace("$channel", ".*").replace("$queue", ".*")
        filled = filled.replace("$__rate_interval", "10s")
        span = {"start": f"{self.start:.3f}", "end": f"{self.end:.3f}", "step": "1"}
        answer = self.prometheus.get("/api/v1/query_range", query=filled, **span)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found


@pytest.fixture(scope="module")
def recorded(
    require_tool: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recorded]:
    """The live service through calm hours, a busy minute, a burst of posts and a crash."""
    folder = tmp_path_factory.mktemp("recorded")
    service = Service(folder, POLICY, SCOPES)
    settings = service.config.read_text()
    service.config.write_text(
        f'seal_every = "1s"\nconversations_every = "1s"\n{settings}'
        '[[exports]]\nfolder = "exports"\nevery = "8s"\n'
    )
    with Prometheus(
        require_tool("prometheus"), folder, {"replywatch": service.targets}, interval=1
    ) as prometheus:
        start = time.time()
        service.write(*calm(start))
        with service.start():
            wait_until(lambda: prometheus.query('up{job="replywatch"} == 1'), 120, "it is scraped")
            minute(service)
            active = 'max(care_volume_spike_active{brand="acme", kind="spike"}) == 1'
            wait_until(lambda: prometheus.query(active), BETWEEN_BURST_AND_END_SECONDS, "a spike")
            time.sleep(2)
            service.kill()
            wait_until(lambda: prometheus.query('up{job="replywatch"} == 0'), 60, "it is down")
            time.sleep(2)
        yield Recorded(prometheus, start, time.time())


_COMPARED = re.compile(r" (>=|<=|==|!=|>|<) (?!bool )")


def judged(expr: str) -> str:
    """A query that keeps series by comparing them, made to say 0 or 1 of each instead.

    How far behind the service ever was, say, depends on how fast this machine is: that a state
    never came about is no fault, that there is nothing to compare is one.
    """
    return _COMPARED.sub(r" \1 bool ", expr)


def test_every_query_returns_data(recorded: Recorded, boards: dict[str, Board]) -> None:
    """At some moment of the story, for some choice of the variables."""
    asked = [
        (f"{uid}: {where}", expr)
        for uid, board in boards.items()
        for where, expr in expressions(board)
    ]
    assert len(asked) > 100
    silent = [
        f"{where}: {expr}"
        for where, expr in asked
        if not any(
            _values(recorded.ask(asking, brand))
            for asking in dict.fromkeys((expr, judged(expr)))
            for brand in BRANDS
        )
    ]
    assert not silent, "\n".join(silent)


def test_a_tile_has_one_state_at_a_time(recorded: Recorded, boards: dict[str, Board]) -> None:
    """Never two, whatever is chosen; and while the service lives, never none.

    Of the first moments nothing is asked: what grew needs two scrapes.
    """
    alive = _moments(recorded.ask("care_pipeline_info offset 3s"))
    alive &= _moments(recorded.ask("care_pipeline_info"))
    tiles = [p for p in boards["care-wallboard"]["panels"] if p["gridPos"]["h"] == TILE]
    strip = boards["care-wallboard"]["panels"][0]
    for panel in [strip, *tiles]:
        for brand in BRANDS:
            states = [_moments(recorded.ask(one["expr"], brand)) for one in panel["targets"]]
            doubled = [at for at in set().union(*states) if sum(at in one for one in states) > 1]
            assert [] == sorted(doubled), (panel["title"], brand)
            assert set() == alive - set().union(*states), (panel["title"], brand)


def test_after_the_crash_no_number_looks_alive(
    recorded: Recorded, boards: dict[str, Board]
) -> None:
    """Tiles have no value any more, and the strip above them says that nothing is heard."""
    last = _moments(recorded.ask('up{job="replywatch"} == 0'))
    end = max(last)
    wallboard = boards["care-wallboard"]["panels"]
    for panel in wallboard[1:]:
        for target in panel["targets"]:
            assert end not in _moments(recorded.ask(target["expr"])), target["expr"]
    assert end in _moments(recorded.ask(wallboard[0]["targets"][-1]["expr"]))


def test_legends_name_labels_that_the_series_have(
    recorded: Recorded, boards: dict[str, Board]
) -> None:
    """A `{{label}}` that isn't there would show as nothing."""
    for uid, board in boards.items():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                wanted = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
                for one in recorded.ask(target["expr"]) if wanted else ():
                    assert wanted <= set(one["metric"]), (uid, panel["title"], target["expr"])


def _values(found: list[dict[str, Any]]) -> list[float]:
    """The finite values of all series."""
    values = [float(value) for one in found for _, value in one["values"]]
    return [value for value in values if value == value and abs(value) != float("inf")]


def _moments(found: list[dict[str, Any]]) -> set[float]:
    return {float(at) for one in found for at, _ in one["values"]}
