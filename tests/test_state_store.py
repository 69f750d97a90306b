"""State in pieces: a checkpoint costs what changed, and the last ones can be gone back to."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from oracle.cases import microseconds
from replays import Line, policy_text

from replywatch.flows.state_store import SPARE, StateError, StateStore, StateStores, rows_fault
from replywatch.flows.steps import Keeper
from replywatch.metrics.events import Event
from replywatch.metrics.kept import Changes, Piece, ResumeError
from replywatch.metrics.threads import Threads
from replywatch.metrics.times import SECOND, to_text
from replywatch.metrics.watermark import EventBatch
from replywatch.sql.checksums import database_fault

POLICY = policy_text(300, 600)
NINE = microseconds("09:00")


def changed(chance: random.Random, model: dict[tuple[int, str], bytes]) -> Changes:
    """Some pieces are new, some different, some go; `model` follows."""
    pieces = []
    for _ in range(chance.randint(0, 6)):
        part, key, data = chance.randint(0, 1), f"k{chance.randint(0, 9)}", chance.randbytes(9)
        pieces.append(Piece(part, key, data, at=len(data), mark=1))
    pieces = list({piece[:2]: piece for piece in pieces}.values())
    new = {(piece.part, piece.key) for piece in pieces}
    gone = [place for place in model if place not in new and chance.random() < 0.2]
    for place in gone:
        del model[place]
    model.update({(piece.part, piece.key): piece.data for piece in pieces})
    return Changes(b"", pieces, [*gone, (0, "never there")])


def held(store: StateStore) -> dict[tuple[int, str], bytes]:
    """All that a store gives back."""
    return {(part, key): data for part in (0, 1) for key, _, data in store.contents(part)}


@pytest.mark.parametrize("seed", range(5))
def test_each_of_the_last_checkpoints_can_be_gone_back_to(tmp_path: Path, seed: int) -> None:
    """After any changes the pieces are those of that checkpoint, in a file opened anew."""
    chance, store = random.Random(seed), StateStore(tmp_path / "a.state")
    store.go_back(0)
    model: dict[tuple[int, str], bytes] = {}
    past: dict[int, dict[tuple[int, str], bytes]] = {}
    least = 1  # a resume never goes back further than the one before
    for _ in range(40):
        number = store.save(changed(chance, model))
        past[number] = dict(model)
        assert model == held(store)
        if chance.random() < 0.3:
            store.close()
            number = least = chance.randint(max(number - SPARE, least), number)
            store = StateStore(tmp_path / "a.state")
            store.go_back(number)
            model = dict(past[number])
            assert model == held(store)
    store.close()


def test_what_is_superseded_does_not_pile_up(tmp_path: Path) -> None:
    """After hundreds of checkpoints with pieces that come and go, only the last ones have rows."""
    store = StateStore(tmp_path / "a.state")
    store.go_back(0)
    sizes = []
    for turn in range(800):
        pieces = [Piece(0, f"k{turn % 50 + n}", b"x" * 300) for n in range(10)]
        store.save(Changes(b"", pieces, [(0, f"k{(turn + 25) % 50}")]))
        if turn in (400, 799):
            sizes.append((tmp_path / "a.state").stat().st_size)
    with sqlite3.connect(tmp_path / "a.state") as db:
        rows = db.execute("select (select count(*) from heads), (select count(*) from data)")
        heads, data = rows.fetchone()
    assert heads <= 60 + (SPARE + 1) * 12
    assert data <= heads
    assert sizes[1] <= sizes[0]
    store.close()


@pytest.fixture
def written(tmp_path: Path) -> Callable[[], StateStore]:
    """A file with ten pieces at checkpoint 3, closed; the call opens it and resumes there."""
    path = tmp_path / "shard-0000.state"
    store = StateStore(path)
    store.go_back(0)
    for turn in range(3):
        store.save(Changes(b"", [Piece(0, f"k{n}", b"%d" % turn * 50) for n in range(10)], []))
    store.close()

    def opened() -> StateStore:
        again = StateStore(path)
        again.go_back(3)
        held(again)
        return again

    opened().close()
    return opened


@pytest.mark.parametrize(
    "damage",
    [
        "update data set data = x'00' where id = (select max(id) from data)",
        "update heads set key = 'k77' where id = (select max(id) from heads)",
        "update heads set at = 7 where id = (select max(id) from heads)",
        "delete from heads where id = (select max(id) from heads)",
        "delete from data where id = (select max(id) from data)",
    ],
)
def test_a_row_that_was_changed_or_lost_is_found(
    written: Callable[[], StateStore], tmp_path: Path, damage: str
) -> None:
    """A changed byte, a changed key, a missing row: each is refused with the file's name."""
    with sqlite3.connect(tmp_path / "shard-0000.state") as db:
        db.execute(damage)
    with pytest.raises(ResumeError, match=r"shard-0000\.state is damaged"):
        written()


