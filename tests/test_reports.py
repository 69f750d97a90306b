"""Reports over a history worked out by hand: `expected` is what a person computed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from small_history import ACME_CHAT, GLOBEX_CHAT, answer, at, clock, history, sample, window

from replywatch.sql import reports
from replywatch.sql.report_list import REPORTS
from replywatch.sql.reports import ReportError, read_sql, run_report


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    """The small history."""
    return sample()


def rows(
    con: duckdb.DuckDBPyConnection, name: str, columns: str = "", **options: Any
) -> list[tuple[Any, ...]]:
    """A report's rows as tuples of `columns` (default: all), doubles without noise at their end."""
    table = run_report(con, name, **options)
    return [
        tuple(round(value, 9) if isinstance(value, float) else value for value in row.values())
        for row in table.select(columns.split() or table.column_names).to_pylist()
    ]


def column(con: duckdb.DuckDBPyConnection, report: str, named: str, **options: Any) -> list[Any]:
    """One column of a report."""
    values: list[Any] = run_report(con, report, **options)[named].to_pylist()
    return values


def test_agents_are_credited_for_what_they_sent_and_closed(
    con: duckdb.DuckDBPyConnection,
) -> None:
    """A reply is its sender's, a close the closer's or else the assignee's, a bot is nobody."""
    ana = ("ana", 2, 4, 2, 3, 1480.0, 600.0, 3000.0, 1, 120.0, 120.0, 120.0, 1, 1, 1, 1)
    bo = ("bo", 1, 1, 1, 1, 900.0, 900.0, 900.0, 1, 900.0, 900.0, 900.0, 1, 0, 1, 0)
    expected = [(*ana, 1500.0, 1500.0), (*bo, None, None)]
    assert expected == rows(
        con,
        "agents",
        "agent conversations replies first_responses responses published_mean_seconds "
        "published_median_seconds published_p90_seconds assigned_responses assigned_mean_seconds "
        "assigned_median_seconds assigned_p90_seconds met missed closed handled "
        "handle_elapsed_mean_seconds handle_elapsed_median_seconds",
    )


def test_teams_hold_what_is_nobodys_too(con: duckdb.DuckDBPyConnection) -> None:
    """The clock missed with nobody assigned and the bot's close are the queue's all the same."""
    expected = [("default", 2, 3, 5, 2, 2, 3)]
    assert expected == rows(con, "teams", "queue agents conversations replies met missed closed")


def test_few_answers_are_flagged_and_have_no_interval(con: duckdb.DuckDBPyConnection) -> None:
    """Three answered waits say nothing about anybody, and the attainment's interval is wide."""
    columns = "agent is_small_sample assigned_median_low_seconds attainment attainment_high_ratio"
    assert ("ana", True, None, 0.5, 0.905471345) == rows(con, "agents", columns)[0]


def test_a_median_has_an_interval_of_order_statistics() -> None:
    """Of twenty answers, 1 to 20 minutes, the median lies between the 5th and the 16th."""
    answers = [
        answer(f"c{n}", ACME_CHAT, "first", "10:00", f"10:{n:02}", "ana", assigned=60.0 * n)
        for n in range(1, 21)
    ]
    con = history(responses=answers)
    columns = "assigned_median_seconds assigned_median_low_seconds assigned_median_high_seconds"
    assert [(630.0, 300.0, 960.0)] == rows(con, "agents", columns)


def test_agents_over_several_groups(con: duckdb.DuckDBPyConnection) -> None:
    """Groups joined by commas make one row for each combination, days as the zone has them."""
    table = run_report(con, "agents", by="agent,day", tz="Europe/Berlin")
    expected = [
        (date(2026, 1, 5), "ana", 4, 1),
        (date(2026, 1, 6), "bo", 1, 1),
    ]
    wanted = table.select(["day", "agent", "replies", "closed"]).to_pylist()
    assert expected == [tuple(row.values()) for row in wanted]


