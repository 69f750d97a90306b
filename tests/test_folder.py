"""The folder source: each line once, whatever is done to the files, and a loud end where not."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from replywatch.flows import folder as folders
from replywatch.flows.folder import HELD_OPEN, FolderOptions, FolderSource
from replywatch.flows.lines import CHUNK, HEAD, LINE_CAP, LineReader
from replywatch.flows.routing import THREADS, Router
from replywatch.flows.sources import SourceError
from replywatch.metrics.events import Decoder
from replywatch.metrics.times import DAY, NEVER, SECOND

NOW = 1_772_524_800 * SECOND  # 2026-03-03T08:00:00Z


def line(name: str, **fields: Any) -> bytes:
    """A post as a line."""
    event = {"id": name, "at": "2026-03-03T07:00:00Z", "kind": "post", "conversation": "c"}
    return json.dumps({**event, **fields}).encode() + b"\n"


def zst(data: bytes) -> bytes:
    """`data` as a whole Zstandard frame."""
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


class Following:
    """The source on a folder, asked by hand; `ids` and `refused` are what it has sent so far."""

    def __init__(self, folder: Path, state: bytes | None = None) -> None:
        self.folder = folder
        options = FolderOptions(
            5 * SECOND,
            lambda: NOW,
            lambda latest: NOW,
            bool,
            lambda seconds: None,
            credit=NEVER,
            folder=folder,
        )
        source = FolderSource(
            options, lambda part: Router(part, 2, Decoder(DAY), has_threads=False)
        )
        self.part: Any = source.build_part("posts_in", "events", state)
        self.parts = [self.part]
        self.ids: list[str] = []
        self.refused: list[tuple[Any, ...]] = []
        self.as_of = 0

    def batch(self) -> None:
        """Ask for one batch, with a look at the folder."""
        self.part._look_again_at = 0
        for key, value in self.part.next_batch():
            if hasattr(value, "rows"):
                self.refused += value.rows
            elif key != THREADS:
                self.ids += [event.id for event in value.events]
                self.as_of = value.as_of

    def read(self) -> list[str]:
        """Ask until nothing more comes; the ids since the last time."""
        before = len(self.ids)
        for _ in range(3):  # compressed files are looked at until they are quiet
            self.batch()
            while self.part._waiting:
                self.batch()
        return self.ids[before:]

    def resumed(self) -> Following:
        """The source as it is after a crash, with all that was sent."""
        following = Following(self.folder, self.part.snapshot())
        following.ids, following.refused = self.ids, self.refused
        following.parts = self.parts
        self.parts.append(following.part)
        self.part.close()
        return following

    def why(self) -> list[tuple[str, str, str]]:
        """Name, position and reason of all that was refused."""
        return [(Path(row[0]).name, row[1], row[2]) for row in self.refused]


@pytest.fixture
def following(tmp_path: Path) -> Iterator[Following]:
    """A source on an empty folder."""
    following = Following(tmp_path)
    yield following
    for part in following.parts:
        part.close()


def append(path: Path, *lines: bytes) -> Path:
    """Add to a file, as a writer does."""
    with path.open("ab") as file:
        file.write(b"".join(lines))
    return path


def test_a_line_in_pieces_is_read_once_it_is_whole(following: Following, tmp_path: Path) -> None:
    """Each byte may come alone, with a crash after each; nothing is refused meanwhile."""
    for byte in line("a") + line("b"):
        append(tmp_path / "x.jsonl", bytes([byte]))
        following.batch()
        following = following.resumed()
    assert ["a", "b"] == following.ids
    assert [] == following.refused


def test_a_rotated_file_is_read_to_its_end(following: Following, tmp_path: Path) -> None:
    """Its last lines come under its new name, while the new file of the old name has begun."""
    log = append(tmp_path / "x.jsonl", line("a"))
    assert following.read() == ["a"]
    append(log, line("b"))
    log.rename(tmp_path / "x.jsonl.1")
    append(log, line("c"))
    assert sorted(following.read()) == ["b", "c"]
    append(tmp_path / "x.jsonl.1", line("d"))
    (tmp_path / "x.jsonl.1").rename(tmp_path / "old")
    following = following.resumed()
    assert following.read() == ["d"]
    assert [] == following.refused


def test_rotated_twice_while_nobody_looked_nothing_is_left_out(
    following: Following, tmp_path: Path
) -> None:
    """A file that was never seen under its first name is read under its second."""
    append(tmp_path / "x.jsonl", line("a"))
    assert following.read() == ["a"]
    (tmp_path / "x.jsonl").rename(tmp_path / "x.jsonl.2")
    append(tmp_path / "x.jsonl.1", line("b"))
    append(tmp_path / "x.jsonl", line("c"))
    assert sorted(following.resumed().read()) == ["b", "c"]


def test_what_is_removed_is_read_to_its_end_all_the_same(
    following: Following, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is held open; a torn line that nothing can complete is refused, then it is forgotten."""
    log = append(tmp_path / "x.jsonl", line("a"))
    following.read()
    append(log, line("b"), b'{"id":')
    log.unlink()
    assert following.read() == ["b"]
    assert [] == following.refused
    monkeypatch.setattr(folders, "GONE_AFTER", 0)
    following.read()
    assert [("x.jsonl", str(len(line("a") * 2)), "malformed")] == following.why()
    assert following.part.snapshot().endswith(b"\x80")  # an empty map, after its checksum


