"""The executive page: whole in itself, true to the reports, and safe to open."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from small_history import ACME_CHAT, answer, at, clock, conversation, history

from replywatch.flows.cli import main
from replywatch.sql.executive import executive_page, read_week
from replywatch.sql.history import open_history
from replywatch.sql.reports import run_report

SINCE, UNTIL = datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)
VOID = {"meta"}


class Balanced(HTMLParser):
    """Remembers which elements are open, so that a page can be held to close them all."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        assert tag == self.open.pop()


@pytest.fixture(scope="module")
def page(sample_history: Path) -> str:
    """The second sample day against the first."""
    with open_history(sample_history) as con:
        return executive_page(con, read_week(con, since=SINCE, until=UNTIL))


def test_the_page_needs_nothing_else(page: str) -> None:
    """No script, and no address of anything to fetch."""
    parser = Balanced()
    parser.feed(page)
    assert [] == parser.open
    assert {"script", "link", "img", "iframe"}.isdisjoint(parser.seen)
    assert [] == re.findall(r"https?:|url\(|@import|src=|href=", page)


def test_the_page_unfolds(page: str) -> None:
    """Details stand behind what can be opened: teams, channels, agents, deadlines, volume."""
    titles = re.findall(r"<summary>(.*?)<span", page)
    expected = [
        *("Day by day", "More figures", "Teams", "Channels", "Agents"),
        *("Deadlines missed", "Unusual volume"),
    ]
    assert expected == titles


def test_the_page_says_what_the_reports_say(sample_history: Path) -> None:
    """Attainment, first response and openings of both days are those of the reports."""
    with open_history(sample_history) as con:
        week = read_week(con, since=SINCE, until=UNTIL)
        for value, since, until in (
            (week.value, SINCE, UNTIL),
            (week.earlier, week.before, SINCE),
        ):
            sla = run_report(con, "sla", since=since, until=until).to_pylist()[:-1]
            met = sum(row["met"] for row in sla)
            missed = sum(row["missed"] for row in sla)
            assert (met, missed) == (value("met"), value("missed"))
            [first, *_] = run_report(con, "responses", since=since, until=until).to_pylist()
            assert first["median_seconds"] == value("first_median_seconds")
            volume = run_report(con, "volume", since=since, until=until, by="brand").to_pylist()
            assert sum(row["opened"] for row in volume) == value("opened")


def test_without_bounds_it_is_the_last_whole_week(sample_history: Path) -> None:
    """Up to the last midnight that the history tells of, in the zone asked for."""
    with open_history(sample_history) as con:
        week = read_week(con, tz="Europe/Berlin")
    assert (datetime(2026, 2, 25, 23, tzinfo=UTC), datetime(2026, 3, 4, 23, tzinfo=UTC)) == (
        week.since,
        week.until,
    )


def test_names_on_the_page_are_text() -> None:
    """An agent who is called like a script is shown and not run."""
    name = "<script>alert(1)</script>"
    con = history(
        conversations=[conversation("c1", ACME_CHAT, is_abandoned=False)],
        responses=[answer("c1", ACME_CHAT, "first", "10:00", "10:04", name, assigned=9.0)],
        sla=[clock("c1", ACME_CHAT, "first_response", "10:00", "10:05", "10:04", "met", name)],
    )
    week = read_week(con, since=at("00:00"), until=at("00:00", "2026-01-06"))
    page = executive_page(con, week)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_an_empty_history_has_a_page() -> None:
    """No data is said as such, and never as 0."""
    con = history()
    page = executive_page(con, read_week(con))
    assert "–" in page


def test_the_command_writes_the_page_or_its_figures(
    sample_history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """HTML is the default; other formats hold one row a measure, with the change."""
    options = ["--from", "2026-03-04", "--to", "2026-03-05", "--history", str(sample_history)]
    target = tmp_path / "week.html"
    assert main(["report", "executive", "--output", str(target), *options]) == 0
    assert target.read_text("utf-8").startswith("<!doctype html>")
    assert main(["report", "executive", "--format", "json", *options]) == 0
    rows = {row["measure"]: row for row in json.loads(capsys.readouterr().out)}
    assert (1672.0, 512.0) == (rows["opened"]["value"], rows["opened"]["week_before"])
    assert main(["report", "agents", "--format", "html", *options]) == 2
