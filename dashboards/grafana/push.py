"""Brings folder, data source, boards and playlist into a Grafana, as often as one likes.

What is there already as wanted is left alone; what differs is replaced. Nothing is deleted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from replywatch.dashboards.grafana.options import (
    DATA_SOURCE_NAME,
    DATA_SOURCE_UID,
    FOLDER_TITLE,
    FOLDER_UID,
    PLAYLIST,
)

ON_THE_WALL = ("care-wallboard", "care-queue", "care-volume")
"""Boards that the playlist shows in turn."""

_INTERVAL = "1m"
_NOT_THERE = 404
_OF_GRAFANA = {"id", "version", "uid", "iteration"}


class PushError(Exception):
    """Grafana can't be reached or refuses; the message says where and what to do."""


def push(
    boards: Mapping[str, str], grafana_url: str, prometheus_url: str, token: str
) -> Iterator[str]:
    """Make everything be there; a line for each thing, as it is done.

    Raises `PushError` at the first thing that fails; what was done before it stays.
    """
    api = _connect(grafana_url, token)
    steps: list[tuple[str, Callable[[], str]]] = [
        (f"folder {FOLDER_TITLE}", lambda: _folder(api)),
        (f"data source {DATA_SOURCE_NAME}", lambda: _data_source(api, prometheus_url)),
    ]
    for uid, text in boards.items():
        steps.append((f"board {uid}", lambda text=text: _board(api, json.loads(text))))  # type: ignore[misc]
    steps.append((f"playlist {PLAYLIST}", lambda: _playlist(api, boards)))
    for what, step in steps:
        yield f"{what}: {_told(step, what, grafana_url)}"


def _connect(url: str, token: str) -> Any:
    from grafana_client.api import GrafanaApi

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PushError(f"{url} is no address of a Grafana; give one such as http://127.0.0.1:3000")
    return GrafanaApi.from_url(f"{url.rstrip('/')}/", credential=token)


def _told(step: Callable[[], str], what: str, url: str) -> str:
    """What `step` did; its failures in one sentence."""
    import niquests
    from grafana_client.client import GrafanaException

    try:
        return step()
    except GrafanaException as error:
        advice = {
            401: "; give a service account's token in the environment",
            403: "; the token needs the role Admin, for the data source",
        }.get(error.status_code, "")
        raise PushError(f"{what}: {url} says {error.message}{advice}") from None
    except niquests.exceptions.RequestException as error:
        reason = type(error).__name__
        raise PushError(f"{what}: can't reach {url} ({reason}); is Grafana up there?") from None


def _found(ask: Callable[[], Any]) -> Any:
    """What `ask` finds, or `None` where Grafana has no such thing."""
    from grafana_client.client import GrafanaClientError

    try:
        return ask()
    except GrafanaClientError as error:
        if error.status_code == _NOT_THERE:
            return None
        raise


def _folder(api: Any) -> str:
    found = _found(lambda: api.folder.get_folder(FOLDER_UID))
    if found is None:
        api.folder.create_folder(FOLDER_TITLE, uid=FOLDER_UID)
        return "created"
    return "unchanged"  # somebody may have given it another title


def _data_source(api: Any, url: str) -> str:
    wanted = {
        "uid": DATA_SOURCE_UID,
        "name": DATA_SOURCE_NAME,
        "type": "prometheus",
        "access": "proxy",
        "url": url,
        "jsonData": {"httpMethod": "POST", "timeInterval": "5s"},
    }
    found = _found(lambda: api.datasource.get_datasource_by_uid(DATA_SOURCE_UID))
    if found is None:
        api.datasource.create_datasource(wanted)
        return "created"
    if all(found.get(name) == wanted[name] for name in ("name", "type", "access", "url")):
        return "unchanged"  # with whatever credentials and headers it was given since
    api.datasource.update_datasource_by_uid(DATA_SOURCE_UID, {**found, **wanted})
    return "updated"


def _board(api: Any, board: dict[str, Any]) -> str:
    found = _found(lambda: api.dashboard.get_dashboard(board["uid"]))
    if found is not None and _same(found, board):
        return "unchanged"
    wanted = {"dashboard": {**board, "id": None}, "folderUid": FOLDER_UID, "overwrite": True}
    api.dashboard.update_dashboard({**wanted, "message": "replywatch dashboards push"})
    return "created" if found is None else "updated"


def _same(found: Mapping[str, Any], board: Mapping[str, Any]) -> bool:
    there = {k: v for k, v in found["dashboard"].items() if k not in _OF_GRAFANA}
    here = {k: v for k, v in board.items() if k not in _OF_GRAFANA}
    return there == here and found.get("meta", {}).get("folderUid") == FOLDER_UID


def _playlist(api: Any, boards: Mapping[str, str]) -> str:
    shown = [uid for uid in ON_THE_WALL if uid in boards]
    items = [{"type": "dashboard_by_uid", "value": uid} for uid in shown]
    wanted = {"name": PLAYLIST, "interval": _INTERVAL, "items": items}
    listed = _found(lambda: api.client.GET("/playlists")) or []
    uid = next((one["uid"] for one in listed if one["name"] == PLAYLIST), None)
    if uid is None:
        api.client.POST("/playlists", json=wanted)
        return "created"
    found = _found(lambda: api.client.GET(f"/playlists/{uid}")) or {}
    there = [one.get("value") for one in found.get("items") or ()]
    if found.get("interval") == _INTERVAL and there == shown:
        return "unchanged"
    api.client.PUT(f"/playlists/{uid}", json=wanted)
    return "updated"