def test_what_was_removed_unread_while_nobody_looked_is_told_as_lost(
    following: Following, tmp_path: Path
) -> None:
    """It can't be read any more: kept on record with where it was read up to, once."""
    log = append(tmp_path / "x.jsonl", line("a"))
    following.read()
    append(log, b'{"id":"b"')
    following.read()
    log.unlink()
    following = following.resumed()
    following.read()
    following.resumed().read()
    assert [("x.jsonl", str(len(line("a"))), "lost")] == following.why()


def test_a_file_read_and_removed_is_forgotten(
    following: Following, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recovery state is no longer for it."""
    monkeypatch.setattr(folders, "GONE_AFTER", 0)
    for number in range(20):
        append(tmp_path / f"{number}.jsonl", line(f"a{number}")).rename(tmp_path / "x.jsonl")
        following.read()
        (tmp_path / "x.jsonl").unlink()
        following.read()
    assert [f"a{number}" for number in range(20)] == following.ids
    assert [] == following.refused
    assert following.part.snapshot().endswith(b"\x80")


@pytest.mark.parametrize("is_resumed", [False, True])
@pytest.mark.parametrize("after", [b"", line("z"), line("y") * 3])
def test_a_file_emptied_or_overwritten_ends_it_with_file_and_offset(
    following: Following, tmp_path: Path, after: bytes, is_resumed: bool
) -> None:
    """As when a rotation copies and truncates: shorter, as long or longer, it is seen."""
    log = append(tmp_path / "x.jsonl", line("a"), line("b"))
    following.read()
    log.write_bytes(after)
    offset = 2 * len(line("a"))
    if is_resumed:
        following = following.resumed()
    with pytest.raises(SourceError, match=rf"x\.jsonl .*{offset}.*give new events a new file"):
        following.read()
    log.rename(tmp_path / "new.jsonl")  # under a new name it is a new file
    following = following.resumed()
    assert len(following.read()) == after.count(b"\n")


def test_another_file_in_its_place_is_read_from_its_start(
    following: Following, tmp_path: Path
) -> None:
    """Moved over the old one; a longer copy of the old one is read where that one ended."""
    log = append(tmp_path / "x.jsonl", line("a"), line("b"))
    following.read()
    append(tmp_path / "tmp", log.read_bytes(), line("c")).rename(log)
    assert following.read() == ["c"]
    append(tmp_path / "tmp", line("d")).rename(log)
    assert following.read() == ["d"]
    append(tmp_path / "tmp", line("d"), line("e")).rename(log)
    following = following.resumed()
    assert following.read() == ["e"]
    assert [] == following.refused


COMPRESSED = pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("zst", zst)], ids=["gz", "zst"]
)


@COMPRESSED
def test_compressed_data_counts_once_it_is_complete(
    following: Following, tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    """A stream still being written waits, also after a crash; one appended later is read alone."""
    path = tmp_path / f"x.jsonl.{suffix}"
    first = pack(line("a") + line("b").rstrip(b"\n"))  # that it is complete ends its last line
    second = pack(b"".join(line(f"c{number}") for number in range(20_000)))
    append(path, first[:20])
    assert following.read() == []
    append(path, first[20:])
    assert following.read() == ["a", "b"]
    append(path, second[:-5])
    following = following.resumed()
    assert following.read() == []
    append(path, second[-5:])
    names = []
    for _ in range(6):
        following.batch()
        following = following.resumed()  # in the middle of it, too
    names = [*following.ids[2:], *following.read()]
    following.resumed().read()
    assert [f"c{number}" for number in range(20_000)] == names == following.ids[2:]
    assert [] == following.refused


@COMPRESSED
def test_damaged_compressed_data_is_told_with_its_position(
    following: Following, tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    """Nothing of it counts, other files go on, and repaired it is read.

    The frame of Zstandard has no checksum here, so it is damaged where that is seen without one.
    """
    path = tmp_path / f"x.jsonl.{suffix}"
    good = pack(b"".join(line(f"a{number}") for number in range(100)))
    bad = bytearray(good)
    bad[len(bad) // 2 if suffix == "gz" else 0] ^= 0xFF
    path.write_bytes(bad)
    append(tmp_path / "y.jsonl", line("y"))
    assert following.read() == ["y"]
    assert [(path.name, "0", "lost")] == following.why()
    assert "bytes of text" in following.refused[0][3]
    following = following.resumed()
    path.write_bytes(good)
    assert len(following.read()) == 100


def test_a_line_too_long_is_refused_without_being_held(
    following: Following, tmp_path: Path
) -> None:
    """Its first bytes and its position are kept, the lines around it count, a crash within too."""
    path = append(tmp_path / "x.jsonl", line("a"))
    start = path.stat().st_size
    append(path, b'{"id":"' + b"x" * 3 * LINE_CAP)
    following.read()
    following = following.resumed()
    os.truncate(path, path.stat().st_size + 60 * 2**20)  # a hole, which reads as NUL bytes
    append(path, b'"}\n', line("b"), b"y" * (LINE_CAP + 1) + b"\n", line("c"))
    tracemalloc.start()
    following.read()
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ["a", "b", "c"] == following.ids
    assert [(str(start), "malformed")] == [(at, why) for _, at, why in following.why()][:1]
    assert b'{"id":"' + b"x" * (HEAD - 7) == following.refused[0][5]
    assert 2 == len(following.refused)
    assert held < 12 * LINE_CAP


def test_the_longest_line_is_the_same_however_it_is_read(tmp_path: Path) -> None:
    """At the bound it is taken, a byte more is too long, whatever comes before or after it."""
    for size in (1000, CHUNK):
        for over in (0, 1):
            long = b"x" * (LINE_CAP + over)
            for text in (b"a\n" + long + b"\nb\n", long + b"\nb\n", b"a\n" + long):
                path = tmp_path / "x"
                path.write_bytes(text)
                reader = LineReader(path)
                read = b""
                while chunk := reader.next_chunk(size) or reader.rest():
                    read += chunk
                reader.close()
                assert len(reader.too_long) == over
                if over:
                    text = text.replace(long + b"\n", b"").replace(long, b"")
                assert read == text
                assert reader.offset == path.stat().st_size


def test_odd_bytes_cost_their_own_line_at_most(following: Following, tmp_path: Path) -> None:
    """A byte order mark at the start, CRLF and blank lines are no fault; other bytes are one."""
    bad = [
        b"\x00\n",
        b"\xff\xfe\n",
        line("x").replace(b"post", b"po\rst"),
        b'"\r"\n',
        b"\xef\xbb\xbf{}\n",
    ]
    text = b"\xef\xbb\xbf" + line("a") + b"\n\r\n \n" + line("b").replace(b"\n", b"\r\n")
    good = [line(f"g{number}") for number in range(len(bad))]
    append(tmp_path / "x.jsonl", text, *(b for pair in zip(bad, good, strict=True) for b in pair))
    assert following.read() == ["a", "b", *(f"g{number}" for number in range(len(bad)))]
    starts = [len(text) + sum(map(len, bad[:n])) + sum(map(len, good[:n])) for n in range(len(bad))]
    assert list(map(str, starts)) == [at for _, at, _ in following.why()]
    assert [one.rstrip(b"\n") for one in bad] == [row[5] for row in following.refused]


def test_of_many_files_few_are_held_open_and_each_is_read_once(
    following: Following, tmp_path: Path
) -> None:
    """However many there are, they are read by event time, and what was read isn't again."""
    count = 3 * HELD_OPEN
    for number in range(count):
        at = f"2026-03-03T07:{number % 60:02}:00Z"
        append(tmp_path / f"{number}.jsonl", line(f"a{number}", at=at) * 30)
    assert sorted({f"a{number}" for number in range(count)}) == sorted(set(following.read()))
    assert len(following.ids) == 30 * count
    descriptors = len(os.listdir("/proc/self/fd"))
    assert descriptors < HELD_OPEN + 100
    assert following.resumed().read() == []


def test_a_file_that_is_not_read_yet_holds_the_clock_and_a_torn_line_does_not(
    following: Following, tmp_path: Path
) -> None:
    """What waits in a file may be older than all deadlines; half a line says nothing."""
    append(tmp_path / "x.jsonl", *(line(f"a{number}", topic="x" * 200) for number in range(3000)))
    following.batch()
    assert following.as_of < NOW - 1800 * SECOND
    following.read()
    append(tmp_path / "x.jsonl", b"{")
    following.read()
    assert following.as_of == NOW - 5 * SECOND


def test_what_waits_for_long_is_said_once(
    following: Following,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Half a line and half a compressed stream may be a writer's fault: somebody should know."""
    append(tmp_path / "x.jsonl", line("a"), b"{")
    append(tmp_path / "y.jsonl.gz", gzip.compress(line("b"))[:-1])
    following.read()
    monkeypatch.setattr(folders, "LET_GO_AFTER", -1)
    for _ in range(3):
        following.read()
    said = capfd.readouterr().err.splitlines()
    assert [("x.jsonl", True), ("y.jsonl.gz", True)] == sorted(
        (Path(words.split()[1]).name, "not complete" in words) for words in said
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said_once_and_waits(
    following: Following, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Others go on, and once it may be read it is."""
    path = append(tmp_path / "x.jsonl", line("a"))
    path.chmod(0)
    append(tmp_path / "y.jsonl", line("b"))
    assert following.read() == ["b"]
    assert capfd.readouterr().err.count("permission denied") == 1
    path.chmod(0o600)
    assert following.read() == ["a"]


def test_folders_and_other_names_are_no_input(following: Following, tmp_path: Path) -> None:
    """A folder, a pipe and a file of another name are left alone."""
    (tmp_path / "d.jsonl").mkdir()
    os.mkfifo(tmp_path / "p.jsonl")
    append(tmp_path / "notes.txt", line("a"))
    append(tmp_path / "x.jsonl.1.gz", line("b"))
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    assert following.read() == []
    assert [] == following.refused
