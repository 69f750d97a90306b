"""Every board against the JSON schema of Grafana's own types."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

Board = dict[str, Any]

OF_PROMETHEUS = {"expr", "step", "textFormat", "titleFormat"}
"""What the Prometheus data source adds to an annotation, which the board's type doesn't know."""


@pytest.fixture(scope="module")
def shapes(grafana_code: Path) -> Any:
    """The properties of `Shapes` (tests/boards/node/shapes.ts)."""
    schema = json.loads((grafana_code / "shapes.json").read_text("utf-8"))
    return schema["definitions"]["Shapes"]["properties"]


def _faults(shapes: Any, board: Board) -> Iterator[str]:
    bare = copy.deepcopy(board)
    for marked in bare.get("annotations", {}).get("list", ()):
        for name in OF_PROMETHEUS:
            marked.pop(name, None)
    yield from _told(shapes["dashboard"], bare, "board")
    for panel in board["panels"]:
        kind, title = panel["type"], panel["title"]
        yield from _told(shapes["options"]["properties"][kind], panel["options"], title)
        custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom")
        if custom is not None:
            yield from _told(shapes["custom"]["properties"][kind], custom, title)


def _told(schema: Any, value: Any, where: str) -> Iterator[str]:
    for error in jsonschema.Draft7Validator(schema).iter_errors(value):
        yield f"{where} {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"


def test_every_board_fits_grafanas_types(shapes: Any, boards: dict[str, Board]) -> None:
    """The board, each panel's options, and the settings of its fields."""
    found = {uid: list(_faults(shapes, board)) for uid, board in boards.items()}
    assert [] == [fault for faults in found.values() for fault in faults]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("refresh",), 5),
        (("panels", 0, "gridPos", "w"), "wide"),
        (("panels", 0, "options", "textMode"), "shout"),
        (("panels", 0, "options", "colour"), "red"),
        (("templating", "list", 1, "sort"), 17),
    ],
)
def test_the_schema_finds_what_is_wrong(
    shapes: Any, boards: dict[str, Board], path: tuple[Any, ...], value: Any
) -> None:
    """A wrong type, an unknown word, an unknown option: none of them fits."""
    broken = copy.deepcopy(boards["care-wallboard"])
    place: Any = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert list(_faults(shapes, broken))
