"""A push with the real client against a stand-in of Grafana's API: complete, idempotent, clear."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boards.grafana_server import TOKEN, GrafanaServer
from replywatch.dashboards.grafana.options import DATA_SOURCE_UID, FOLDER_UID, PLAYLIST
from replywatch.dashboards.grafana.push import ON_THE_WALL, PushError, push
from replywatch.flows.cli import main

pytest.importorskip("grafana_client", reason="the extra grafana is not installed")

BOARDS = {uid: json.dumps({"uid": uid, "title": uid, "panels": []}) for uid in ON_THE_WALL}
PROMETHEUS = "http://127.0.0.1:9090"


@pytest.fixture
def grafana() -> Iterator[GrafanaServer]:
    """A Grafana with nothing in it."""
    with GrafanaServer() as server:
        yield server


def _push(grafana: GrafanaServer, **changed: Any) -> list[str]:
    wanted = {"boards": BOARDS, "prometheus_url": PROMETHEUS, "token": TOKEN, **changed}
    return list(push(grafana_url=grafana.url, **wanted))


def test_everything_is_there_after_a_push(grafana: GrafanaServer) -> None:
    """Folder, data source, each board in the folder, and the playlist of the wall."""
    said = _push(grafana)
    assert all(line.endswith(": created") for line in said), said
    assert [FOLDER_UID] == list(grafana.folders)
    assert PROMETHEUS == grafana.sources[DATA_SOURCE_UID]["url"]
    assert dict.fromkeys(BOARDS, FOLDER_UID) == {
        uid: board["meta"]["folderUid"] for uid, board in grafana.boards.items()
    }
    (playlist,) = grafana.playlists.values()
    assert (PLAYLIST, list(ON_THE_WALL)) == (
        playlist["name"],
        [one["value"] for one in playlist["items"]],
    )


def test_a_second_push_writes_nothing(grafana: GrafanaServer) -> None:
    """What is as wanted is left alone, so no version is added."""
    _push(grafana)
    grafana.writes.clear()
    said = _push(grafana)
    assert all(line.endswith(": unchanged") for line in said), said
    assert [] == grafana.writes


def test_only_what_changed_is_written(grafana: GrafanaServer) -> None:
    """One board, one address."""
    _push(grafana)
    grafana.writes.clear()
    changed = {**BOARDS, "care-queue": BOARDS["care-queue"].replace('"title": "', '"title": "My ')}
    _push(grafana, boards=changed, prometheus_url="http://127.0.0.1:9999")
    assert ["PUT /api/datasources/uid/replywatch-prometheus", "POST /api/dashboards/db"] == (
        grafana.writes
    )
    assert "My care-queue" == grafana.boards["care-queue"]["dashboard"]["title"]
    assert 2 == grafana.boards["care-queue"]["dashboard"]["version"]


def test_a_board_that_somebody_changed_or_moved_comes_back(grafana: GrafanaServer) -> None:
    """What stands in Grafana is what the code says."""
    _push(grafana)
    grafana.boards["care-queue"]["dashboard"]["title"] = "mine"
    grafana.boards["care-volume"]["meta"]["folderUid"] = "elsewhere"
    said = _push(grafana)
    assert ["board care-queue: updated", "board care-volume: updated"] == [
        line for line in said if line.endswith("updated")
    ]
    assert "care-queue" == grafana.boards["care-queue"]["dashboard"]["title"]


def test_a_wrong_token_is_one_sentence(grafana: GrafanaServer) -> None:
    """What Grafana says, where, and what to do."""
    with pytest.raises(
        PushError, match=f"folder .*{grafana.url} says Unauthorized; give a service"
    ):
        _push(grafana, token="wrong")


def test_no_grafana_is_one_sentence(grafana: GrafanaServer) -> None:
    """Where nothing listens, and what is no address at all."""
    with pytest.raises(PushError, match=r"can't reach http://127.0.0.1:1 .*is Grafana up there"):
        list(push(BOARDS, "http://127.0.0.1:1", PROMETHEUS, TOKEN))
    with pytest.raises(PushError, match="grafana is no address"):
        list(push(BOARDS, "grafana", PROMETHEUS, TOKEN))


def test_the_command_pushes_what_is_built(
    grafana: GrafanaServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the addresses of the configuration and the token of the environment."""
    config = tmp_path / "replywatch.toml"
    config.write_text(
        f'[dashboards]\ngrafana_url = "{grafana.url}"\nrunbooks_url = "https://wiki.example"\n'
    )
    monkeypatch.setenv("REPLYWATCH_GRAFANA_TOKEN", TOKEN)
    assert 0 == main(["dashboards", "push", "--config", str(config)])
    assert "board care-wallboard: created" in capsys.readouterr().out
    assert 8 == len(grafana.boards)
    assert "https://wiki.example/Care" in json.dumps(grafana.boards["care-queue"])
