"""Links of boards and panels: to a board, to a runbook, to the care platform."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from replywatch.dashboards.grafana.options import TAG, Options
from replywatch.metrics.catalogue import SCOPE

_VARIABLES = "&".join(f"${{{name}:queryparam}}" for name in SCOPE)
_OF_SERIES = "&".join(f"var-{name}=${{__field.labels.{name}:percentencode}}" for name in SCOPE)
_OF_ROW = "&".join(f"var-{name}=${{__data.fields.{name}:percentencode}}" for name in SCOPE)
_TIME = "${__url_time_range}"


def to_board(uid: str, title: str) -> build.DashboardLink:
    """To another board, with the variables and the time of this one."""
    return _link(title, f"/d/{uid}?{_VARIABLES}&{_TIME}")


def series_to_board(uid: str, title: str) -> build.DashboardLink:
    """From a series to another board, narrowed to the scope of that series."""
    return _link(title, f"/d/{uid}?{_OF_SERIES}&{_TIME}")


def row_to_board(uid: str, title: str) -> build.DashboardLink:
    """From a table's row to another board, narrowed to the scope of that row."""
    return _link(title, f"/d/{uid}?{_OF_ROW}&{_TIME}")


def to_runbook(alert: str, options: Options) -> build.DashboardLink:
    """To what to do about an alert."""
    return _link(f"What to do: {alert}", options.runbook(alert)).target_blank(True)


def to_conversations(options: Options) -> list[build.DashboardLink]:
    """To the care platform with the board's variables; nothing where no address is configured."""
    return _platform(options, {name: f"${{{name}:percentencode}}" for name in SCOPE})


def row_to_conversations(options: Options) -> list[build.DashboardLink]:
    """The same from a table's row, with the scope of that row."""
    return _platform(options, {name: f"${{__data.fields.{name}:percentencode}}" for name in SCOPE})


def names_conversation(options: Options) -> bool:
    """Whether the address of the care platform asks for a conversation."""
    return "{conversation}" in (options.conversation_url or "")


def all_boards() -> build.DashboardLink:
    """The menu of all boards, which keeps variables and time."""
    link = build.DashboardLink("Boards").type(model.DashboardLinkType.DASHBOARDS)
    return link.tags([TAG]).as_dropdown(True).include_vars(True).keep_time(True).icon("apps")


def _platform(options: Options, values: dict[str, str]) -> list[build.DashboardLink]:
    url = options.conversation_url
    if url is None:
        return []
    for name, value in {**values, "conversation": "${conversation:percentencode}"}.items():
        url = url.replace(f"{{{name}}}", value)
    title = "Open the conversation" if names_conversation(options) else "Open in the care platform"
    return [_link(title, url).target_blank(True)]


def _link(title: str, url: str) -> build.DashboardLink:
    return (
        build.DashboardLink(title).type(model.DashboardLinkType.LINK).url(url).icon("external link")
    )
