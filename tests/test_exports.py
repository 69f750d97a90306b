"""Intervals of a history: all of them, totals conserved over clock changes, files whole or not."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from worked_day import BERLIN, CHAT, export, lines, opened, worked_day
from written_history import Writer, at, row

from replywatch.flows.cli import main
from replywatch.sql.exports import files
from replywatch.sql.exports.files import Export, export_days, write_days
from replywatch.sql.exports.formats import Setting
from replywatch.sql.history import open_history

SPRING, SUMMER, AUTUMN = date(2026, 3, 29), date(2026, 7, 1), date(2026, 10, 25)


@pytest.fixture
def clocks(tmp_path: Path) -> Path:
    """A conversation opened every hour of UTC around three days, two of which change the clocks."""
    writer = Writer(tmp_path / "clocks")
    for day in (SPRING, SUMMER, AUTUMN):
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
        for number in range(3):
            begin = start + timedelta(days=number)
            hours = [opened(begin + timedelta(hours=hour), CHAT) for hour in range(24)]
            writer.seal(begin.date().isoformat(), windows=hours)
    return writer.folder


@pytest.mark.parametrize(("day", "intervals"), [(SPRING, 92), (SUMMER, 96), (AUTUMN, 100)], ids=str)
def test_a_day_has_all_its_quarter_hours(clocks: Path, day: date, intervals: int) -> None:
    """23, 24 and 25 hours have 92, 96 and 100 of them, each instant once, and lose nothing."""
    found = lines(export(clocks, "canonical", day, day, BERLIN))
    assert intervals == len(found) == len({line["interval_start_utc"] for line in found})
    assert intervals // 4 == sum(int(line["offered"]) for line in found)
    local = {(line["interval_start_local"], line["utc_offset"]) for line in found}
    assert intervals == len(local)
    assert {f"{day}T00:00:00"} <= {start for start, _ in local}


def test_days_together_are_the_whole(clocks: Path) -> None:
    """The sum over the days of a zone is what the history holds of that time, in any interval."""
    for minutes in (15, 30):
        text = export(clocks, "canonical", SPRING, SPRING + timedelta(days=1), BERLIN, minutes)
        assert 47 == sum(int(line["offered"]) for line in lines(text))


@pytest.mark.parametrize(
    ("day", "midnight", "hours"),
    [
        (SPRING, "2026-03-28T23:00:00Z", 23),
        (SUMMER, "2026-06-30T22:00:00Z", 24),
        (AUTUMN, "2026-10-24T22:00:00Z", 25),
    ],
    ids=str,
)
def test_a_day_of_its_zone_is_the_sum_of_its_intervals(
    clocks: Path, day: date, midnight: str, hours: int
) -> None:
    """At the zone's midnight, one opened in each of its hours, as its half-hours have them."""
    (whole,) = lines(export(clocks, "amazon-connect", day, day, BERLIN, minutes=0))
    parts = lines(export(clocks, "amazon-connect", day, day, BERLIN, minutes=30))
    assert ("daily", midnight) == (whole["IntervalDuration"], whole["TimeStamp"])
    assert hours * 2 == len(parts)
    assert hours == int(whole["IncomingContactVolume"])
    assert hours == sum(int(part["IncomingContactVolume"]) for part in parts)


