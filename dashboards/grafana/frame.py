"""The frame every board shares: variables, links, annotations, and where its panels stand."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from replywatch.dashboards.grafana.links import all_boards, names_conversation, to_conversations
from replywatch.dashboards.grafana.options import DATA_SOURCE_NAME, DATA_SOURCE_UID, TAG, Options
from replywatch.dashboards.grafana.panels import SOURCE, Panel
from replywatch.dashboards.grafana.queries import of

COLUMNS = 24
Row = tuple[int, Sequence[tuple[int, Panel]]]
"""A height, and panels with their widths, from the left; a row is 24 wide."""

Variable = build.DatasourceVariable | build.QueryVariable | build.TextBoxVariable

_CHOSEN_FROM = "care_conversations_waiting"


def board(
    uid: str,
    title: str,
    description: str,
    rows: Sequence[Row],
    options: Options,
    *,
    since: str = "now-6h",
    refresh: str = "30s",
    has_episodes: bool = True,
) -> build.Dashboard:
    """A board. `has_episodes` marks volume spikes in its graphs."""
    made = build.Dashboard(title).uid(uid).description(description).tags([TAG, "customer care"])
    made.time(since, "now").refresh(refresh).timezone("browser").readonly().preload(False)
    made.tooltip(model.DashboardCursorSync.CROSSHAIR)
    for variable in _variables(options):
        made.with_variable(variable)
    if has_episodes:
        made.annotation(_episodes())
    made.link(all_boards())
    for link in to_conversations(options):
        made.link(link)
    y, number = 0, 1
    for height, panels in rows:
        x = 0
        for width, panel in panels:
            panel.id(number).grid_pos(model.GridPos(h=height, w=width, x=x, y=y))
            made.with_panel(panel)
            x, number = x + width, number + 1
        if x != COLUMNS:
            raise ValueError(f"{uid}: the row at {y} is {x} wide, not {COLUMNS}")
        y += height
    return made


def _variables(options: Options) -> list[Variable]:
    source = build.DatasourceVariable("datasource").label("Data source").type("prometheus")
    source.current(model.VariableOption(text=DATA_SOURCE_NAME, value=DATA_SOURCE_UID))
    made: list[Variable] = [source]
    chosen = ""
    for name in ("brand", "channel", "queue"):
        query = f"label_values({_CHOSEN_FROM}{{{chosen}}}, {name})"
        variable = build.QueryVariable(name).label(name.capitalize()).datasource(SOURCE)
        variable.query({"query": query, "refId": name}).multi(True).include_all(True)
        variable.all_value(".*").current(model.VariableOption(text="All", value="$__all"))
        variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        variable.sort(model.VariableSort.ALPHABETICAL_ASC)
        made.append(variable)
        chosen += f'{"," if chosen else ""}{name}=~"${name}"'
    if names_conversation(options):
        asked = build.TextBoxVariable("conversation").label("Conversation")
        made.append(asked.description("Its id, as `replywatch report breaches` names it."))
    return made


def _episodes() -> build.AnnotationQuery:
    expr = f"max by (brand, channel, queue, kind) ({of('care_volume_spike_active')}) > 0"
    marked = build.AnnotationQuery().name("Volume episodes").datasource(SOURCE).enable(True)
    marked.hide(False).icon_color("orange").expr(expr).step("60s")
    return marked.title_format("Volume {{kind}}").text_format("{{brand}} · {{channel}} · {{queue}}")
