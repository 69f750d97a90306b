"""Privacy: neither a customer's handle nor a word of text leaves the decoder.

Every byte that a replay or the live service leaves behind is searched, whatever it is packed in.
"""

from __future__ import annotations

import gzip
import re
import sqlite3
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from replays import a_replay, policy_text, replay, run, wait_for, write_lines
from test_events import post
from test_live import Service, event

from replywatch.flows.customer_keys import check_customer_key
from replywatch.flows.settings import Settings, SettingsError
from replywatch.sql.history import open_history
from replywatch.sql.manifest import Manifest

HANDLE, WORDS, AGENT = "@marker-of-jane", "marker of words", "marker-of-ann"
_SQLITE = (".sqlite3", ".state")
PERSONAL = {"customer": HANDLE, "text": WORDS, "comment": WORDS, "profile": {"name": WORDS}}
_MAGIC = re.compile(rb"\x28\xb5\x2f\xfd|\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")


def unpacked(data: bytes) -> Iterator[bytes]:
    """`data`, and what is compressed in it, wherever it begins."""
    yield data
    for match in _MAGIC.finditer(data):
        rest = data[match.start() :]
        with suppress(zlib.error, OSError):
            if rest[:1] == b"\x28":
                stream = pa.input_stream(pa.BufferReader(rest), compression="zstd")
                yield stream.read(2**20)
            else:
                yield zlib.decompressobj(47).decompress(rest, 2**20)


def cells(path: Path) -> Iterator[bytes]:
    """Every cell of an SQLite file."""
    with closing(sqlite3.connect(path)) as db:
        for (table,) in db.execute("select name from sqlite_master where type = 'table'"):
            for row in db.execute(f'select * from "{table}"'):
                yield from (v if isinstance(v, bytes) else str(v).encode() for v in row)


def found(folder: Path, marker: str) -> set[str]:
    """Which kinds of files below `folder` hold the marker: by suffix, or `table` for the views'."""
    wanted = marker.encode()
    kinds = {
        path.suffix
        for path in folder.rglob("*")
        if path.is_file()
        for data in (path.read_bytes(), *(cells(path) if path.suffix in _SQLITE else ()))
        if any(wanted in text for text in unpacked(data))
    }
    with closing(open_history(folder)) as con:
        names = [name for (name,) in con.execute("select view_name from duckdb_views()").fetchall()]
        for name in names:
            with suppress(Exception):
                rows = con.execute(f'select * from "{name}"').fetchall()
                if marker in str(rows):
                    kinds.add("table")
    return kinds


def lines() -> list[bytes]:
    """Events that are taken, and lines that are refused, all with markers."""
    whole = post(**PERSONAL)
    return [
        *(post(id=f"a{n}", conversation=f"c{n}", **PERSONAL) + b"\n" for n in range(300)),
        *(
            post(id=f"r{n}", conversation=f"c{n}", kind="reply", agent=AGENT, text=WORDS) + b"\n"
            for n in range(200)
        ),
        post(kind="closed", conversation="c1", at="2026-03-03T09:00:00Z", **PERSONAL) + b"\n",
        whole[:-1] + b',"id":"twice"}\n',
        post(kind="unknown", **PERSONAL) + b"\n",
        post(at="2026-03-03", **PERSONAL) + b"\n",
        whole[:-20] + b"\n",
        whole.replace(b'"text"', rb'"te\u0078t"') + b"}\n",
        whole.replace(b'words"', b'words "quoted, too", ' + WORDS.encode() + b'"') + b"\n",
        post(**{**PERSONAL, "text": WORDS + "x" * 2**20}) + b"\n",
        post(customer=[HANDLE]) + b"\n",
    ]


@pytest.fixture(autouse=True)
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key for customers' handles, as in real service."""
    monkeypatch.setenv("REPLYWATCH_CUSTOMER_KEY", "a key")


def test_a_replay_leaves_neither_handles_nor_text(tmp_path: Path) -> None:
    """Not in the history, its database, recovery or staging; an agent's name is found there."""
    events = write_lines(tmp_path / "in.jsonl", lines())
    out = replay(tmp_path / "out", events)
    with closing(open_history(out)) as con:
        counts = con.execute("select count(*), count(raw) from rejected").fetchall()
        hashed = con.execute("select count(distinct customer_key) from conversations").fetchall()
    assert [(8, 8)] == counts
    assert [(1,)] == hashed
    assert {"table", ".parquet", ".state"} <= found(out, AGENT)
    assert set() == found(out, HANDLE) | found(out, WORDS)


