"""The boards that are checked in: as the code builds them, complete, and without a fault."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from replywatch.dashboards.grafana.build import build_boards, differences, write_boards
from replywatch.dashboards.grafana.lint import expressions, faults, metrics_of
from replywatch.dashboards.grafana.options import DATA_SOURCE_UID, TAG, Options
from replywatch.dashboards.grafana.tiles import NAME_LETTERS, TILE
from replywatch.metrics.catalogue import CATALOGUE

Board = dict[str, Any]

UIDS = {
    "care-wallboard",
    "care-queue",
    "care-sla",
    "care-volume",
    "care-agents",
    "care-satisfaction",
    "care-crisis",
    "care-pipeline",
}


def test_the_boards_are_those_that_the_code_builds(generated: Path) -> None:
    """Nobody edits the JSON, and nobody forgets to build it."""
    assert [] == differences(generated, Options())


def test_their_uids_never_change(boards: dict[str, Board]) -> None:
    """Alerts, playlists and bookmarks lead to a board by its uid."""
    assert {uid: uid for uid in UIDS} == {name: board["uid"] for name, board in boards.items()}


def test_building_twice_gives_the_same_bytes() -> None:
    """Nothing of the moment or of a hash order gets in."""
    assert build_boards(Options()) == build_boards(Options())


def test_no_board_has_a_fault(boards: dict[str, Board]) -> None:
    """By the house's own rules."""
    assert [] == [fault for board in boards.values() for fault in faults(board)]


def test_every_board_is_reached_from_every_other(boards: dict[str, Board]) -> None:
    """By the menu, which lists the boards with the tag; variables and time are kept."""
    for uid, board in boards.items():
        menus = [link for link in board["links"] if link["type"] == "dashboards"]
        wanted = [([TAG], True, True)]
        found = [(link["tags"], link["includeVars"], link["keepTime"]) for link in menus]
        assert wanted == found, uid
        assert TAG in board["tags"]


def test_links_lead_to_boards_that_exist(boards: dict[str, Board]) -> None:
    """No link names a uid that is none."""
    named = set(re.findall(r"/d/([\w-]+)", json.dumps(list(boards.values()))))
    assert named
    assert named <= UIDS


def test_every_board_leads_to_a_runbook(boards: dict[str, Board]) -> None:
    """From what one sees to what to do about it."""
    text = {uid: json.dumps(board) for uid, board in boards.items()}
    without = [uid for uid, found in text.items() if "/public/runbooks/Care" not in found]
    assert [] == without


def test_the_wallboard_holds_six_numbers_with_their_targets(boards: dict[str, Board]) -> None:
    """Six tiles in large letters, each with a line below it, and a strip with the age of it all."""
    panels = boards["care-wallboard"]["panels"]
    tiles = [one for one in panels if one["gridPos"]["h"] == TILE]
    below = {(one["gridPos"]["x"], one["gridPos"]["y"]) for one in panels}
    assert 6 == len(tiles)
    for one in tiles:
        at = one["gridPos"]
        assert (at["x"], at["y"] + at["h"]) in below, one["title"]
        assert one["options"]["text"]["valueSize"] >= 100
        assert one["options"]["text"]["titleSize"] >= 56
        for target in one["targets"]:
            assert len(target["legendFormat"]) <= NAME_LETTERS, target["legendFormat"]
    assert 24 == panels[0]["gridPos"]["w"]
    assert 1080 >= 16 + 38 * max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in panels)
    assert "care_pipeline_watermark_timestamp_seconds" in panels[0]["targets"][0]["expr"]


def test_every_state_of_a_tile_has_words_and_a_colour(boards: dict[str, Board]) -> None:
    """So that nobody needs to tell red from green."""
    for panel in boards["care-wallboard"]["panels"]:
        if panel["gridPos"]["h"] != TILE:
            continue
        coloured = {
            one["matcher"]["options"]
            for one in panel["fieldConfig"]["overrides"]
            if one["properties"][0]["id"] == "color"
        }
        named = {one["refId"] for one in panel["targets"] if one["legendFormat"] != "__auto"}
        assert {one["refId"] for one in panel["targets"]} == coloured == named, panel["title"]


