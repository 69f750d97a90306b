"""Compaction, retention and erasure: each row once, whatever else is going on."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from digest import digests
from written_history import Writer, at, row

from replywatch.flows.cli import main
from replywatch.metrics.events import customer_hash
from replywatch.sql import compaction, upkeep, views
from replywatch.sql.compaction import compact
from replywatch.sql.erasure import EXPORT, erase
from replywatch.sql.history import HistoryError, open_history
from replywatch.sql.locks import hold
from replywatch.sql.manifest import Manifest
from replywatch.sql.schemas import TABLES
from replywatch.sql.work import known_work

KEY = customer_hash(b"secret", "1", "@jo")
DAYS = ("2026-03-01", "2026-03-02", "2026-03-03")


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    """A history of three days: revisions, a conversation that was restated, refused events."""
    writer = Writer(tmp_path / "out")
    for number, day in enumerate(DAYS):
        for revision in (1, 2, 3):
            writer.seal(
                day,
                conversations=[
                    row(
                        "conversations",
                        conversation_id=f"c{number}{name}",
                        opened_at=at(day),
                        customer_key=KEY if name == "a" else "1:other",
                        post_count=revision,
                        revision=revision,
                    )
                    for name in "ab"
                ],
                messages=[
                    row(
                        "messages",
                        conversation_id=f"c{number}{name}",
                        opened_at=at(day),
                        source="x",
                        id=f"{number}{name}{revision}",
                        at=at(day, f"1{revision}:00"),
                        direction="inbound",
                    )
                    for name in "ab"
                ],
                windows=[
                    row(
                        "windows",
                        window_start=at(day),
                        brand="b",
                        channel="c",
                        queue="q",
                        revision=revision,
                        posts=revision,
                    )
                ],
            )
    writer.seal(
        DAYS[2],
        restatements=[
            {
                "conversation_id": "c1a",
                "from_opened_at": at(DAYS[1]),
                "generation": 1,
                "restated_at": at(DAYS[2]),
            }
        ],
    )
    said_again = {"conversation_id": "c1a", "opened_at": at(DAYS[1]), "_generation": 1}
    writer.seal(
        DAYS[1],
        conversations=[
            row("conversations", **said_again, customer_key=KEY, post_count=9, revision=4)
        ],
        messages=[
            row("messages", **said_again, source="x", id="1a1", at=at(DAYS[1], "11:00")),
            row("messages", **said_again, source="x", id="1a0", at=at(DAYS[1], "09:59")),
        ],
        rejected=[
            row("rejected", source="f", position=str(place), reason="invalid", raw=raw,
                received_at=at(DAYS[1]))
            for place, raw in enumerate((b'{"customer": "@jo"}', b'{"customer": "@joanna"}'))
        ],
    )  # fmt: skip
    return writer


def drawn_paths(folder: Path) -> list[str]:
    """The paths of the files of work that are known."""
    return [path for work in known_work(Manifest(folder)).values() for path in work.paths.values()]


def parquet(folder: Path) -> list[Path]:
    """The Parquet files of the tables that lie in a history."""
    paths = folder.glob("history/**/*.parquet")
    return sorted(path for path in paths if path.parts[-3] in TABLES)


def test_a_compacted_history_says_the_same(writer: Writer) -> None:
    """A file a table and day is left, all tables are as before, and only rows in force remain."""
    before = digests(writer.folder)
    did = compact(writer.folder, grace=0)
    assert before == digests(writer.folder)
    paths = parquet(writer.folder)
    assert len(paths) == did.files_after == 3 * 3 + 2
    rows = dict.fromkeys(TABLES, 0)
    for path in paths:
        rows[path.parts[-3]] += pq.read_metadata(path).num_rows
    assert (6, 17, 3) == (rows["conversations"], rows["messages"], rows["windows"])


def test_a_compacted_history_is_not_compacted_again(writer: Writer) -> None:
    """A day that is one file without news stays as it is."""
    compact(writer.folder, grace=0)
    before = parquet(writer.folder)
    did = compact(writer.folder, grace=0)
    assert (0, 0) == (did.files_read, did.removed)
    assert before == parquet(writer.folder)


def test_compacted_files_keep_the_schema(writer: Writer) -> None:
    """Column names, their order and their types are those of the table."""
    compact(writer.folder, grace=0)
    for path in parquet(writer.folder):
        assert TABLES[path.parts[-3]].schema == pq.read_schema(path).remove_metadata()


def test_what_is_sealed_later_counts_over_what_was_compacted(writer: Writer) -> None:
    """A higher revision, a restatement and a further row after a compaction show at once."""
    compact(writer.folder, grace=0)
    writer.seal(
        DAYS[0],
        windows=[
            row("windows", window_start=at(DAYS[0]), brand="b", channel="c", queue="q", revision=4,
                posts=40)
        ],
    )  # fmt: skip
    writer.seal(
        DAYS[2],
        restatements=[
            {
                "conversation_id": "c0b",
                "from_opened_at": at(DAYS[0]),
                "generation": 1,
                "restated_at": at(DAYS[2]),
            }
        ],
    )
    with open_history(writer.folder) as con:
        said = con.execute("select posts from windows order by window_start").fetchall()
        assert [(40,), (3,), (3,)] == said
        left = con.execute("select count(*) from messages where conversation_id = 'c0b'")
        assert [(0,)] == left.fetchall()
    before = digests(writer.folder)
    compact(writer.folder, grace=0)
    assert before == digests(writer.folder)


def test_replaced_files_stay_for_readers_until_their_grace_is_over(writer: Writer) -> None:
    """A reader that opened the history before goes on reading; later the files are removed."""
    with duckdb.connect(str(writer.folder / "replywatch.duckdb"), read_only=True) as reader:
        count = reader.execute("select count(*) from messages").fetchall()
        compact(writer.folder, grace=60, now=1000.0)
        assert count == reader.execute("select count(*) from messages").fetchall()
    before = len(parquet(writer.folder))
    assert compact(writer.folder, grace=60, now=1059.0).removed == 0
    assert compact(writer.folder, grace=60, now=1060.0).removed == before - 11


def test_a_seal_published_again_after_compaction_counts_once(writer: Writer) -> None:
    """A crash between counting a seal and forgetting its stage can't double what was compacted."""
    compact(writer.folder, grace=0)
    before = digests(writer.folder)
    rows = [row("messages", conversation_id="c0a", opened_at=at(DAYS[0]), source="x", id="0a1",
                at=at(DAYS[0]))]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=TABLES["messages"].schema)
    writer.writer.stage(1, [("messages", DAYS[0], table)])
    writer.writer.resume(writer.sequence)
    assert before == digests(writer.folder)