def test_the_service_leaves_neither_handles_nor_text(tmp_path: Path) -> None:
    """Killed with rows unsealed and events pending, and then in metrics and what it said."""
    service = Service(tmp_path)
    process = service.start()
    service.write(*lines(), *(event("post", f"n{n}", -20, **PERSONAL) for n in range(50)))
    service.write(event("reply", "n1", agent=AGENT), post(text=WORDS)[:-9])
    assert wait_for(lambda: service.metric("care_events_rejected_total") == 8)
    assert wait_for(lambda: service.sql("select 1 from messages where agent is not null"))
    with urllib.request.urlopen(service.url, timeout=5) as answer:
        metrics = answer.read()
    process.process.kill()
    said = "".join(process.process.communicate())
    assert AGENT not in said
    assert all(marker.encode() not in metrics for marker in (HANDLE, WORDS, AGENT))
    kinds = found(service.history, AGENT)
    assert ".parquet" in kinds
    assert kinds & {".state", ".state-wal"}
    assert set() == found(service.history, HANDLE) | found(service.history, WORDS)


def test_what_is_kept_of_a_refused_line_can_be_chosen(tmp_path: Path) -> None:
    """All its bytes, or none, where masked ones don't do."""
    line = post(kind="unknown", **PERSONAL)
    events = write_lines(tmp_path / "in.jsonl.gz", [line + b"\n"])
    kept = {}
    for choice in ("full", "none", "masked"):
        settings = msgspec.convert({"rejected_raw": choice}, Settings)
        with closing(open_history(replay(tmp_path / choice, events, settings=settings))) as con:
            kept[choice] = con.execute("select raw from rejected").fetchall()[0][0]
    assert (line, b"") == (kept["full"], kept["none"])
    shown = b'"customer": "*", "text": "*", "comment": "*", "profile": {"*": "*"}}'
    assert kept["masked"].endswith(shown)
    assert HANDLE in gzip.decompress(events.read_bytes()).decode()


@pytest.mark.parametrize(
    ("key", "version", "said"),
    [
        ("another", "1", "not the one that this history knows as version '1'"),
        ("", "1", "there is no key for customers' handles"),
        ("another", "2", None),
        ("a key", "1", None),
    ],
)
def test_a_changed_key_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, version: str, said: str | None
) -> None:
    """A history isn't continued with another key under the same name, nor with none."""
    manifest = Manifest(tmp_path)
    manifest.create({})
    check_customer_key(manifest, Settings())
    monkeypatch.setenv("REPLYWATCH_CUSTOMER_KEY", key)
    changed = Settings(customer_key_version=version)
    if said is None:
        check_customer_key(manifest, changed)
    else:
        with pytest.raises(SettingsError, match=said):
            check_customer_key(manifest, changed)
    monkeypatch.setenv("REPLYWATCH_CUSTOMER_KEY", "a key")
    check_customer_key(manifest, Settings())


def test_the_service_does_not_start_under_another_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with the sentence that says why."""
    service = Service(tmp_path)
    process = service.start()
    assert wait_for(lambda: service.metric("care_export_last_success_timestamp_seconds"))
    assert process.stop() == 0
    monkeypatch.setenv("REPLYWATCH_CUSTOMER_KEY", "another")
    _, errors = service.start().process.communicate(timeout=20)
    assert "not the one that this history knows as version '1'" in errors


def test_a_replay_goes_on_under_its_key_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same holds for a replay that is resumed."""
    (tmp_path / "policy.toml").write_text(policy_text())
    events = write_lines(tmp_path / "in.jsonl", lines()[:50])
    out = tmp_path / "out"
    asked = {"policy": tmp_path / "policy.toml"}
    stopped = a_replay(out, [events], **asked)
    stopped.stop.is_set = True
    assert not run(stopped)[0]
    monkeypatch.setenv("REPLYWATCH_CUSTOMER_KEY", "another")
    with pytest.raises(SettingsError, match="version '1'"):
        replay(out, events, **asked)
    monkeypatch.setenv("REPLYWATCH_CUSTOMER_KEY", "a key")
    replay(out, events, **asked)