def test_boards_show_every_metric(boards: dict[str, Board]) -> None:
    """What is exported is shown somewhere, or it need not be exported."""
    shown = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for board in boards.values()
        for _, expr in expressions(board)
        for name in metrics_of(expr)
    }
    assert set() == set(CATALOGUE) - shown


def test_runbooks_and_conversations_are_linked_where_the_configuration_says() -> None:
    """Addresses are the user's; a template's fields become what Grafana fills in."""
    options = Options(
        "https://wiki.example/runbooks/",
        "https://care.example/{brand}/{queue}?id={conversation}",
    )
    built = build_boards(options)
    assert "https://wiki.example/runbooks/CareFirstResponseOverdue.md" in built["care-queue"]
    url = (
        "https://care.example/${brand:percentencode}/${queue:percentencode}"
        "?id=${conversation:percentencode}"
    )
    for uid, text in built.items():
        board = json.loads(text)
        assert [] == faults(board), uid
        assert url in [link.get("url") for link in board["links"]], uid
        assert "conversation" in [one["name"] for one in board["templating"]["list"]], uid
    row = "https://care.example/${__data.fields.brand:percentencode}/"
    assert row in built["care-queue"]


def test_without_a_care_platform_no_board_links_to_one(boards: dict[str, Board]) -> None:
    """The boards that ship know no address but Grafana's own."""
    found = re.findall(r"https?://[^\s\"]*", json.dumps(list(boards.values())))
    assert [] == found


def test_the_data_source_chosen_first_is_the_provisioned_one(boards: dict[str, Board]) -> None:
    """So that boards show something at once, in the stack and after a push."""
    for board in boards.values():
        source = board["templating"]["list"][0]
        assert (source["type"], source["current"]["value"]) == ("datasource", DATA_SOURCE_UID)


def test_writing_removes_boards_that_are_no_more(tmp_path: Path) -> None:
    """And leaves what isn't ours."""
    (tmp_path / "care-old.json").write_text("{}")
    (tmp_path / "mine.json").write_text("{}")
    assert "no such board" in differences(tmp_path, Options())[-1]
    written = write_boards(tmp_path, Options())
    assert {*written, tmp_path / "mine.json"} == set(tmp_path.iterdir())
    assert [] == differences(tmp_path, Options())


def test_a_changed_board_is_named(tmp_path: Path) -> None:
    """By its file, with what is wrong."""
    written = write_boards(tmp_path, Options())
    written[0].write_text("{}")
    assert [f"{written[0]}: not as it is built now"] == differences(tmp_path, Options())


@pytest.mark.parametrize("name", ["care-agents", "care-wallboard"])
def test_no_wall_ranks_people(boards: dict[str, Board], name: str) -> None:
    """Agents are counted by state; no query knows who they are."""
    text = json.dumps(boards[name])
    assert not re.search(r"by \([^)]*\bagent\b|\bagent=", text)


def test_every_runbook_that_is_linked_is_written(
    repository: Path, boards: dict[str, Board]
) -> None:
    """A link that leads nowhere is worse than none."""
    linked = set(re.findall(r"/public/runbooks/(\w+\.md)", json.dumps(list(boards.values()))))
    written = {path.name for path in (repository / "alerts/runbooks").glob("*.md")}
    assert len(linked) >= 10
    assert set() == linked - written


def test_alerts_lead_to_boards_that_exist(repository: Path) -> None:
    """By the same uids."""
    rules = "".join(path.read_text("utf-8") for path in (repository / "alerts/rules").glob("*"))
    named = set(re.findall(r"/d/(care-[\w-]+)", rules))
    assert named
    assert named <= UIDS
