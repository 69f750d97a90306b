"""Panels of the house: each has a title, a description, a unit, and words for no data.

A number is asked for at the instant that is shown, never as the last of a range: after an outage
the last of a range would still look healthy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, stat, statetimeline, text, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus as prom
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as prom_model
from grafana_foundation_sdk.models import text as text_model

from replywatch.dashboards.grafana.queries import Query
from replywatch.dashboards.grafana.words import CALM, Steps, Words, mappings, thresholds

Panel = Any
"""A panel builder of the SDK; its classes share no base but `Builder`."""

Links = Sequence[build.DashboardLink]

SOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
SECONDS, AGE, RATIO, COUNT = "s", "dthms", "percentunit", "none"
PER_SECOND = "cps"
_PLAIN: Steps = ((None, CALM),)


def targets(
    queries: Sequence[Query], is_instant: bool, is_table: bool = False
) -> list[prom.Dataquery]:
    """The queries of a panel, named A, B, C …"""
    made = []
    for index, query in enumerate(queries):
        target = prom.Dataquery().expr(query.expr).ref_id(chr(ord("A") + index)).datasource(SOURCE)
        target.legend_format(query.legend or "__auto").editor_mode(prom_model.QueryEditorMode.CODE)
        shape = prom_model.PromQueryFormat
        target.format(shape.TABLE if is_table else shape.TIME_SERIES)
        made.append(target.instant() if is_instant else target.range())
    return made


def number(
    title: str,
    description: str,
    queries: Sequence[Query] | Query,
    unit: str,
    no_data: str,
    *,
    steps: Steps = _PLAIN,
    words: Words | None = None,
    links: Links = (),
    decimals: int | None = 0,
) -> Panel:
    """Big numbers as of now, coloured by `steps` and named by `words`."""
    asked = [queries] if isinstance(queries, Query) else queries
    panel = stat.Panel().title(title).description(description).datasource(SOURCE)
    panel.targets(list(targets(asked, is_instant=True))).unit(unit).no_value(no_data)
    panel.mappings(mappings(words or {}, no_data)).thresholds(thresholds(steps))
    panel.color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    panel.graph_mode(shapes.BigValueGraphMode.NONE).color_mode(shapes.BigValueColorMode.VALUE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    is_named = len(asked) > 1 or any("{{" in query.legend for query in asked)
    modes = shapes.BigValueTextMode
    panel.text_mode(modes.VALUE_AND_NAME if is_named else modes.VALUE)
    if decimals is not None:
        panel.decimals(decimals)
    return panel.links(list(links))


def lines(
    title: str,
    description: str,
    queries: Sequence[Query] | Query,
    unit: str,
    no_data: str,
    *,
    colours: Mapping[str, str] | None = None,
    dashed: Sequence[str] = (),
    is_stacked: bool = False,
    are_bars: bool = False,
    bounds: tuple[float | None, float | None] = (0, None),
    links: Links = (),
    data_links: Links = (),
) -> Panel:
    """Values over time. `colours` and `dashed` are by the series' name."""
    asked = [queries] if isinstance(queries, Query) else queries
    panel = timeseries.Panel().title(title).description(description).datasource(SOURCE)
    panel.targets(list(targets(asked, is_instant=False))).unit(unit).no_value(no_data)
    styles = shapes.GraphDrawStyle
    panel.draw_style(styles.BARS if are_bars else styles.LINE).line_width(2)
    panel.fill_opacity(40 if is_stacked or are_bars else 8)
    panel.show_points(shapes.VisibilityMode.NEVER)
    if is_stacked:
        panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL))
    for limit, put in zip(bounds, (panel.min, panel.max), strict=True):
        if limit is not None:
            put(limit)
    legend = common.VizLegendOptions().display_mode(shapes.LegendDisplayMode.LIST)
    panel.legend(legend.placement(shapes.LegendPlacement.BOTTOM).show_legend(True).calcs([]))
    modes = shapes.TooltipDisplayMode, shapes.SortOrder
    panel.tooltip(common.VizTooltipOptions().mode(modes[0].MULTI).sort(modes[1].DESCENDING))
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, [_fixed(colour)])
    for name in dashed:
        dash = {"fill": "dash", "dash": [8, 6]}
        panel.override_by_name(name, [model.DynamicConfigValue("custom.lineStyle", dash)])
    return panel.links(list(links)).data_links(list(data_links))


def spans(
    title: str,
    description: str,
    queries: Sequence[Query] | Query,
    no_data: str,
    words: Words,
    *,
    links: Links = (),
    data_links: Links = (),
) -> Panel:
    """States over time as bars of colour with the state's word in them."""
    asked = [queries] if isinstance(queries, Query) else queries
    panel = statetimeline.Panel().title(title).description(description).datasource(SOURCE)
    panel.targets(list(targets(asked, is_instant=False))).unit(COUNT).no_value(no_data)
    panel.mappings(mappings(words, no_data)).show_value(shapes.VisibilityMode.AUTO)
    panel.color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    panel.thresholds(thresholds(_PLAIN)).merge_values(True).row_height(0.8).fill_opacity(75)
    legend = common.VizLegendOptions().display_mode(shapes.LegendDisplayMode.LIST)
    panel.legend(legend.placement(shapes.LegendPlacement.BOTTOM).show_legend(False).calcs([]))
    return panel.links(list(links)).data_links(list(data_links))


def bars(
    title: str,
    description: str,
    query: Query,
    unit: str,
    no_data: str,
    *,
    steps: Steps = _PLAIN,
    links: Links = (),
    data_links: Links = (),
) -> Panel:
    """Values of several series as of now, as horizontal bars."""
    panel = bargauge.Panel().title(title).description(description).datasource(SOURCE)
    panel.targets(list(targets([query], is_instant=True))).unit(unit).no_value(no_data).min(0)
    panel.mappings(mappings({}, no_data)).thresholds(thresholds(steps))
    panel.color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    panel.orientation(shapes.VizOrientation.HORIZONTAL)
    panel.display_mode(shapes.BarGaugeDisplayMode.BASIC)
    panel.value_mode(shapes.BarGaugeValueMode.TEXT).show_unfilled(True)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    return panel.links(list(links)).data_links(list(data_links))


def note(title: str, description: str, markdown: str) -> Panel:
    """Fixed words."""
    panel = text.Panel().title(title).description(description)
    return panel.mode(text_model.TextMode.MARKDOWN).content(markdown)


def _fixed(colour: str) -> model.DynamicConfigValue:
    mode = model.FieldColorModeId.FIXED.value
    return model.DynamicConfigValue("color", {"mode": mode, "fixedColor": colour})
