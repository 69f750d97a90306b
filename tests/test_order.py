"""The same events give the same tables: any order within the lateness, any workers, any files."""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from importlib.resources import files
from itertools import accumulate
from pathlib import Path
from typing import Any

import duckdb
import pytest
from digest import digests
from oracle.oracle import SHARED_COLUMNS, compare, run_oracle
from replays import a_replay, replay, run, write_lines

from replywatch.flows.exporter import families
from replywatch.sample_data import write_sample
from replywatch.sql.history import open_history

POLICY = tomllib.loads(files("replywatch.alerts").joinpath("policy.toml").read_text("utf-8"))
LATENESS = 600
UNTIL = 1_772_712_000  # half a day after the sample's end
MONTH = 30 * 86_400

Digests = dict[str, tuple[int, str]]


def at(line: bytes) -> float:
    """When the event of a line happened, in seconds."""
    return datetime.fromisoformat(json.loads(line)["at"]).timestamp()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample days as a file, in their order of arrival."""
    path = tmp_path_factory.mktemp("sample") / "sample.jsonl"
    write_sample(path, 7)
    return path


@pytest.fixture(scope="module")
def lines(sample: Path) -> list[bytes]:
    """Its lines."""
    return sample.read_bytes().splitlines(keepends=True)


@pytest.fixture(scope="module")
def in_order(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Digests:
    """Digests of a replay of the sample days with one worker."""
    out = tmp_path_factory.mktemp("in_order")
    return digests(replay(out, sample, lateness=LATENESS, until=UNTIL))


def told_again(out: Path, *inputs: Path, **options: Any) -> Digests:
    """Digests of another replay of the same events."""
    return digests(replay(out, *inputs, lateness=LATENESS, until=UNTIL, **options))


def test_two_workers_write_the_same_tables(sample: Path, in_order: Digests, tmp_path: Path) -> None:
    """The number of workers shows in no row."""
    assert in_order == told_again(tmp_path, sample, workers=2)
    assert all(count > 80 for name, (count, _) in in_order.items() if name in SHARED_COLUMNS)


def test_a_wrong_date_moves_no_clock(lines: list[bytes], in_order: Digests, tmp_path: Path) -> None:
    """Lines of 2099, here and there, are refused with the place of each; all else is as without."""
    far = b'{"id":"f%d","at":"2099-01-01T00:00:00Z","kind":"post","conversation":"far"}\n'
    places = {1, 900, *range(3000, 8000)}  # so many that some end a chunk
    spoilt = [
        part
        for number, line in enumerate(lines)
        for part in ([far % number, line] if number in places else [line])
    ]
    events = write_lines(tmp_path / "spoilt.jsonl", spoilt)
    out = replay(tmp_path / "out", events, lateness=LATENESS, until=UNTIL)
    found = digests(out)
    assert {**in_order, "rejected": found["rejected"]} == found
    with closing(open_history(out)) as con:
        refused = con.execute("select position, reason, raw from rejected").fetchall()
    starts = [*accumulate(map(len, spoilt), initial=0)]
    wanted = [
        (str(starts[n]), "ahead") for n, line in enumerate(spoilt) if line.startswith(far[:8])
    ]
    assert sorted(wanted) == sorted((place, reason) for place, reason, _ in refused)
    assert all(b"2099" in raw for *_, raw in refused)


POST = '{"id":"%s","at":"%sT00:00:00Z","kind":"post","conversation":"c%s"}\n'


def told_of(tmp_path: Path, text: bytes, **options: Any) -> tuple[list[str], list[tuple[str, str]]]:
    """Ids of the messages in a replay of this file; position and reason of what it refused."""
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "events.jsonl").write_bytes(text)
    with closing(
        open_history(replay(tmp_path / "out", tmp_path / "events.jsonl", **options))
    ) as con:
        ids = con.execute("select id from messages order by id").fetchall()
        query = "select position, reason from rejected order by position::int"
        return [row[0] for row in ids], con.execute(query).fetchall()


def lines_of(*dates: str) -> bytes:
    """Posts of these dates, their ids `a` and on, each of a conversation of its own."""
    names = "abcdefgh"
    return b"".join(
        (POST % (name, date, name)).encode() for name, date in zip(names, dates, strict=False)
    )


def test_what_is_refused_after_a_wrong_date_is_kept_once(tmp_path: Path) -> None:
    """What follows a date in doubt is read again with the next line, or with none."""
    two = lines_of("2026-03-03", "2099-01-01")
    for name, text in (
        ("last", two),
        ("judged", two + lines_of("2026-03-04").replace(b'"a"', b'"z"')),
    ):
        torn = text[: len(two)] + b"torn\ntorn\n" + text[len(two) :]
        ids, refused = told_of(tmp_path / name, torn)
        judged = [(str(len(two) // 2), "ahead")] if name == "judged" else []
        wanted = [*judged, *((str(len(two) + n), "malformed") for n in (0, 5))]
        assert (["a", "b"] if name == "last" else ["a", "z"], wanted) == (ids, refused)


def test_a_wrong_old_date_speaks_against_nobody(tmp_path: Path) -> None:
    """Before or after a gap, or right at the start: good lines count, the old one is late."""
    for number, dates in enumerate(
        (
            ("2026-01-01", "1970-01-01", "2026-01-02", "2026-01-03"),
            ("2026-01-01", "2026-03-01", "1970-01-01", "2026-03-02"),
            ("2026-01-01", "1970-01-01", "2026-03-01", "1970-01-02", "2026-03-02"),
        )
    ):
        ids, refused = told_of(tmp_path / str(number), lines_of(*dates))
        good = [name for name, date in zip("abcdefgh", dates, strict=False) if date > "2000"]
        assert set(good) <= {*ids}
        assert "ahead" not in {reason for _, reason in refused}


def test_within_the_lateness_no_line_is_ahead(tmp_path: Path) -> None:
    """A lateness of months makes days of months count in any order."""
    dates = ("2026-01-01", "2026-02-10", "2026-01-02", "2026-02-11")
    ids, refused = told_of(tmp_path, lines_of(*dates), lateness=90 * 86_400)
    assert (["a", "b", "c", "d"], []) == (ids, refused)


def test_nobody_waits_long_for_who_speaks_against_a_date(tmp_path: Path) -> None:
    """A date in doubt counts where megabytes of other lines follow, or one that is too long."""
    two, after = (
        lines_of("2026-03-03", "2026-05-01"),
        lines_of("2026-03-04").replace(b'"a"', b'"z"'),
    )
    for name, between in (("refused", b"torn\n" * 50_000), ("long", b"x" * 3_000_000 + b"\n")):
        ids, refused = told_of(tmp_path / name, two + between + after)
        assert {"a", "b"} <= {*ids}
        assert between.count(b"\n") == sum(reason == "malformed" for _, reason in refused)


def test_a_line_after_a_long_gap_counts(tmp_path: Path) -> None:
    """Months in which nothing happens are no wrong date, nor is a file's last line."""
    post = '{"id":"%s","at":"%s-01T00:00:00Z","kind":"post","conversation":"%s"}\n'
    months = ("2025-01", "2025-03", "2025-05", "2025-07", "2025-09")
    events = tmp_path / "gaps.jsonl"
    events.write_text("".join(post % (month, month, month) for month in months))
    with closing(open_history(replay(tmp_path / "out", events))) as con:
        found = con.execute("select conversation_id from conversations order by all").fetchall()
    assert list(months) == [row[0] for row in found]