def test_sla_judges_clocks_and_for_all_conversations(con: duckdb.DuckDBPyConnection) -> None:
    """`all` counts conversations: c2 met, c1 and c3 missed one clock, c4 ended only a void one."""
    expected = [
        ("first_response", 2, 1, 1, round(2 / 3, 9), None, 1, 3300.0),
        ("next_response", 0, 1, 0, 0.0, 300.0, 1, 300.0),
        ("all", 1, 2, 1, round(1 / 3, 9), None, None, None),
    ]
    columns = "sla met missed void attainment target_seconds answered_late worst_late_seconds"
    assert expected == rows(con, "sla", columns)


def test_sla_attainment_over_nothing_is_null() -> None:
    """With only void clocks there is no attainment, and it is not 0."""
    con = history(
        sla=[clock("c4", GLOBEX_CHAT, "first_response", "13:00", "13:05", "13:02", "void")]
    )
    assert [None, None] == column(con, "sla", "attainment")


def test_sla_by_scope_keeps_the_slas_apart(con: duckdb.DuckDBPyConnection) -> None:
    """Grouped by brand and channel, each scope has its own SLAs and its own `all`."""
    expected = [
        ("acme", "chat", "first_response", 1, 0, 0, 1.0, 300.0, 0, None),
        ("acme", "chat", "next_response", 0, 1, 0, 0.0, 300.0, 1, 300.0),
        ("acme", "chat", "all", 0, 1, 0, 0.0, None, None, None),
        ("acme", "email", "first_response", 1, 0, 0, 1.0, 1200.0, 0, None),
        ("acme", "email", "all", 1, 0, 0, 1.0, None, None, None),
        ("globex", "chat", "first_response", 0, 1, 1, 0.0, 300.0, 1, 3300.0),
        ("globex", "chat", "all", 0, 1, 1, 0.0, None, None, None),
    ]
    columns = (
        "brand channel sla met missed void attainment target_seconds answered_late "
        "worst_late_seconds"
    )
    assert expected == rows(con, "sla", columns, by="brand,channel")


def test_responses_are_first_next_and_all(con: duckdb.DuckDBPyConnection) -> None:
    """Quantiles interpolate, and a reply exactly at the limit is within it."""
    expected = [
        ("first", 3, 1580.0, 900.0, 3060.0, round(1 / 3, 9), round(2 / 3, 9), 1.0),
        ("next", 1, 600.0, 600.0, 600.0, 0.0, 1.0, 1.0),
        ("all", 4, 1335.0, 750.0, 2790.0, 0.25, 0.75, 1.0),
    ]
    columns = (
        "kind n mean_seconds median_seconds p90_seconds within_5m_ratio within_15m_ratio "
        "within_60m_ratio"
    )
    assert expected == rows(con, "responses", columns)


def test_responses_by_agent_keep_the_kinds_apart(con: duckdb.DuckDBPyConnection) -> None:
    """Whatever the group, kinds are never mixed."""
    table = run_report(con, "responses", by="agent").select(["agent", "kind", "n"])
    expected = [
        ("ana", "first", 2),
        ("ana", "next", 1),
        ("ana", "all", 3),
        ("bo", "first", 1),
        ("bo", "all", 1),
    ]
    assert expected == [tuple(row.values()) for row in table.to_pylist()]


def test_volume_adds_scopes_before_it_looks_for_the_fullest_window(
    con: duckdb.DuckDBPyConnection,
) -> None:
    """Two scopes of one window count together, and spikes nobody judged are null."""
    columns = "day posts replies opened closed answered max_window_posts spike_windows"
    assert [(date(2026, 1, 5), 9, 1, 2, 0, 1, 5, None)] == rows(con, "volume", columns)
    assert [("chat", 3, 3), ("email", 6, 4)] == [
        (row["channel"], row["posts"], row["max_window_posts"])
        for row in run_report(con, "volume", by="channel").to_pylist()
    ]