def test_the_handle_time_of_a_day_is_that_of_its_contacts(tmp_path: Path) -> None:
    """Two of 100 s in one interval, one of 400 s in another: 200 s a contact, three of them."""
    writer, conversations, handling = Writer(tmp_path), [], []
    for clock, seconds in (("10:00", 100.0), ("10:01", 100.0), ("18:00", 400.0)):
        moment = at("2026-06-01", clock)
        key = {"conversation_id": clock, "opened_at": moment, **CHAT}
        conversations.append(
            row(
                "conversations", **key, closed_at=moment, reopen_count=0, is_final=False,
                first_response_seconds=1.0, is_abandoned=False,
            )
        )  # fmt: skip
        handling.append(
            row(
                "handling", **key, wait_started_at=moment, replied_at=moment,
                handle_active_seconds=seconds, handle_active_method="estimated",
            )
        )  # fmt: skip
    windows = [opened(at("2026-06-01", clock), CHAT) for clock in ("10:00", "18:00")]
    writer.seal("2026-06-01", windows=windows, conversations=conversations, handling=handling)
    writer.seal("2026-06-02", windows=[opened(at("2026-06-02"), CHAT)])
    day = date(2026, 6, 1)
    (whole,) = lines(export(tmp_path, "amazon-connect", day, day, minutes=0))
    assert ("200", "3") == (whole["AverageHandleTime"], whole["ContactsHandled"])
    exact = lines(export(tmp_path, "canonical", day, day))
    assert 3 == sum(int(line["handled"]) for line in exact)
    assert 600.0 == sum(float(line["handle_active_seconds"]) for line in exact)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The day of `worked_day`."""
    return worked_day(tmp_path / "work")


def by_start(text: str, queue: str = "tier1") -> dict[str, dict[str, str]]:
    """Canonical lines of a queue by the clock of their start."""
    return {
        line["interval_start_utc"][11:16]: line
        for line in lines(text)
        if line["queue"].lstrip("'=") == queue
    }


def test_every_queue_has_every_interval(work: Path) -> None:
    """Intervals in which nothing happened have zeros, and nothing is null but ratios."""
    found = lines(export(work, "canonical", date(2026, 6, 1), date(2026, 6, 1)))
    assert 2 * 96 == len(found)
    quiet = by_start(export(work, "canonical", date(2026, 6, 1), date(2026, 6, 1)))["03:15"]
    counts = ("offered", "posts", "replies", "responses", "handled", "abandoned", "met", "missed")
    assert ["0"] * 8 == [quiet[name] for name in counts]
    empty = {name for name, cell in quiet.items() if cell == ""}
    assert {"aht_active_seconds", "concurrency", "service_level_ratio"} == empty


def test_work_lands_where_it_was_done(work: Path) -> None:
    """Handle time where it closed, abandonment where it ended, outcomes at their instant."""
    chat = by_start(export(work, "canonical", date(2026, 6, 1), date(2026, 6, 1)))
    assert ("2", "2", "1", "1", "0.5") == tuple(
        chat["10:00"][name]
        for name in ("offered", "responses", "met", "missed", "service_level_ratio")
    )
    for start in ("10:15", "11:15"):
        assert ("1", "300.0", "300.0") == tuple(
            chat[start][name] for name in ("handled", "handle_active_seconds", "aht_active_seconds")
        )
    assert {"10:15", "12:00"} == {start for start, line in chat.items() if line["abandoned"] == "1"}


def test_concurrency_is_told_apart_from_handle_time(work: Path) -> None:
    """Two waits answered in ten minutes side by side: ten minutes of work, two at a time."""
    chat = by_start(export(work, "canonical", date(2026, 6, 1), date(2026, 6, 1)))
    assert "2.0" == chat["10:00"]["concurrency"]
    assert "" == chat["10:15"]["concurrency"]


def test_work_is_immediate_up_to_a_quarter_of_an_hour(work: Path) -> None:
    """A target within the interval is immediate, a longer one deferred."""
    text = export(work, "canonical", date(2026, 6, 1), date(2026, 6, 1))
    assert {"immediate"} == {line["work_type"] for line in by_start(text).values()}
    assert {"deferred"} == {line["work_type"] for line in by_start(text, "tier2").values()}


def test_the_backlog_has_both_ends(work: Path) -> None:
    """What was open, as close, reopen and expiry leave it; each end is the next start."""
    chat = by_start(export(work, "canonical", date(2026, 6, 1), date(2026, 6, 1)))
    ends = {"09:45": 0, "10:00": 2, "10:15": 1, "10:30": 0, "11:00": 2, "11:15": 1, "12:00": 0}
    for start, end in ends.items():
        assert str(end) == chat[start]["backlog_end"], start
    ordered = [chat[start] for start in sorted(chat)]
    assert [line["backlog_end"] for line in ordered[:-1]] == [
        line["backlog_start"] for line in ordered[1:]
    ]
    mail = by_start(export(work, "canonical", date(2026, 6, 2), date(2026, 6, 2)), "tier2")
    assert {("1", "1")} == {(line["backlog_start"], line["backlog_end"]) for line in mail.values()}


def test_intervals_that_are_not_over_are_marked_or_left_out(work: Path) -> None:
    """The history goes to 13:00: later intervals are open in canonical and absent elsewhere."""
    chat = by_start(export(work, "canonical", date(2026, 6, 1), date(2026, 6, 1)))
    assert ("true", "false") == (chat["12:45"]["is_complete"], chat["13:00"]["is_complete"])
    genesys = lines(export(work, "genesys", date(2026, 6, 1), date(2026, 6, 1)))
    assert "2026-06-01T12:45:00Z" == genesys[-1]["Interval Start UTC Date"]


# -- files ------------------------------------------------------------------------------------


def days_into(
    history: Path, folder: Path, fmt: str = "genesys", minutes: int = 15
) -> files.Written:
    """A file a day of all days of the history."""
    asked = Export(history, fmt, Setting(minutes, BERLIN))
    with closing(open_history(history)) as con:
        return write_days(con, asked, export_days(con, None, None, asked.setting), folder)


def test_days_without_news_are_left_as_they_are(tmp_path: Path) -> None:
    """A second run writes nothing; news of one day write that day's file again, and no other."""
    writer = Writer(tmp_path / "history")
    days = [f"2026-06-0{number}" for number in range(1, 6)]
    for day in days:
        writer.seal(day, windows=[opened(at(day), CHAT)])
    folder = tmp_path / "files"
    assert (5, 0) == tuple(map(len, vars(days_into(writer.folder, folder)).values()))
    assert (0, 5) == tuple(map(len, vars(days_into(writer.folder, folder)).values()))
    writer.seal(days[2], windows=[opened(at(days[2]), CHAT, 7) | {"revision": 2}])
    done = days_into(writer.folder, folder)
    assert {"2026-06-03", "2026-06-04"} >= {path.stem[-10:] for path in done.written}
    assert ",7,0,0" in (folder / "wfm-genesys-15m-2026-06-03.csv").read_text()


