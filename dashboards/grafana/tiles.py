"""Tiles of the wallboard: one number as large as can be, its state in words, its target below.

On a television of 1920 pixels over 1.2 m, a pixel is 0.63 mm high: a name of 56 pixels has capitals
of about 25 mm, which is one two-hundredth of five metres; the number itself is twice as large.
Heights are Grafana's rows of 30 pixels with 8 between them: everything fits into 1080, and a name
into one line of a third of the screen as long as it has no more than `NAME_LETTERS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, stat
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as model

from replywatch.dashboards.grafana.panels import SOURCE, Links, Panel, targets
from replywatch.dashboards.grafana.queries import Query
from replywatch.dashboards.grafana.words import MUTED, Words, mappings, thresholds

VALUE_PIXELS, NAME_PIXELS, TARGET_PIXELS, STRIP_PIXELS = 112, 56, 48, 64
STRIP, TILE, LINE = 4, 7, 4
NAME_LETTERS = 19


@dataclass(frozen=True)
class State:
    """What a number means while `expr` has a value: at most one state of a tile has one at a time.

    `name` says what is measured and how it stands; `words` name values (zero first of all).
    """

    name: str
    color: str
    expr: str
    words: tuple[tuple[float, str], ...] = ()


def tile(
    title: str, description: str, states: Sequence[State], unit: str, no_data: str, links: Links
) -> Panel:
    """One number and its state. A state is a query, so that each queue is judged by its own target.

    Without any value the tile says `no_data` in grey: then nobody knows, and no zero is shown.
    """
    return _tile(title, description, states, unit, no_data, (VALUE_PIXELS, NAME_PIXELS), links)


def strip(
    title: str, description: str, states: Sequence[State], unit: str, no_data: str, links: Links
) -> Panel:
    """A tile as wide as the board and lower, with name and number side by side."""
    pixels = (STRIP_PIXELS, NAME_PIXELS)
    return _tile(title, description, states, unit, no_data, pixels, links).wide_layout(True)


def _tile(
    title: str,
    description: str,
    states: Sequence[State],
    unit: str,
    no_data: str,
    pixels: tuple[int, int],
    links: Links,
) -> Panel:
    queries = [Query(state.expr, state.name) for state in states]
    panel = _stat(title, description, queries, unit, no_data, pixels)
    panel.text_mode(shapes.BigValueTextMode.VALUE_AND_NAME)
    panel.justify_mode(shapes.BigValueJustifyMode.CENTER)
    for index, state in enumerate(states):
        colour = {"mode": model.FieldColorModeId.FIXED.value, "fixedColor": state.color}
        properties = [model.DynamicConfigValue("color", colour)]
        if state.words:
            words: Words = {value: (word, state.color) for value, word in state.words}
            named = mappings(words, no_data)
            properties.append(model.DynamicConfigValue("mappings", named))
        panel.override_by_query(chr(ord("A") + index), properties)
    return panel.links(list(links))


def target(title: str, description: str, queries: Sequence[Query], unit: str, none: str) -> Panel:
    """The line below a tile: what its number is held against."""
    panel = _stat(title, description, queries, unit, none, (TARGET_PIXELS, TARGET_PIXELS))
    panel.text_mode(shapes.BigValueTextMode.VALUE_AND_NAME).wide_layout(True)
    panel.justify_mode(shapes.BigValueJustifyMode.AUTO)
    return panel.transparent(True)


def _stat(
    title: str,
    description: str,
    queries: Sequence[Query],
    unit: str,
    no_data: str,
    pixels: tuple[int, int],
) -> stat.Panel:
    panel = stat.Panel().title(title).description(description).datasource(SOURCE)
    panel.targets(list(targets(queries, is_instant=True))).unit(unit).decimals(0)
    panel.no_value(no_data).mappings(mappings({}, no_data)).thresholds(thresholds(((None, MUTED),)))
    panel.color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    panel.graph_mode(shapes.BigValueGraphMode.NONE).color_mode(shapes.BigValueColorMode.VALUE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    value, name = pixels
    return panel.text(common.VizTextDisplayOptions().value_size(value).title_size(name))
