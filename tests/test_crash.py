"""Killed at any moment and continued with other workers, a replay writes what it always writes."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from digest import digests
from faults.readers import DatabaseReader
from replays import Process, a_replay, replay, run, wait_for, write_lines

from replywatch.flows.members import claim
from replywatch.flows.settings import Settings
from replywatch.sample_data import write_sample
from replywatch.sql.compaction import compact
from replywatch.sql.history import HistoryError, write_database
from replywatch.sql.manifest import Manifest

LATENESS = 60
LINES = 3000


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 3,000 lines of the sample, and two that are refused."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder / "all.jsonl", 7)
    lines = (folder / "all.jsonl").read_bytes().splitlines(keepends=True)[:LINES]
    return write_lines(
        folder / "sample.jsonl", [*lines[:100], b"not json\n", *lines[100:], b"[1]\n"]
    )


@pytest.fixture(scope="module")
def expected(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Digests of an uninterrupted replay."""
    return digests(replay(tmp_path_factory.mktemp("whole"), sample, lateness=LATENESS))


@pytest.fixture
def start(sample: Path, tmp_path: Path) -> Iterator[Callable[[int], Process]]:
    """Start a replay that takes some three seconds, with a snapshot every 0.4 s."""
    started: list[Process] = []

    def begin(workers: int) -> Process:
        process = Process(
            "replay", out=tmp_path / "out", inputs=[str(sample)], lateness=LATENESS,
            workers=workers, speed=30_000, epoch=0.4,
        )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        process.close()


def test_killed_at_random_moments_it_writes_the_same_tables(
    start: Callable[[int], Process], expected: dict[str, tuple[int, str]], tmp_path: Path
) -> None:
    """Five kills, each resumed with another number of workers; a reader sees no fault meanwhile."""
    chance = random.Random(1)
    killed = 0
    with DatabaseReader(tmp_path / "out") as reader:
        for turn in range(5):
            code = start(2 - turn % 2).kill_after(chance.uniform(0.7, 1.8))
            assert code in (0, -9)
            killed += code == -9
        assert start(1).finish() == 0
    assert killed >= 3
    assert expected == digests(tmp_path / "out")
    assert [] == reader.faults
    assert reader.looks > 5


@pytest.mark.parametrize(("place", "workers"), [("stage", 1), ("publish", 2), ("link", 1)])
def test_killed_while_it_publishes_it_writes_the_same_tables(
    sample: Path,
    expected: dict[str, tuple[int, str]],
    tmp_path: Path,
    place: str,
    workers: int,
) -> None:
    """Right after a seal was staged, after its first file was linked, and after it was published.

    Readers then see each row once, and the next run writes the rest.
    """
    options: dict[str, Any] = {
        "out": tmp_path / "out", "inputs": [str(sample)], "lateness": LATENESS, "speed": 30_000,
        "epoch": 0.2, "workers": workers,
    }  # fmt: skip
    process = Process("replay", dies=[place, 2], **options)
    assert process.finish() == 9
    reader = DatabaseReader(tmp_path / "out")
    reader.look()
    assert Process("replay", **options).finish() == 0
    reader.look()
    assert [] == reader.faults
    assert expected == digests(tmp_path / "out")


@pytest.mark.parametrize("broken", ["publish at once", "forget nothing"])
def test_a_writer_broken_on_purpose_is_noticed(
    sample: Path, expected: dict[str, tuple[int, str]], tmp_path: Path, broken: str
) -> None:
    """Without either phase the next start after a kill refuses, or spoils the tables."""
    options: dict[str, Any] = {
        "out": tmp_path / "out", "inputs": [str(sample)], "lateness": LATENESS, "speed": 30_000,
        "epoch": 0.2, "breaks": [broken],
    }  # fmt: skip
    assert Process("replay", dies=["stage", 1], **options).finish() == 9
    code = Process("replay", **{**options, "speed": None}).finish()
    assert code == 1 or (code == 0 and expected != digests(tmp_path / "out"))


