"""The house's own rules for finished boards, on their JSON: what a schema can't know.

A fault is one sentence with the board and the panel it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from replywatch.metrics.catalogue import CATALOGUE, SCOPE

Json = Mapping[str, Any]

PROMETHEUS_OWN = {"up"}
"""Series that Prometheus makes itself."""

PERSONAL = {"agent", "customer", "conversation", "conversation_id", "user", "email", "name"}
"""Labels that would put a person on a wall."""

AGE_UNITS = {"s", "dthms"}
_NUMBERS = ("stat", "gauge", "bargauge", "table")
_WITH_DATA = (*_NUMBERS, "timeseries", "statetimeline")
_VARIABLES = {"datasource", *SCOPE}
_WORD = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_RANGES = re.compile(r"\[[^\]]*\]")
_GROUPS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_MATCHERS = re.compile(r"\{([^}]*)\}")
_SUFFIX = re.compile(r"_(?:bucket|sum|count)$")
_LANGUAGE = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


def faults(board: Json) -> list[str]:
    """Everything wrong with a board."""
    where = str(board.get("uid") or "a board without uid")
    return [f"{where}: {fault}" for fault in (*_of_board(board), *_of_panels(board))]


def expressions(board: Json) -> Iterator[tuple[str, str]]:
    """Every query of a board with where it stands: panels, then annotations."""
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for marked in board.get("annotations", {}).get("list", ()):
        if "expr" in marked:
            yield f"annotation {marked['name']}", marked["expr"]


def metrics_of(expr: str) -> set[str]:
    """The names of series in a query, as they stand there."""
    bare = _MATCHERS.sub("", _RANGES.sub("", _QUOTED.sub('""', expr)))
    bare = _GROUPS.sub("", bare)
    names = {
        match[0]
        for match in _WORD.finditer(bare)
        if not bare[match.end() :].lstrip().startswith("(") and match[0].lower() not in _LANGUAGE
    }
    return {name for name in names if not re.fullmatch(r"[eE]\d*|[a-z]+_interval", name)}


def labels_of(expr: str) -> set[str]:
    """The names of labels in a query: matched, grouped by, joined on."""
    bare = _QUOTED.sub('""', expr)
    found = {name.strip() for group in _GROUPS.findall(bare) for name in group.split(",")}
    for matchers in _MATCHERS.findall(bare):
        found |= {re.split(r"[=!]", one)[0].strip() for one in matchers.split(",")}
    return found - {""}


def _of_board(board: Json) -> Iterator[str]:
    for name in ("uid", "title", "description"):
        if not board.get(name):
            yield f"no {name}"
    variables = {one["name"] for one in board.get("templating", {}).get("list", ())}
    for missing in sorted(_VARIABLES - variables):
        yield f"no variable {missing}"
    titles = [panel.get("title") for panel in board["panels"]]
    for title in sorted({str(one) for one in titles if titles.count(one) > 1}):
        yield f"two panels are called {title}"
    yield from _overlaps(board["panels"])
    for marked in board.get("annotations", {}).get("list", ()):
        yield from _of_source(marked, f"annotation {marked.get('name')}")


def _overlaps(panels: Sequence[Json]) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                other = taken.setdefault((x, y), panel["title"])
                if other != panel["title"]:
                    yield f"{panel['title']} lies on {other}"
                    return
        if at["x"] + at["w"] > 24:
            yield f"{panel['title']} leaves the grid"


def _of_panels(board: Json) -> Iterator[str]:
    for panel in board["panels"]:
        for fault in _of_panel(panel):
            yield f"{panel.get('title') or panel.get('id')}: {fault}"
    for where, expr in expressions(board):
        for fault in _of_expression(expr):
            yield f"{where}: {fault}"


def _of_panel(panel: Json) -> Iterator[str]:
    for name in ("title", "description"):
        if not panel.get(name):
            yield f"no {name}"
    if panel["type"] not in _WITH_DATA:
        return
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    if not defaults.get("unit"):
        yield "no unit"
    if not defaults.get("noValue"):
        yield "no word for no data"
    yield from _of_source(panel, "panel")
    if not panel.get("targets"):
        yield "no query"
    for target in panel.get("targets", ()):
        yield from _of_source(target, f"query {target['refId']}")
        if panel["type"] in _NUMBERS and not target.get("instant"):
            yield f"query {target['refId']} of a number as of now is not an instant query"
        is_age = "time()" in target["expr"] and defaults.get("unit") in AGE_UNITS
        if is_age and "floor(" not in target["expr"]:
            yield f"query {target['refId']} is an age with fractions of a second, floor() it"
    if panel["type"] in ("stat", "bargauge", "statetimeline") and not any(
        one.get("type") == "special" for one in defaults.get("mappings", ())
    ):
        yield "null is mapped to no word"


def _of_source(owner: Json, what: str) -> Iterator[str]:
    if owner.get("datasource", {}).get("uid") != "${datasource}":
        yield f"{what} doesn't use the variable of the data source"


def _of_expression(expr: str) -> Iterator[str]:
    for name in sorted(metrics_of(expr)):
        family = CATALOGUE.get(name) or CATALOGUE.get(_SUFFIX.sub("", name))
        if family is None and name not in PROMETHEUS_OWN:
            yield f"{name} is no metric of the catalogue"
        elif family is not None and family.kind == "histogram" and name == family.name:
            yield f"{name} is a histogram, ask for its _bucket, _sum or _count"
        elif family is not None and set(SCOPE) <= set(family.labels):
            yield from _unchosen(name, expr)
    for label in sorted(labels_of(expr) & PERSONAL):
        yield f"the label {label} would show a person"


def _unchosen(name: str, expr: str) -> Iterator[str]:
    """A series with scopes that the board's variables don't choose."""
    for match in re.finditer(rf"\b{name}\b(\{{[^}}]*\}})?", expr):
        missing = [one for one in SCOPE if f'{one}=~"${one}"' not in (match[1] or "")]
        if missing:
            yield f"{name} ignores the variables {', '.join(missing)}"