def test_a_quiet_evening_is_told_once_it_is_over(tmp_path: Path) -> None:
    """A day's later intervals are in its file as soon as the next day shows that nothing came."""
    writer = Writer(tmp_path / "history")
    writer.seal("2026-06-01", windows=[opened(at("2026-06-01"), CHAT)])
    folder = tmp_path / "files"
    days_into(writer.folder, folder)
    path = folder / "wfm-genesys-15m-2026-06-01.csv"
    assert "2026-06-01T09:45:00Z" in path.read_text().splitlines()[-1]
    writer.seal("2026-06-02", windows=[opened(at("2026-06-02"), CHAT)])
    assert path in days_into(writer.folder, folder).written
    assert "2026-06-01T21:45:00Z" in path.read_text().splitlines()[-1]


def test_daily_files_are_of_days_that_are_over(tmp_path: Path) -> None:
    """One each, kept like those of intervals; none of the history's last day until it is over."""
    writer, folder = Writer(tmp_path / "history"), tmp_path / "files"
    written: list[str] = []
    for day in ("2026-06-01", "2026-06-02", "2026-06-04"):
        writer.seal(day, windows=[opened(at(day), CHAT)])
        done = days_into(writer.folder, folder, "amazon-connect", minutes=0)
        assert written == [path.stem[-10:] for path in done.kept]
        written += [path.stem[-10:] for path in done.written]
    assert ["2026-06-01", "2026-06-02", "2026-06-03"] == written
    texts = [path.read_text() for path in sorted(folder.iterdir())]
    assert [",daily,1,0,0\n", ",daily,1,0,0\n", ",daily,0,0,0\n"] == [text[-13:] for text in texts]
    assert {2} == {text.count("\n") for text in texts}


def _die_at(call: int, work: Callable[[], Any]) -> None:
    real, calls = os.replace, iter(range(1, 1000))

    def dying(*arguments: Any) -> None:
        if next(calls) == call:
            os._exit(9)
        real(*arguments)

    os.replace = dying  # type: ignore[assignment]
    work()


def test_cut_between_two_files_it_goes_on(clocks: Path, tmp_path: Path) -> None:
    """Killed before the third file takes its place: two whole files, the rest the next time."""
    folder = tmp_path / "files"
    process = multiprocessing.get_context("fork").Process(
        target=_die_at, args=(3, lambda: days_into(clocks, folder))
    )
    process.start()
    process.join(60)
    assert 9 == process.exitcode
    assert 2 == len(list(folder.glob("*.csv")))
    done = days_into(clocks, folder)
    assert 2 == len(done.kept)
    with closing(open_history(clocks)) as con:
        whole = len(export_days(con, None, None, Setting(15, BERLIN)))
    assert whole == len(list(folder.glob("*.csv")))


def test_the_command_writes_a_file_and_a_folder(
    clocks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To standard output, one file or a folder, the same lines; wrong use is told."""
    common = ["export", "wfm", "--history", str(clocks), "--from", "2026-03-29", "--to",
              "2026-03-30", "--tz", "Europe/Berlin"]  # fmt: skip
    assert 0 == main(common)
    shown = capsys.readouterr().out
    assert 93 == len(shown.splitlines())
    assert 0 == main([*common, "--output", str(tmp_path / "one.csv")])
    assert 0 == main([*common, "--output", f"{tmp_path}/many/"])
    assert shown == (tmp_path / "one.csv").read_text()
    assert [shown] == [path.read_text() for path in (tmp_path / "many").glob("*.csv")]
    assert 2 == main([*common, "--format", "excel"])
    assert 2 == main([*common, "--to", "2026-03-29"])
    capsys.readouterr()
    assert 0 == main([*common, "--from", "2020-01-01", "--to", "2020-01-02"])
    nothing = capsys.readouterr()
    assert 1 == len(nothing.out.splitlines())
    assert "has no day in this period" in nothing.err
    daily = [*common, "--interval", "daily"]
    capsys.readouterr()
    assert 0 == main([*daily, "--format", "amazon-connect"])
    assert 2 == len(capsys.readouterr().out.splitlines())
    assert 2 == main([*daily, "--format", "genesys"])
    assert "format 'genesys' has no daily intervals" in capsys.readouterr().err