def test_killed_while_it_writes_the_views_it_goes_on(written: tuple[Path, Path]) -> None:
    """What a kill leaves of an unfinished `replywatch.duckdb` is no part of the next one."""
    _, out = written
    with duckdb.connect(str(out / "of-the-dead")) as con:
        con.execute("set checkpoint_threshold = '1TB'")
        con.execute("create table t (a int)")
        log = (out / "of-the-dead.wal").read_bytes()
    (out / ".replywatch.duckdb.new.wal").write_bytes(log)
    write_database(out)
    with duckdb.connect(str(out / "replywatch.duckdb"), read_only=True) as con:
        assert [(True,)] == con.execute("select count(*) > 0 from messages").fetchall()


def test_killed_between_the_commits_of_a_checkpoint_it_writes_the_same_tables(
    sample: Path, expected: dict[str, tuple[int, str]], tmp_path: Path
) -> None:
    """Some steps' state is further than the engine's; killed again while it resumes from that,
    once before and once after the steps went back, each time with another number of workers."""
    options: dict[str, Any] = {
        "out": tmp_path / "out", "inputs": [str(sample)], "lateness": LATENESS, "speed": 30_000,
        "epoch": 0.2,
    }  # fmt: skip
    for workers, place in (
        (1, ["save", 47]),
        (2, ["go_back", 5]),
        (1, ["save", 3]),
        (2, ["save", 21]),
    ):
        assert Process("replay", dies=place, workers=workers, **options).finish() == 9
    assert Process("replay", workers=1, **options).finish() == 0
    assert expected == digests(tmp_path / "out")


def test_compacted_all_the_while_it_writes_the_same_tables(
    start: Callable[[int], Process], expected: dict[str, tuple[int, str]], tmp_path: Path
) -> None:
    """Compaction runs without a pause beside a replay that is killed; a reader sees no fault."""
    out = tmp_path / "out"
    compactions = 0
    with DatabaseReader(out) as reader:
        for turn in range(3):
            process = start(2 - turn % 2)
            until = time.monotonic() + (1.5 if turn < 2 else 60)
            while time.monotonic() < until and process.process.poll() is None:
                if (out / "manifest.sqlite").exists() and Manifest(out).exists():
                    compact(out, grace=3)
                    compactions += 1
                time.sleep(0.1)
            process.kill_after(0)
        assert start(1).finish() == 0
        compact(out, grace=3)
    assert expected == digests(out)
    assert [] == reader.faults
    assert compactions > 3
    assert reader.looks > 5


def test_stopped_by_sigterm_it_goes_on_where_it_was(
    start: Callable[[int], Process], expected: dict[str, tuple[int, str]], tmp_path: Path
) -> None:
    """A stop leaves a readable history, which the next run completes."""
    process = start(1)
    assert wait_for(lambda: list(tmp_path.glob("out/history/messages/*/*.parquet")))
    assert process.stop() == 3
    partly = digests(tmp_path / "out")
    assert 0 < partly["messages"][0] < expected["messages"][0]
    assert start(2).finish() == 0
    assert expected == digests(tmp_path / "out")


def test_a_finished_replay_is_not_told_twice(sample: Path, tmp_path: Path) -> None:
    """Run again over the same folder, it is done at once and nothing changes."""
    out = replay(tmp_path / "out", sample, lateness=LATENESS)
    before = sorted(out.glob("history/**/*.parquet"))
    replay(out, sample, lateness=LATENESS)
    assert before == sorted(out.glob("history/**/*.parquet"))


def test_a_second_instance_on_the_folder_refuses(
    start: Callable[[int], Process], sample: Path, tmp_path: Path
) -> None:
    """While one writes the folder another one says who does, and changes nothing."""
    process = start(1)
    assert wait_for((tmp_path / "out/replywatch.duckdb").exists)
    with pytest.raises(HistoryError, match=f"in use by process {process.process.pid}"):
        replay(tmp_path / "out", sample, lateness=LATENESS)
    assert process.process.poll() is None


def test_stopped_before_its_first_event_it_goes_on_later(
    sample: Path, expected: dict[str, tuple[int, str]], tmp_path: Path
) -> None:
    """A stop that comes at once is a clean one too."""
    asked = a_replay(tmp_path / "out", [sample], lateness=LATENESS)
    asked.stop.is_set = True
    is_finished, _ = run(asked)
    assert not is_finished
    assert expected == digests(replay(tmp_path / "out", sample, lateness=LATENESS))


