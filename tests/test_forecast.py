"""The forecast of a history of weeks: its base, its errors, its agents, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import math
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from worked_day import BERLIN, CHAT, MAIL, opened
from written_history import Writer, row

from replywatch.flows.cli import main
from replywatch.metrics.policy import Scope
from replywatch.sql.forecast import ForecastError, forecast
from replywatch.sql.forecast_past import Ask, Demand
from replywatch.sql.history import open_history

FIRST = date(2026, 1, 5)  # a Monday
UTC_ZONE = ZoneInfo("UTC")


def demand(scope: Scope) -> Demand:
    """Chats in two minutes, mails in an hour."""
    return Demand(120.0 if scope[1] == "chat" else 3600.0, 0.8)


def volume_at(moment: datetime) -> int:
    """A day's shape: 8 each half-hour from nine to five on weekdays, 2 at weekends."""
    if not 9 <= moment.hour < 17:
        return 0
    return 8 if moment.weekday() < 5 else 2


def history(
    folder: Path,
    weeks: int,
    zone: ZoneInfo = UTC_ZONE,
    spike: date | None = None,
    crisis: date | None = None,
) -> Path:
    """Weeks of chats and mails by the wall clock of `zone`; a `spike` and a `crisis` come at noon.

    A chat and a mail of each day were handled in 300 s.
    """
    writer = Writer(folder)
    for number in range(weeks * 7):
        day = FIRST + timedelta(days=number)
        windows, conversations, handling = [], [], []
        for slot in range(48):
            local = datetime(day.year, day.month, day.day, slot // 2, slot % 2 * 30, tzinfo=zone)
            at = local.astimezone(UTC)
            spiked = 500 if (day, slot) == (spike, 24) else 0
            tagged = 40 if (day, slot) == (crisis, 24) else 0
            for scope in (CHAT, MAIL):
                count = volume_at(local) + spiked + tagged
                windows.append(opened(at, scope, count) | {"is_spike": bool(spiked)})
                key: dict[str, Any] = {"opened_at": at, **scope}
                names = [f"{day}-{scope['channel']}-{n}" for n in range(tagged)]
                conversations += [
                    row(
                        "conversations",
                        conversation_id=name,
                        tags=["crisis"],
                        is_final=False,
                        **key,
                    )
                    for name in names
                ]
                if slot == 24:
                    name = f"{day}-{scope['channel']}"
                    conversations.append(
                        row(
                            "conversations", conversation_id=name, closed_at=at, reopen_count=0,
                            first_response_seconds=1.0, is_final=True, **key,
                        )
                    )  # fmt: skip
                    handling.append(
                        row(
                            "handling", conversation_id=name, wait_started_at=at, replied_at=at,
                            handle_active_seconds=300.0, handle_active_method="estimated", **key,
                        )
                    )  # fmt: skip
        writer.seal(
            day.isoformat(), windows=windows, conversations=conversations, handling=handling
        )
    return folder


def made(folder: Path, zone: ZoneInfo = UTC_ZONE, **asked: Any) -> list[dict[str, Any]]:
    """The rows of a forecast."""
    with closing(open_history(folder)) as con:
        rows: list[dict[str, Any]] = forecast(con, Ask(30, zone, demand, **asked)).to_pylist()
        return rows


@pytest.fixture(scope="module")
def eight_weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight weeks, with a spike and a crisis in the last four."""
    folder = tmp_path_factory.mktemp("eight")
    return history(folder, 8, spike=date(2026, 2, 11), crisis=date(2026, 2, 17))


def test_the_next_two_weeks_repeat_a_steady_past(eight_weeks: Path) -> None:
    """Each interval of fourteen days and each queue, as the shape of the weeks has it."""
    rows = made(eight_weeks, crisis_tags=["crisis"])
    assert 14 * 48 * 2 == len(rows)
    assert datetime(2026, 3, 2, tzinfo=UTC) == rows[0]["interval_start_utc"]
    for one in rows:
        assert volume_at(one["interval_start_utc"]) == one["offered"]


def test_spikes_and_crises_teach_nothing(eight_weeks: Path) -> None:
    """Without them the past is exact, without any error; with the crisis neither forecast is."""
    rows = made(eight_weeks, crisis_tags=["crisis"])
    errors = {(one["weeks_held_back"], one["wape_ratio"], one["coverage_ratio"]) for one in rows}
    assert {(4, 0.0, 1.0)} == errors
    with_crisis = made(eight_weeks)
    assert all(one["wape_ratio"] > 0 for one in with_crisis)
    assert all(one["naive_wape_ratio"] > one["wape_ratio"] for one in with_crisis)


def test_agents_follow_the_kind_of_work(eight_weeks: Path) -> None:
    """Chats need the agents of Erlang C at once, mails what spreads their work over an hour."""
    rows = made(eight_weeks, crisis_tags=["crisis"])
    noon = {
        one["channel"]: one
        for one in rows
        if one["interval_start_utc"] == datetime(2026, 3, 2, 12, tzinfo=UTC)
    }
    assert ("immediate", 3.0) == (noon["chat"]["work_type"], noon["chat"]["agents"])
    assert "deferred" == noon["email"]["work_type"]
    assert 8 * 300 / 1800 == pytest.approx(noon["email"]["agents"], abs=0.01)
    away = made(eight_weeks, crisis_tags=["crisis"], shrinkage=0.5)
    assert 6.0 == max(one["agents"] for one in away if one["channel"] == "chat")


def test_mails_are_answered_in_the_opening_hours_of_their_policy(
    eight_weeks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No agents while it is closed, at night and on a holiday; all that comes is done or left.

    Mails come from nine to five in UTC and on weekends, and are answered on weekdays from ten to
    four in Berlin, in a target of two such hours; 40 wait at the start.
    """
    (tmp_path / "policy.toml").write_text(OPEN_TEN_TO_FOUR)
    config = tmp_path / "replywatch.toml"
    config.write_text(f'history = "{eight_weeks}"\npolicy = "policy.toml"\n')
    common = ["forecast", "--config", str(config), "--interval", "30m", "--format", "json"]
    assert 0 == main([*common, "--tz", "Europe/Berlin"])
    mails = [one for one in json.loads(capsys.readouterr().out) if one["channel"] == "email"]
    assert {"deferred"} == {one["work_type"] for one in mails}
    staffed = set()
    for one in mails:
        local = datetime.fromisoformat(one["interval_start_local"])
        is_open = local.weekday() < 5 and 10 <= local.hour < 16 and local.day != 4
        assert is_open or one["agents"] == 0, local
        if one["agents"]:
            staffed.add(local.date().isoformat())
    assert [f"2026-03-{day:02}" for day in (2, 3, 5, 6, 9, 10, 11, 12, 13)] == sorted(staffed)
    done = sum(one["agents"] for one in mails) * 1800 / 300
    came = 40 + sum(one["offered"] for one in mails)
    assert came - mails[-1]["backlog_end"] == pytest.approx(done, rel=1e-3)
    assert 0 < mails[-1]["backlog_end"] < 200


def test_chats_have_agents_in_their_opening_hours_alone(
    eight_weeks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What comes while closed waits in the backlog, and the opening has more people for it.

    Chats come from nine to five in UTC, and are answered on weekdays from ten to four in Berlin.
    """
    (tmp_path / "policy.toml").write_text(OPEN_TEN_TO_FOUR.replace("7200", "120"))
    config = tmp_path / "replywatch.toml"
    config.write_text(f'history = "{eight_weeks}"\npolicy = "policy.toml"\n')
    assert 0 == main(["forecast", "--config", str(config), "--interval", "30m", "--format", "json",
                      "--tz", "Europe/Berlin"])  # fmt: skip
    rows = json.loads(capsys.readouterr().out)
    chats = {
        datetime.fromisoformat(one["interval_start_local"]).replace(tzinfo=None): one
        for one in rows
        if one["channel"] == "chat"
    }
    assert {"immediate"} == {one["work_type"] for one in chats.values()}
    for at, one in chats.items():
        is_open = at.weekday() < 5 and 10 <= at.hour < 16 and at.day != 4
        assert is_open == (one["agents"] > 0), at
        assert not is_open or one["backlog_end"] == 0, at
    tuesday, after = datetime(2026, 3, 3, 17, 30), datetime(2026, 3, 5, 10)
    # Tuesday from four to six, Wednesday's holiday from ten to six, nothing yet on Thursday
    assert 8 * 4 == chats[tuesday]["backlog_end"]
    assert 8 * 4 + 8 * 16 == chats[after - timedelta(minutes=30)]["backlog_end"]
    later = chats[after + timedelta(minutes=30)]["agents"]
    assert later + math.ceil(160 * 300 / 1800) == chats[after]["agents"]


OPEN_TEN_TO_FOUR = """version = "1"
effective_from = 2020-01-01T00:00:00Z

[schedules.office]
timezone = "Europe/Berlin"
holidays = ["2026-03-04"]
mon = [["10:00", "16:00"]]
tue = [["10:00", "16:00"]]
wed = [["10:00", "16:00"]]
thu = [["10:00", "16:00"]]
fri = [["10:00", "16:00"]]

[[rules]]
name = "all"
schedule = "office"
targets = { first_response = 7200 }
"""


def test_a_change_of_clocks_moves_nothing_on_the_wall(tmp_path: Path) -> None:
    """After the spring change the same local hours are busy, and the day has 23 of them."""
    rows = made(history(tmp_path / "out", 11, BERLIN), BERLIN)
    day = [
        one for one in rows
        if one["interval_start_local"].startswith("2026-03-29") and one["channel"] == "chat"
    ]  # fmt: skip
    assert 46 == len(day)
    for one in day:
        assert volume_at(datetime.fromisoformat(one["interval_start_local"])) == one["offered"]


def test_too_little_history_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Under four weeks there is none; with four there is one, without errors, which is said."""
    short = history(tmp_path / "three", 3)
    with pytest.raises(ForecastError, match=r"covers 21 days .* needs 28"):
        made(short)
    assert 1 == main(["forecast", "--history", str(short)])
    assert "too little history" in capsys.readouterr().err
    enough = history(tmp_path / "four", 4)
    assert 0 == main(["forecast", "--history", str(enough), "--format", "json"])
    shown = capsys.readouterr()
    assert "too little history to say how far this is off" in shown.err
    assert {None} == {one["wape_ratio"] for one in json.loads(shown.out)}


def test_the_command_gives_every_format(
    eight_weeks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table of days with the errors below, CSV, Parquet, and the columns of Genesys."""
    common = ["forecast", "--history", str(eight_weeks)]
    assert 0 == main(common)
    shown = capsys.readouterr().out
    assert "2026-03-02" in shown
    assert "error on weeks held back" in shown
    for fmt in ("csv", "parquet"):
        assert 0 == main([*common, "--format", fmt, "--output", str(tmp_path / fmt)])
        assert (tmp_path / fmt).stat().st_size > 1000
    assert 0 == main([*common, "--format", "genesys"])
    genesys = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    busy = [one for one in genesys if one["Interval Start UTC Date"] == "2026-03-02T12:00:00Z"]
    assert [("8.0", "2400"), ("8.0", "2400")] == [
        (one["Offered"], one["Total Handle Time"]) for one in busy
    ]
    assert 2 == main([*common, "--shrinkage", "1"])
