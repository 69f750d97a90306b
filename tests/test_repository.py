"""The promises of the repository itself: what ships, who imports whom, what no file names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

ROOMS = ("alerts", "dashboards", "flows", "metrics", "sample_data", "sql")

MAY_IMPORT = {
    "metrics": {"metrics"},
    "sql": {"sql", "metrics"},
    "alerts": {"alerts", "metrics"},
    "dashboards": {"dashboards", "metrics"},
    "sample_data": {"sample_data", "metrics"},
    "flows": set(ROOMS),
}

# Written so that no pattern matches its own line here.
REGISTRY = re.compile(
    r"(?i)pypi\.org|python[h]osted\.org|npm[j]s\.(?:org|com)|yarn[p]kg\.com|crates\.io|"
    r"index-[u]rl|artifactor[y]|\"resolve[d]\":|registry *= *\"?https?:"
)
MACHINE_PATH = re.compile(
    r"(?<![\w.~$/-])(?:/(?:home|Users|root|work|workspace|mnt)/[\w.-]|[A-Z]:\\Users\\)"
)

LARGEST_FILE_BYTES = 512 * 1024


def _setuptools() -> dict[str, Any]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: dict[str, Any] = project["tool"]["setuptools"]
    return found


def _sources() -> Iterator[tuple[str, Path]]:
    """Every module of the packages, with its room."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield room, path


def _imports(path: Path) -> Iterator[str]:
    """Absolute names of what a module imports, those inside functions and `if` included."""
    package = ["replywatch", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *([node.module] if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


def _files() -> list[Path]:
    """Files git tracks or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"git does not list the files here: {error}")
    paths = (ROOT / name for name in done.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def _lines_matching(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in _files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)
        ]
    return found


def test_every_folder_of_a_room_is_a_listed_package() -> None:
    """A subpackage or folder of data that pyproject.toml does not list would silently not ship."""
    folders = {path.relative_to(ROOT).parent for path in _files()}
    expected = {
        f"replywatch.{'.'.join(folder.parts)}": folder.as_posix()
        for folder in folders
        if folder.parts and folder.parts[0] in ROOMS
    }
    assert expected == _setuptools()["package-dir"]
    assert sorted(expected) == sorted(_setuptools()["packages"])


def test_every_file_of_a_room_ships() -> None:
    """Beside modules, a file whose kind `package-data` does not name would be left out."""
    patterns = ["*.py", *_setuptools()["package-data"]["*"]]
    names = [path.relative_to(ROOT) for path in _files()]
    left_out = [
        name.as_posix()
        for name in names
        if name.parts[0] in ROOMS
        and not any(name.match(pattern.removeprefix("**/")) for pattern in patterns)
    ]
    assert [] == left_out


def test_every_package_has_an_init_and_is_typed() -> None:
    """Folders with code are regular packages, and each room carries its `py.typed`."""
    wanted = {path.parent / "__init__.py" for _, path in _sources()}
    wanted |= {ROOT / room / "py.typed" for room in ROOMS}
    assert [] == sorted(str(path) for path in wanted if not path.is_file())


def test_rooms_import_only_what_they_may() -> None:
    """The rooms depend on `metrics`, `flows` depends on the rooms, and nobody on `flows`."""
    crossings = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room, path in _sources()
        for name in _imports(path)
        if name.split(".")[0] == "replywatch" and name.split(".")[1] not in MAY_IMPORT[room]
    ]
    assert [] == crossings


def test_rooms_are_imported_by_their_full_name() -> None:
    """A bare `metrics` or `sql` would be whatever package of that name is installed."""
    bare = [
        f"{path.relative_to(ROOT)} imports {name}"
        for _, path in _sources()
        for name in _imports(path)
        if name.split(".")[0] in ROOMS
    ]
    assert [] == bare


def test_metrics_needs_only_msgspec_beside_the_standard_library() -> None:
    """The rules stay pure: no engine, no data frames, no clients in `metrics`."""
    allowed = sys.stdlib_module_names | {"msgspec", "replywatch"}
    others = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room, path in _sources()
        if room == "metrics"
        for name in _imports(path)
        if name.split(".")[0] not in allowed
    ]
    assert [] == others


def test_only_flows_imports_the_engine() -> None:
    """A change of engine touches `flows` alone."""
    users = {room for room, path in _sources() for name in _imports(path) if "bytewax" in name}
    assert users <= {"flows"}


def test_no_file_names_a_registry() -> None:
    """Where packages come from is the machine's business."""
    assert [] == _lines_matching(REGISTRY)


def test_no_file_names_a_path_of_a_machine() -> None:
    """The checkout works in any folder, so no file knows one."""
    assert [] == _lines_matching(MACHINE_PATH)


def test_no_file_is_large() -> None:
    """Data and generated files stay small enough to read in a review."""
    large = {
        path.relative_to(ROOT).as_posix(): size
        for path in _files()
        if (size := path.stat().st_size) > LARGEST_FILE_BYTES
    }
    assert {} == large


def test_pins_are_exact_and_hashed() -> None:
    """Every requirement has one version and hashes, so set-up is the same everywhere."""
    loose = [
        f"{path.name}: {line}"
        for path in sorted((ROOT / "requirements").glob("*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line[:1].isalnum() and not re.match(r"[\w.-]+==\S+( ;.*)? \\$", line)
    ]
    assert [] == loose
