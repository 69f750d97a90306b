"""A table with one row a scope, joined from one instant query a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as model

from replywatch.dashboards.grafana.panels import COUNT, SOURCE, Links, Panel, targets
from replywatch.dashboards.grafana.queries import Query
from replywatch.dashboards.grafana.words import Steps, mappings
from replywatch.metrics.catalogue import SCOPE


@dataclass(frozen=True)
class Column:
    """A column: its query must keep `brand`, `channel`, `queue` and no other label."""

    name: str
    expr: str
    unit: str = COUNT
    steps: Steps = ()


def scopes(
    title: str,
    description: str,
    columns: Sequence[Column],
    no_data: str,
    *,
    sort_by: str,
    links: Links = (),
    data_links: Links = (),
) -> Panel:
    """One row a scope; a cell with no value says `no_data`. `data_links` are those of a queue."""
    panel = table.Panel().title(title).description(description).datasource(SOURCE)
    queries = [Query(column.expr) for column in columns]
    panel.targets(list(targets(queries, is_instant=True, is_table=True)))
    panel.cell_options(shapes.TableAutoCellOptions())
    panel.unit(COUNT).no_value(no_data).mappings(mappings({}, no_data))
    values = {f"Value #{chr(ord('A') + i)}": column.name for i, column in enumerate(columns)}
    order = {name: i for i, name in enumerate([*SCOPE, *values])}
    organize = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": values}
    panel.with_transformation(model.DataTransformerConfig("merge", options={}))
    panel.with_transformation(model.DataTransformerConfig("organize", options=organize))
    for column in columns:
        properties = [model.DynamicConfigValue("unit", column.unit)]
        if column.steps:
            steps = [{"value": value, "color": color} for value, color in column.steps]
            limits = {"mode": "absolute", "steps": steps}
            properties += [
                model.DynamicConfigValue("thresholds", limits),
                model.DynamicConfigValue("color", {"mode": "thresholds"}),
                model.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
            ]
        panel.override_by_name(column.name, properties)
    if data_links:
        found = [link.build().to_json() for link in data_links]
        short = [{key: link[key] for key in ("title", "url", "targetBlank")} for link in found]
        panel.override_by_name("queue", [model.DynamicConfigValue("links", short)])
    panel.sort_by([common.TableSortByFieldState().display_name(sort_by).desc(True)])
    return panel.links(list(links))