def test_the_lock_is_given_back(tmp_path: Path) -> None:
    """A folder is free again once its writer is gone."""
    with claim(tmp_path), pytest.raises(HistoryError), claim(tmp_path):
        pass
    with claim(tmp_path):
        pass


@pytest.fixture
def written(tmp_path: Path, repository: Path) -> tuple[Path, Path]:
    """A small input, and the folder that its replay wrote."""
    small = repository / "sample_data/first_hour.jsonl"
    return small, replay(tmp_path / "out", small)


def test_a_history_without_recovery_state_is_refused(written: tuple[Path, Path]) -> None:
    """Going on without knowing where would double rows; nothing is written or deleted."""
    small, out = written
    shutil.rmtree(out / "recovery")
    before = digests(out)
    with pytest.raises(HistoryError, match="no recovery state"):
        replay(out, small)
    assert before == digests(out)


def test_a_recovery_folder_of_others_is_refused(
    written: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who can write to it could run commands; that others could read it is put right."""
    small, out = written
    recovery = out / "recovery"
    assert recovery.stat().st_mode & 0o777 == 0o700
    recovery.chmod(0o755)
    replay(out, small)
    assert recovery.stat().st_mode & 0o777 == 0o700
    recovery.chmod(0o770)
    with pytest.raises(HistoryError, match=r"written by others .* chmod 700"):
        replay(out, small)
    recovery.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: recovery.stat().st_uid + 1)
    with pytest.raises(HistoryError, match="belongs to user"):
        replay(out, small)


def test_an_unfinished_history_without_recovery_state_is_refused(
    start: Callable[[int], Process], sample: Path, tmp_path: Path
) -> None:
    """The same where the first run was killed half way."""
    process = start(1)
    assert wait_for(lambda: list(tmp_path.glob("out/history/messages/*/*.parquet")))
    process.kill_after(0)
    shutil.rmtree(tmp_path / "out/recovery")
    with pytest.raises(HistoryError, match="no recovery state"):
        replay(tmp_path / "out", sample, lateness=LATENESS)


@pytest.mark.parametrize(
    "change",
    [{"lateness": 7}, {"until": 2_000_000_000}, {"settings": Settings(shards=5)}],
    ids=["lateness", "until", "shards"],
)
def test_a_folder_made_from_something_else_is_refused(
    written: tuple[Path, Path], change: dict[str, object]
) -> None:
    """What would give other rows can't be mixed into a history."""
    small, out = written
    with pytest.raises(HistoryError, match="holds a history"):
        replay(out, small, **change)


def test_other_inputs_are_refused(written: tuple[Path, Path], sample: Path) -> None:
    """Another file is another history."""
    with pytest.raises(HistoryError, match="holds a history"):
        replay(written[1], sample)


def test_a_kill_while_the_manifest_is_changed_leaves_it_readable(
    written: tuple[Path, Path], tmp_path: Path
) -> None:
    """A reader undoes the half of a change that it finds, and sees what was before."""
    _, out = written
    before = Manifest(out).files()
    half = """
        import os, sqlite3, sys
        db = sqlite3.connect(sys.argv[1], isolation_level=None)
        db.execute("pragma cache_size = 1")
        db.execute("begin immediate")
        db.execute("update files set rows = rows + 1")
        for name in range(99):
            db.execute("insert into notes values ('x', ?, hex(zeroblob(9999)))", [str(name)])
        os._exit(9)
    """
    manifest = str(out / "manifest.sqlite")
    subprocess.run([sys.executable, "-c", textwrap.dedent(half), manifest], check=False)
    assert (out / "manifest.sqlite-journal").stat().st_size > 0
    assert before == Manifest(out).files()


@pytest.mark.parametrize("statements", [0, 1, 2])
def test_a_kill_while_the_manifest_is_made_can_be_repeated(
    written: tuple[Path, Path], tmp_path: Path, statements: int
) -> None:
    """An empty manifest without facts is no history of something else: the replay begins anew."""
    small, out = written
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    with sqlite3.connect(out / "manifest.sqlite") as db:
        made = db.execute("select sql from sqlite_master where sql is not null").fetchall()
    with sqlite3.connect(fresh / "manifest.sqlite") as db:
        for (statement,) in made[:statements]:
            db.execute(statement)
    is_finished, _ = run(a_replay(fresh, [small]))
    assert is_finished
    assert digests(out) == digests(fresh)
