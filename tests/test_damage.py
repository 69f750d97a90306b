"""What is cut short or changed on the disk is named, by `check` and before anything goes on."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from replays import Process, write_lines

from replywatch.flows.cli import main
from replywatch.flows.cli_errors import sentence
from replywatch.flows.damage import faults_of
from replywatch.flows.runner import begin
from replywatch.sample_data import write_sample
from replywatch.sql.history import write_database

Harm = Callable[[Path], None]


def cut(path: Path) -> None:
    """Leave the first half of a file."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(bytes(data))


def smash(path: Path) -> None:
    """Overwrite the start of a database's second page."""
    data = bytearray(path.read_bytes())
    page = int.from_bytes(data[16:18], "big")
    data[page : page + 16] = b"\xff" * 16
    path.write_bytes(bytes(data))


def settled(path: Path) -> Path:
    """A database without a log of changes, which would repair what is done to it."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    return path


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An input, and the folder of its replay that was killed with seals published and staged."""
    folder = tmp_path_factory.mktemp("cut-off")
    write_sample(folder / "all.jsonl", 7)
    lines = (folder / "all.jsonl").read_bytes().splitlines(keepends=True)[:3000]
    events, out = write_lines(folder / "events.jsonl", lines), folder / "out"
    options = {"inputs": [str(events)], "out": out, "lateness": 60, "speed": 60_000, "epoch": 0.2}
    assert Process("replay", dies=["stage", 3], **options).finish() == 9
    return events, out


@pytest.fixture
def damaged(cut_off: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """The input, and a copy of the folder to be damaged."""
    shutil.copytree(cut_off[1], tmp_path / "out")
    return cut_off[0], tmp_path / "out"


def largest(folder: Path, pattern: str) -> Path:
    """The largest file of a kind."""
    return max(folder.glob(pattern), key=lambda path: (path.stat().st_size, path.name))


def start(events: Path, out: Path) -> tuple[int, str]:
    """Go on with the replay in a process of its own; its exit code, and what it complained of."""
    command = Path(sys.executable).with_name("replywatch")
    ended = subprocess.run(
        [command, "replay", events, "--out", out, "--lateness", "60s"],
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stderr


def test_what_a_kill_leaves_is_no_damage(
    damaged: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any harm done the folder is sound, and the replay comes to its end."""
    events, out = damaged
    assert 0 == main(["check", str(out)])
    assert f"{out}: a replay that was cut off, no file damaged" in capsys.readouterr().out
    assert (0, "") == start(events, out)
    assert 0 == main(["check", str(out)])
    assert "no faults" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("pattern", "harm"),
    [
        ("manifest.sqlite", cut),
        ("manifest.sqlite", smash),
        ("recovery/*.sqlite3", cut),
        ("recovery/*.sqlite3", smash),
        ("recovery/*.state", cut),
        ("recovery/*.state", smash),
        ("staging/*/*.parquet", cut),
        ("staging/*/*.parquet", flip),
    ],
)
def test_a_start_and_a_check_name_the_damaged_file(
    damaged: tuple[Path, Path], capsys: pytest.CaptureFixture[str], pattern: str, harm: Harm
) -> None:
    """Neither goes on; the start leaves everything as it is."""
    events, out = damaged
    for state in out.glob("recovery/*.state"):
        settled(state)
    path = largest(out, pattern)
    harm(path)
    before = path.read_bytes()
    assert 1 == main(["check", str(out)])
    assert f"{path} is damaged" in capsys.readouterr().out
    code, said = start(events, out)
    assert 1 == code
    assert f"{path} is damaged" in said
    assert "Traceback" not in said
    assert before == path.read_bytes()


def test_a_check_finds_one_changed_bit_in_what_is_kept_of_a_conversation(
    damaged: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """SQLite itself finds nothing wrong with it."""
    path = settled(max(damaged[1].glob("recovery/shard-*.state")))
    assert [] == list(faults_of(damaged[1]))
    with closing(sqlite3.connect(path)) as db:
        (data,) = db.execute("select data from data order by length(data) desc").fetchone()
    changed = bytearray(path.read_bytes())
    place = changed.index(data[:48])
    changed[place + 30] ^= 0x10
    path.write_bytes(bytes(changed))
    capsys.readouterr()
    assert 1 == main(["check", str(damaged[1])])
    assert f"{path} is damaged: the data of row" in capsys.readouterr().out


@pytest.mark.parametrize("harm", [cut, flip, Path.unlink])
def test_a_check_names_a_file_of_the_history(
    damaged: tuple[Path, Path], capsys: pytest.CaptureFixture[str], harm: Harm
) -> None:
    """One that is shorter, changed in one bit, or gone."""
    path = largest(damaged[1], "history/*/*/*.parquet")
    harm(path)
    assert 1 == main(["check", str(damaged[1])])
    assert f"{path} is " in capsys.readouterr().out


def test_a_state_changed_in_one_place_is_not_gone_on_from(damaged: tuple[Path, Path]) -> None:
    """Another byte offset, well-formed as it is, would leave events out without a word."""
    events, out = damaged
    for path in out.glob("recovery/*.sqlite3"):
        data = settled(path).read_bytes()
        path.write_bytes(data.replace(b'"offsets":', b'"offsetz":'))
    code, said = start(events, out)
    assert 1 == code
    assert "the recovery state is damaged: that of the files" in said
    assert "Traceback" not in said


def fill(disk: Path, left: int) -> Path:
    """Fill a file system up to so many bytes; what fills it."""
    ballast = disk / "ballast"
    there = os.statvfs(disk)
    ballast.write_bytes(bytes(max(there.f_bavail * there.f_frsize - left, 0)))
    return ballast


def test_whatever_is_left_of_a_disk_a_full_one_is_told_in_a_sentence(small_disk: Path) -> None:
    """DuckDB, which writes the views, tells of a full disk in other ways, by where it fills up."""
    folder = small_disk / "out"
    folder.mkdir()
    begin(folder, "something")
    untold = []
    pages = range(0, 140, 3)
    for left in pages:
        ballast = fill(small_disk, left * 4096)
        try:
            write_database(folder)
        except Exception as error:  # whichever it is
            if sentence(error) is None:
                untold.append((left, error))
        else:
            assert left > pages[0]
        ballast.unlink()
    assert not untold
    write_database(folder)