@pytest.mark.parametrize("workers", [1, 2])
def test_arrival_shuffled_within_the_lateness_writes_the_same_tables(
    lines: list[bytes], in_order: Digests, tmp_path: Path, workers: int
) -> None:
    """Each line may come up to ten minutes after its turn, some come twice, nothing changes."""
    chance = random.Random(workers)
    again = chance.sample(lines, len(lines) // 10)
    shuffled = sorted([*lines, *again], key=lambda line: at(line) + chance.uniform(0, LATENESS - 5))
    assert lines != shuffled
    events = write_lines(tmp_path / "shuffled.jsonl", shuffled)
    assert in_order == told_again(tmp_path / "out", events, workers=workers)


def test_duplicates_beyond_the_lateness_change_nothing(
    lines: list[bytes], in_order: Digests, tmp_path: Path
) -> None:
    """A second delivery hours later is still the same event."""
    again = random.Random(3).sample(lines, 1000)
    events = write_lines(tmp_path / "again.jsonl", [*lines, *again])
    assert in_order == told_again(tmp_path / "out", events)


@pytest.mark.parametrize("parts", ["one after another", "dealt out"])
def test_three_files_write_the_same_tables(
    lines: list[bytes], in_order: Digests, tmp_path: Path, parts: str
) -> None:
    """Days in a file each, or one stream dealt out to three: the files are read side by side."""
    if parts == "dealt out":
        shares = [lines[first::3] for first in range(3)]
    else:
        third = len(lines) // 3
        shares = [lines[:third], lines[third : 2 * third], lines[2 * third :]]
    inputs = [
        write_lines(tmp_path / f"part{number}.jsonl", share) for number, share in enumerate(shares)
    ]
    assert in_order == told_again(tmp_path / "out", *reversed(inputs))


def test_a_compressed_file_writes_the_same_tables(
    lines: list[bytes], in_order: Digests, tmp_path: Path
) -> None:
    """A `.gz` holds the same events."""
    assert in_order == told_again(tmp_path / "out", write_lines(tmp_path / "all.jsonl.gz", lines))


def test_another_number_of_shards_and_desks_writes_the_same_tables(
    sample: Path, in_order: Digests, tmp_path: Path
) -> None:
    """How conversations and scopes are spread shows in no row."""
    settings = a_replay(tmp_path, [sample]).settings
    settings = type(settings)(shards=5, desks=1)
    assert in_order == told_again(tmp_path / "out", sample, settings=settings)


# -- late events ------------------------------------------------------------------------------

HELD_BACK = 5 * 3600


def hold_back(lines: list[bytes], chance: random.Random) -> list[bytes]:
    """Every 25th event hours late; none that threads others, which could not wait for it."""
    events = [json.loads(line) for line in lines]
    parents = {event.get("in_reply_to") for event in events}

    def arrival(line: bytes, event: dict[str, Any]) -> float:
        may_wait = "conversation" in event and event["id"] not in parents
        return at(line) + (HELD_BACK if may_wait and chance.random() < 0.04 else 0)

    arrivals = [arrival(line, event) for line, event in zip(lines, events, strict=True)]
    order = sorted(range(len(lines)), key=arrivals.__getitem__)
    return [lines[position] for position in order]


@pytest.fixture(scope="module")
def late_sample(lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sample with every 25th event five hours late, and what a replay wrote of it."""
    folder = tmp_path_factory.mktemp("late")
    events = write_lines(folder / "late.jsonl", hold_back(lines, random.Random(5)))
    return events, replay(folder / "out", events, lateness=60, until=UNTIL)


@pytest.fixture(scope="module")
def late(
    sample: Path, late_sample: tuple[Path, Path]
) -> Iterator[tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection]]:
    """The oracle's tables of the sample, and the history with events that came late."""
    oracle = run_oracle([sample], POLICY, UNTIL * 1_000_000, MONTH)
    con = open_history(late_sample[1])
    yield oracle, con
    oracle.close()
    con.close()


@pytest.mark.parametrize("table", SHARED_COLUMNS)
def test_events_beyond_the_lateness_are_told_as_if_in_time(
    late: tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection], table: str
) -> None:
    """Late events restate conversations, responses, clocks and windows: all equal the oracle's."""
    assert [] == compare(*late, table)


def test_late_events_are_marked_and_restated_windows_numbered(
    late: tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection],
) -> None:
    """Late messages and their conversations say so, and restated windows have a revision."""
    _, con = late
    found = con.execute(
        """
        select
            (select count_if(is_late) > 10 from messages),
            (select count_if(is_late) > 10 from conversations),
            (select count_if(revision > 0) > 100 from windows)
        """
    ).fetchall()
    assert [(True, True, True)] == found