def test_a_day_begins_at_midnight_of_the_zone(con: duckdb.DuckDBPyConnection) -> None:
    """23:30 UTC is the next day in Berlin."""
    expected = [(date(2026, 1, 5), 5), (date(2026, 1, 6), 4)]
    table = run_report(con, "volume", by="day", tz="Europe/Berlin").select(["day", "posts"])
    assert expected == [tuple(row.values()) for row in table.to_pylist()]


def test_an_hour_that_the_clocks_repeat_is_two_hours() -> None:
    """02:30 happens twice in Berlin on 2026-10-25, and the two are not added."""
    con = history(
        windows=[
            window("00:30", ACME_CHAT, "2026-10-25", posts=1),
            window("01:30", ACME_CHAT, "2026-10-25", posts=2),
        ]
    )
    hours = column(con, "volume", "hour", by="hour", tz="Europe/Berlin")
    expected = [at("00:00", "2026-10-25"), at("01:00", "2026-10-25")]
    assert expected == [hour.astimezone(UTC) for hour in hours]
    assert ["02:00 CEST", "02:00 CET"] == [f"{hour:%H:%M %Z}" for hour in hours]


def test_an_hour_begins_on_the_hour_of_the_zone(con: duckdb.DuckDBPyConnection) -> None:
    """Where the offset is five hours and a half, hours begin at half past in UTC."""
    expected = [at("09:30"), at("23:30")]
    assert expected == column(con, "volume", "hour", by="hour", tz="Asia/Kolkata")


def test_spikes_are_counted_once_judged() -> None:
    """A window of a scope that is a spike counts one, one that is none counts 0."""
    con = history(
        windows=[
            window("10:00", ACME_CHAT, posts=1, is_spike=True),
            window("10:00", GLOBEX_CHAT, posts=1, is_spike=False),
        ]
    )
    assert [1] == column(con, "volume", "spike_windows")


def test_breaches_list_missed_clocks_newest_first(con: duckdb.DuckDBPyConnection) -> None:
    """Each row has its scope, its deadline, the late reply and who sent it."""
    chat = ("chat", "default", "normal")
    late_hour = (at("11:00"), at("11:05"), at("12:00"))
    late_minutes = (at("10:10"), at("10:15"), at("10:20"))
    expected = [
        ("c3", "first_response", *late_hour, 3300.0, 300.0, "globex", *chat, None, "ana"),
        ("c1", "next_response", *late_minutes, 300.0, 300.0, "acme", *chat, "ana", "ana"),
    ]
    assert expected == rows(con, "breaches")


def test_a_late_reply_answers_the_newest_clock_only() -> None:
    """A clock missed, closed and reopened stays unanswered; the one after the reopen is answered.

    So lateness does not grow over the time the conversation was closed.
    """
    con = history(
        sla=[
            clock("c5", ACME_CHAT, "first_response", "14:00", "14:05", "14:05", "missed"),
            clock("c5", ACME_CHAT, "first_response", "15:00", "15:05", "15:05", "missed"),
        ],
        responses=[answer("c5", ACME_CHAT, "first", "14:00", "15:07", "ana")],
    )
    expected = [(at("15:00"), 120.0), (at("14:00"), None)]
    breaches = run_report(con, "breaches").to_pylist()
    assert expected == [(row["started_at"], row["late_by_seconds"]) for row in breaches]
    assert [120.0, None] == column(con, "sla", "worst_late_seconds")


def test_breaches_by_window_list_breached_windows(con: duckdb.DuckDBPyConnection) -> None:
    """Only windows with is_breached appear, with their end beside their start."""
    email = ("acme", "email", "default")
    expected = [(at("10:00"), at("10:05"), *email, 1, 5, None, 2, 0, 4, None)]
    assert expected == rows(con, "breaches", by="window")


