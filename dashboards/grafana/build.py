"""All boards as the JSON that Grafana reads, and the folder in which it is checked in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from replywatch.dashboards.grafana.boards import ALL
from replywatch.dashboards.grafana.options import Options


def build_boards(options: Options) -> dict[str, str]:
    """Every board's JSON by its uid, in the order in which they are shown."""
    made = {}
    for make in ALL:
        found = json.loads(json.dumps(make(options).build(), cls=JSONEncoder))
        made[found["uid"]] = _text(_tidied(found))
    return made


def _tidied(value: Any) -> Any:
    """`value` without what the SDK always adds: a menu that hides links, settings of intervals,
    a table's footer of old."""
    if isinstance(value, dict):
        extra = {"placement"} if value.get("placement") == "inControlsMenu" else set()
        if "skipUrlSync" in value and value.get("type") != "interval":
            extra |= {"auto", "auto_count", "auto_min"}
        if "cellHeight" in value:
            extra.add("footer")
        return {key: _tidied(inner) for key, inner in value.items() if key not in extra}
    return [_tidied(inner) for inner in value] if isinstance(value, list) else value


def _text(board: dict[str, Any]) -> str:
    return json.dumps(board, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_boards(folder: Path, options: Options) -> list[Path]:
    """Write each board to `folder`/UID.json and remove boards that are no more; what was written.

    Files of other names are left alone.
    """
    boards = build_boards(options)
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("care-*.json"):
        if path.stem not in boards:
            path.unlink()
    written = []
    for uid, text in boards.items():
        written.append(folder / f"{uid}.json")
        written[-1].write_text(text, encoding="utf-8")
    return written


def differences(folder: Path, options: Options) -> list[str]:
    """What of `folder` is not as it would be built, one sentence each."""
    boards = build_boards(options)
    found = []
    for uid, text in boards.items():
        path = folder / f"{uid}.json"
        if not path.is_file():
            found.append(f"{path}: this board is missing")
        elif path.read_text(encoding="utf-8") != text:
            found.append(f"{path}: not as it is built now")
    stale = sorted(path for path in folder.glob("care-*.json") if path.stem not in boards)
    return found + [f"{path}: no such board is built" for path in stale]