def test_a_table_is_kept_as_long_as_it_is_told(writer: Writer) -> None:
    """Days that were over that long ago go, of this table alone."""
    now = at("2026-03-04", "12:00").timestamp()
    did = compact(writer.folder, grace=0, keep_days={"messages": 1.5}, now=now)
    assert {"messages": 7} == did.expired
    with open_history(writer.folder) as con:
        days = con.execute('select distinct cast("at" as date)::varchar from messages').fetchall()
        assert [(DAYS[2],)] == days
        assert [(6,)] == con.execute("select count(*) from conversations").fetchall()


def test_quarters_kept_apart_hold_every_row_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First and last instants of quarters stay; a month opens the files of one quarter alone."""
    writer = Writer(tmp_path / "years")
    for year in (2024, 2025):
        for month in range(1, 13):
            first = datetime(year, month, 1, tzinfo=UTC)
            for instant in (first - timedelta(microseconds=1), first):
                said = {"conversation_id": f"{instant}", "opened_at": instant, "at": instant}
                writer.seal(
                    instant.date().isoformat(),
                    messages=[row("messages", **said, source="x", id=f"{instant}")],
                    conversations=[row("conversations", **said)],
                )
    compact(writer.folder, grace=0)
    before = digests(writer.folder)
    monkeypatch.setattr(views, "MANY_FILES", 2)
    assert before == digests(writer.folder)
    with open_history(writer.folder) as con:
        plan = con.execute(
            "explain select * from messages where \"at\" >= '2025-05-01' and \"at\" < '2025-06-01'"
        ).fetchall()[0][1]
    assert 1 == plan.count("READ_PARQUET")


def test_no_progress_bar_stands_among_the_results(writer: Writer) -> None:
    """A query that takes long writes nothing of its own where the result goes."""
    with open_history(writer.folder) as con:
        shown = con.execute("select current_setting('enable_progress_bar')").fetchall()
    assert [(False,)] == shown


def test_a_query_that_needs_more_memory_goes_on_beside_it(writer: Writer) -> None:
    """The limit is set, and what does not fit is put by, though the configuration is locked."""
    with open_history(writer.folder) as con:
        limit, place = con.execute(
            "select current_setting('memory_limit'), current_setting('temp_directory')"
        ).fetchall()[0]
        assert "1.5 GiB" == limit
        assert not Path(place).exists()


def test_a_second_upkeep_is_refused(writer: Writer) -> None:
    """One at a time, and the other one says so."""
    with hold(writer.folder / upkeep.LOCK), pytest.raises(HistoryError, match="another process"):
        compact(writer.folder)


# -- killed -----------------------------------------------------------------------------------


def _die_at(owner: Any, name: str, call: int, is_before: bool, work: Callable[[], Any]) -> None:
    """Do `work` and be gone, as if killed, before or after that call of a function."""
    real, calls = getattr(owner, name), iter(range(1, 1_000_000))

    def dying(*arguments: Any, **options: Any) -> Any:
        is_last = next(calls) == call
        if is_last and is_before:
            os._exit(9)
        answer = real(*arguments, **options)
        if is_last:
            os._exit(9)
        return answer

    setattr(owner, name, dying)
    work()


POINTS = [
    (upkeep.Upkeep, "remove_orphans"),
    (os, "fsync"),
    (os, "replace"),
    (upkeep, "sync_folder"),
    (Manifest, "replace"),
    (Manifest, "replace_note"),
    (upkeep, "write_database"),
    (Path, "unlink"),
    (Manifest, "forget_retired"),
]


@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "name"), POINTS, ids=[name for _, name in POINTS])
def test_killed_at_any_step_nothing_is_lost_or_doubled(
    writer: Writer, owner: Any, name: str, is_before: bool
) -> None:
    """Before and after each kind of step: readers see the same, and the next run ends the work."""
    before = digests(writer.folder)
    fork = multiprocessing.get_context("fork")
    for call in (1, 2):
        work = lambda: compact(writer.folder, grace=0)  # noqa: E731
        process = fork.Process(target=_die_at, args=(owner, name, call, is_before, work))
        process.start()
        process.join(60)
        assert process.exitcode in (9, 0)
        assert before == digests(writer.folder)
        with duckdb.connect(str(writer.folder / "replywatch.duckdb"), read_only=True) as con:
            assert [(before["messages"][0],)] == con.execute(
                "select count(*) from messages"
            ).fetchall()
    compact(writer.folder, grace=0)
    assert before == digests(writer.folder)
    tables = parquet(writer.folder)
    drawn = [writer.folder / path for path in drawn_paths(writer.folder)]
    assert 11 == len(tables)
    assert sorted([*tables, *drawn]) == sorted(writer.folder.glob("history/**/date=*/*"))


# -- erased -----------------------------------------------------------------------------------


def everything(folder: Path) -> bytes:
    """All bytes of the data files of a history, decompressed."""
    return b"".join(repr(pq.read_table(path).to_pylist()).encode() for path in parquet(folder))


@pytest.mark.parametrize("is_compacted", [False, True])
def test_an_erased_customer_is_gone_from_every_file(writer: Writer, is_compacted: bool) -> None:
    """Hash, conversations, refused events: no file holds them any more, and others' rows stay."""
    if is_compacted:
        compact(writer.folder, grace=3600)
    with open_history(writer.folder) as con:
        others = "select id from messages where conversation_id like '%b' order by all"
        expected = con.execute(others).fetchall()
    receipt = erase(writer.folder, [KEY], "@jo")
    assert 3 == receipt["conversations"]
    assert [{"source": "f", "position": "0"}] == receipt["rejects_removed"]
    left = everything(writer.folder)
    for trace in (KEY.encode(), b"c0a", b"c1a", b"c2a", b'"@jo"'):
        assert trace not in left
    assert b"@joanna" in left
    with open_history(writer.folder) as con:
        assert expected == con.execute(others).fetchall()
        assert [(3,)] == con.execute("select count(*) from conversations").fetchall()