def test_a_file_that_is_cut_off_or_none_at_all_is_refused(
    written: Callable[[], StateStore], tmp_path: Path
) -> None:
    """Half of it, something else, or a file of another folder: one sentence with its name."""
    path = tmp_path / "shard-0000.state"
    whole = path.read_bytes()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(ResumeError, match=r"shard-0000\.state is damaged"):
        written()
    path.write_bytes(whole[: len(whole) // 2 // 4096 * 4096])
    with pytest.raises(ResumeError, match=r"shard-0000\.state is damaged"):
        written()
    path.unlink()
    with pytest.raises(ResumeError, match="has no checkpoint 3"):
        written()


def test_what_the_engine_forgot_is_not_begun_anew(
    written: Callable[[], StateStore], tmp_path: Path
) -> None:
    """A file that is further than the engine can have missed doesn't start from nothing."""
    store = StateStore(tmp_path / "shard-0000.state")
    with pytest.raises(ResumeError, match="has no checkpoint 0"):
        store.go_back(0)
    store.close()


def test_another_layout_is_refused(tmp_path: Path, written: Callable[[], StateStore]) -> None:
    """State of an earlier version is named as such, in the file and in the engine's store."""
    with sqlite3.connect(tmp_path / "shard-0000.state") as db:
        db.execute("pragma user_version = 2")
    with pytest.raises(ResumeError, match="layout 2"):
        written()
    with pytest.raises(ResumeError, match="another version"):
        Keeper(Threads([], 1), StateStores(None), b"\x98\x02\x08\x92\x80\x90\x00\x90\x80\x80\x00")


def test_a_full_disk_is_said_with_the_file(tmp_path: Path) -> None:
    """What can't be written any more names the file and what to do."""
    store = StateStore(tmp_path / "a.state")
    store.go_back(0)
    store._db.execute("pragma max_page_count = 9")
    changes = Changes(b"", [Piece(0, str(n), b"x" * 4000) for n in range(99)], [])
    with pytest.raises(StateError, match=r"a\.state: database or disk is full; make sure"):
        store.save(changes)
    store.close()


# -- steps ------------------------------------------------------------------------------------


def post(number: int, conversation: int, at: int) -> dict[str, Any]:
    """A customer's post."""
    return {
        "id": f"m{number}", "at": to_text(at), "kind": "post", "conversation": f"c{conversation}",
        "brand": "acme", "channel": "chat", "queue": "support",
    }  # fmt: skip


def bytes_of_a_checkpoint(conversations: int) -> int:
    """What ten of so many open conversations cost at a checkpoint, in all steps together."""
    line = Line(policy_text(300, 600, expire_after="never"))
    for number in range(conversations):
        line.feed(post(number, number, NINE + number % 60 * SECOND))
    line.tick(NINE + 3600 * SECOND)
    line.cut().cut()
    for number in range(10):
        line.feed(post(conversations + number, number, NINE + 3601 * SECOND))
    line.tick(NINE + 3700 * SECOND)
    total = 0
    for key in line.heard:
        keeper = line.steps[key]._keeper
        changes = keeper._of.changes(keeper._store)
        total += len(changes.core) + sum(len(p.data) + len(p.key) for p in changes.pieces)
    return total


def test_a_checkpoint_does_not_grow_with_open_conversations() -> None:
    """Ten conversations change: as many bytes whether a hundred are open or two thousand."""
    few, many = bytes_of_a_checkpoint(100), bytes_of_a_checkpoint(2000)
    assert few > 1000
    assert abs(few - many) < 0.05 * few


def test_a_long_conversation_is_not_written_whole_again(tmp_path: Path) -> None:
    """Of 2,000 posts to one conversation the first are written once, and known ever after."""
    line = Line(policy_text(300, 600, expire_after="never"), shards=1, desks=1)
    sizes = []
    for turn in range(40):
        line.feed(*(post(50 * turn + n, 1, NINE + turn * SECOND) for n in range(50)))
        store = line.plan.stores.open("shard-0000")
        before = held_bytes(store)
        line.cut()
        sizes.append(held_bytes(store) - before)
    assert max(sizes[20:]) < 2 * max(sizes[:20])
    line.feed(*(post(n, 1, NINE + 50 * SECOND) for n in range(0, 2000, 7)))  # all known
    line.feed(post(2000, 1, NINE - SECOND))  # late: told again from all its parts
    line.end()
    con = line.history(tmp_path)
    assert [(2001, 2001)] == con.execute(
        "select count(*), count(distinct id) from messages"
    ).fetchall()
    con.close()


def held_bytes(store: StateStore) -> int:
    """Bytes of all versions in a file."""
    return int(store._db.execute("select coalesce(sum(length(data)), 0) from data").fetchone()[0])


@pytest.mark.parametrize("awake", [0, 3])
def test_conversations_at_rest_are_told_as_if_they_were_not(repository: Path, awake: int) -> None:
    """With next to none in memory, and cut again and again, every row is the same."""
    lines = (repository / "sample_data/first_hour.jsonl").read_bytes().splitlines(keepends=True)
    late = [*lines[5::9], *lines[3::11]]  # some of them again, some only now
    portions = [*(lines[n : n + 8] for n in range(0, len(lines), 8)), late]

    def rows(*, is_cut: bool) -> dict[str, list[Any]]:
        line = Line(POLICY, lateness=1, most_awake=awake if is_cut else 10_000)
        for portion in portions:
            line.feed(*(one for one in portion if one not in late or portion is late))
            if is_cut:
                line.cut()
        line.end(NINE + 86_400 * SECOND)
        return {table: sorted(map(repr, found)) for table, found in line.rows.items()}

    expected = rows(is_cut=False)
    assert any(json.loads(line)["kind"] == "reply" for line in late)
    assert expected["restatements"]
    assert expected == rows(is_cut=True)


def test_parents_are_forgotten_alike_with_and_without_a_restart() -> None:
    """A sweep forgets what nobody answered for long, whatever lay in the journal then."""
    memory, store = 800 * SECOND, StateStore(None)
    straight, cut = Threads(["p"], memory), Threads(["p"], memory)
    sizes = []
    for turn in range(60):
        at = NINE + turn * 50 * SECOND
        new = Event(id=f"m{turn}", at=None, kind="post", conversation="c", time=at)
        again = Event(id=f"m{turn // 2}", at=None, kind="post", conversation="d", time=at)
        for threads in (straight, cut):
            threads.receive(EventBatch(0, "p", at, [new, again]))
            threads.advance()
        changes = cut.changes(store)
        number = store.save(changes)
        if turn % 3 == 0:
            cut = Threads(["p"], memory)
            store.go_back(number)
            cut.load(changes.core, store)
        assert {**straight.known, **straight.fresh} == cut.known
        sizes.append(len(held(store)))
    assert max(sizes[30:]) <= max(sizes[:30])


def test_a_copy_of_the_folder_goes_on(tmp_path: Path, written: Callable[[], StateStore]) -> None:
    """A file that was copied while nobody wrote has all that the original has."""
    shutil.copy(tmp_path / "shard-0000.state", tmp_path / "copy.state")
    copy = StateStore(tmp_path / "copy.state")
    copy.go_back(3)
    original = written()
    assert held(original) == held(copy)
    copy.close()
    original.close()


@contextmanager
def as_one_who_only_reads(folder: Path) -> Iterator[None]:
    """Let this process, also that of root, look at a folder and change nothing in it."""
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o755)


def test_a_file_that_cannot_be_written_is_looked_into_all_the_same() -> None:
    """A copy to be read only is not damaged for that; and what is changed in it is found."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "a.state"
        store = StateStore(path)
        store.go_back(0)
        store.save(Changes(b"", [Piece(0, "k", b"what is kept", at=1, mark=1)], []))
        store.close()
        path.chmod(0o444)
        with as_one_who_only_reads(folder):
            assert (None, None) == (database_fault(path), rows_fault(path))
        path.write_bytes(path.read_bytes().replace(b"what is kept", b"what is lost"))
        with as_one_who_only_reads(folder):
            assert "is damaged: the data of row" in (rows_fault(path) or "")