def told_windows(folder: Path) -> list[tuple[Any, ...]]:
    """Windows without what was expected of them: that stays as it was known when each closed."""
    columns = ", ".join(f'"{name}"::varchar' for name in SHARED_COLUMNS["windows"])
    con = open_history(folder)
    found = con.execute(f"select {columns} from windows order by all").fetchall()
    con.close()
    return found


def test_late_events_write_the_same_tables_with_two_workers(
    late_sample: tuple[Path, Path], tmp_path: Path
) -> None:
    """What is told of late events shows neither workers nor files."""
    events, out = late_sample
    again = replay(tmp_path / "out", events, lateness=60, until=UNTIL, workers=2)
    expected, found = digests(out), digests(again)
    for name in SHARED_COLUMNS:
        if name != "windows":
            assert expected[name] == found[name], name
    assert told_windows(out) == told_windows(again)


def test_counters_count_late_events_once(late_sample: tuple[Path, Path], tmp_path: Path) -> None:
    """A conversation told anew is not counted anew: the metrics agree with the tables."""
    events, out = late_sample
    _, live = run(a_replay(tmp_path / "out", [events], lateness=60, until=UNTIL))
    con = open_history(out)
    expected = con.execute(
        "select count_if(direction = 'inbound'), count_if(direction = 'outbound') from messages"
    ).fetchall()
    con.close()
    counted = {"inbound": 0.0, "outbound": 0.0}
    for family in families(live):
        for one in family.samples:
            if one.name == "care_messages_total":
                counted[one.labels["direction"]] += one.value
    assert expected == [(counted["inbound"], counted["outbound"])]