def test_rejected_shows_what_was_read_as_safe_text(con: duckdb.DuckDBPyConnection) -> None:
    """Control and invisible characters and bytes that are no UTF-8 cannot reach a terminal."""
    assert ["{“.”}", "\\xFF{", "=cmd|.[31mü"] == column(con, "rejected", "excerpt")


def test_rejected_is_counted_by_reason(con: duckdb.DuckDBPyConnection) -> None:
    """Grouped, rejects are counts with the first and the last instant."""
    expected = [
        ("bad_json", 2, at("10:00"), at("11:00")),
        ("too_far_ahead", 1, at("23:30"), at("23:30")),
    ]
    assert expected == rows(con, "rejected", by="reason")


def test_a_period_holds_its_start_and_not_its_end(con: duckdb.DuckDBPyConnection) -> None:
    """A clock that ended at 10:15 is in a period from then and not in one until then."""
    named = {"report": "sla", "named": "missed", "by": "sla"}
    assert [1, 1] == column(con, since=at("10:15"), until=at("10:16"), **named)
    assert [0, 0] == column(con, since=at("10:00"), until=at("10:15"), **named)


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_answers_an_empty_history_by_everything(name: str) -> None:
    """Nothing happened: no rows, the same columns, no error, for every `by`."""
    con = history()
    for by in REPORTS[name].by:
        table = run_report(con, name, by=by, since=at("10:00"), until=at("11:00"), tz="Asia/Tokyo")
        assert 0 == table.num_rows
        assert by in table.column_names or by in REPORTS[name].listings


@pytest.mark.parametrize("name", REPORTS)
def test_every_column_of_a_report_is_in_its_header(
    name: str, con: duckdb.DuckDBPyConnection
) -> None:
    """The comment above the SQL names each figure that the report returns."""
    report = REPORTS[name]
    words = "".join(read_sql(stem) for stem in {*report.listings.values(), report.grouped or name})
    header = "\n".join(line for line in words.splitlines() if line.startswith("--"))
    figures = [c for c in run_report(con, name).column_names if c not in report.groups]
    scope = {"conversation_id", "sla", "brand", "channel", "queue", "priority"}
    missing = [
        figure
        for figure in figures
        if figure not in scope and figure not in header and figure.split("_")[0] + "_" not in header
    ]
    assert [] == missing


def test_instants_come_back_in_the_zone(con: duckdb.DuckDBPyConnection) -> None:
    """The instant is the same, its wall clock the zone's."""
    started = column(con, "breaches", "started_at", tz="Europe/Berlin")[0]
    assert (datetime(2026, 1, 5, 12, 0), at("11:00")) == (started.replace(tzinfo=None), started)


def test_the_title_names_the_period_in_the_zone(con: duckdb.DuckDBPyConnection) -> None:
    """A person reads whose work, from when to when, in which zone."""
    zone = ZoneInfo("Europe/Berlin")
    since = datetime(2026, 1, 5, tzinfo=zone)
    title = run_report(con, "agents", since=since, tz=zone.key).schema.metadata[b"title"]
    expected = "agents: work done in the period (throughput) · 2026-01-05 to the end, Europe/Berlin"
    assert expected == title.decode()


def test_every_sql_file_belongs_to_a_report(repository: Path) -> None:
    """No file in the folder is forgotten, and each ends in its final step."""
    known = {
        stem for name, r in REPORTS.items() for stem in (*r.listings.values(), r.grouped or name)
    }
    files = {path.stem for path in (repository / "sql" / "reports").glob("*.sql")}
    assert known == files
    for stem in known:
        assert "\nselect * from final\norder by " in read_sql(stem)


def test_a_period_too_long_for_the_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than DuckDB's advice on its settings, which nobody can follow here."""

    def run(*_: object) -> None:
        raise duckdb.OutOfMemoryException("failed to allocate data of size 16.0 MiB")

    monkeypatch.setattr(reports, "_run", run)
    with pytest.raises(ReportError, match=r"takes more memory than .*: ask for a shorter period"):
        run_report(history(), "responses", since=at("10:00"))