def test_a_receipt_counts_what_was_removed_and_lists_exports(
    writer: Writer, tmp_path: Path
) -> None:
    """An export that names a conversation is listed, one that doesn't is not."""
    naming, other = tmp_path / "naming.csv", tmp_path / "other.csv"
    naming.write_text("c0a,chat\n")
    other.write_text("c0b,chat\n")
    for path in (naming, other, tmp_path / "gone.csv"):
        Manifest(writer.folder).set_note(EXPORT, str(path), "{}")
    receipt = erase(writer.folder, [KEY], "@jo")
    assert [str(naming)] == receipt["exports_to_delete"]
    assert {"conversations": 10, "messages": 11, "restatements": 1, "rejected": 1} == receipt[
        "rows_removed"
    ]
    json.dumps(receipt)


def test_a_customer_who_is_not_found_is_told(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a slip of the pen, or with another key: the receipt is empty, and a sentence says so."""
    monkeypatch.setenv("REPLYWATCH_CUSTOMER_KEY", "secret")
    for customer, is_told in (("@nobody", True), ("@jo", False)):
        assert 0 == main(["erase", "--history", str(writer.folder), "--customer", customer])
        shown = capsys.readouterr()
        assert is_told == (0 == json.loads(shown.out)["conversations"])
        assert is_told == ("holds no conversation of this customer" in shown.err)


def test_what_the_pipeline_seals_of_an_erased_customer_goes_with_the_next_compaction(
    writer: Writer,
) -> None:
    """Rows still in memory when the order was given are removed later; new conversations stay."""
    erase(writer.folder, [KEY], "@jo", now=at("2026-03-04").timestamp())
    for name, opened_at in (("c2a", at(DAYS[2])), ("new", at("2026-03-05"))):
        day = opened_at.date().isoformat()
        writer.seal(
            day,
            messages=[
                row("messages", conversation_id=name, opened_at=opened_at, id=name, at=opened_at)
            ],
        )
        writer.seal(
            day,
            conversations=[
                row("conversations", conversation_id=name, opened_at=opened_at, customer_key=KEY)
            ],
        )
    compact(writer.folder, now=at("2026-03-06").timestamp())
    left = everything(writer.folder)
    assert b"c2a" not in left
    assert b"new" in left


def test_compaction_is_the_only_module_with_a_grace(writer: Writer) -> None:
    """Erasure removes at once: no file outlives it, not even for readers."""
    compact(writer.folder, grace=compaction.GRACE_SECONDS)
    assert len(parquet(writer.folder)) > 11
    erase(writer.folder, [KEY], "@jo")
    assert len(parquet(writer.folder)) <= 11
