"""What `/metrics` serves: clean by Prometheus' own check, complete from the start, bounded."""

from __future__ import annotations

import socket
import subprocess
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from replays import a_replay, run, write_lines

from replywatch.flows.exporter import ExporterError, serve
from replywatch.flows.live import LiveMetrics
from replywatch.flows.settings import Settings, load_policy
from replywatch.flows.stream import live_metrics
from replywatch.metrics import catalogue
from replywatch.metrics.catalogue import CATALOGUE
from replywatch.metrics.events import REASONS
from replywatch.metrics.policy import SLAS
from replywatch.metrics.satisfaction import ANSWERS, SURVEYS
from replywatch.sql.history import open_history

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
ACME = {"brand": "acme", "channel": "chat", "queue": "tier1"}


def settings(**fields: Any) -> Settings:
    """Settings with one scope known in advance."""
    return msgspec.convert({"scopes": [ACME], **fields}, Settings)


def page_of(live: LiveMetrics) -> str:
    """The page as a scrape gets it."""
    url, stop = serve(live, "127.0.0.1", 0)
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    finally:
        stop()


def samples_of(page: str) -> Samples:
    """Every sample by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    """One sample."""
    return samples.get((name, frozenset(labels.items())))


@pytest.fixture
def fresh() -> LiveMetrics:
    """The metrics of a process that has seen nothing yet."""
    return live_metrics(settings(), load_policy(None), "run")


@pytest.fixture(scope="module")
def first_hour(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[LiveMetrics, Path]:
    """The metrics after a replay of the sample's first hour, and its history."""
    folder = tmp_path_factory.mktemp("hour")
    names = ("first_hour", "bad")
    inputs = [repository / f"sample_data/{name}.jsonl" for name in names]
    is_finished, live = run(a_replay(folder, inputs, settings=settings(), lateness=10))
    assert is_finished
    return live, folder


def check(promtool: str, page: str) -> str:
    """What `promtool check metrics` finds wrong with a page."""
    command = [promtool, "check", "metrics"]
    done = subprocess.run(command, input=page, capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


def test_promtool_finds_nothing_wrong(
    require_tool: Callable[[str], str], fresh: LiveMetrics, first_hour: tuple[LiveMetrics, Path]
) -> None:
    """Neither at the start nor after a replay."""
    promtool = require_tool("promtool")
    assert check(promtool, page_of(fresh)) == ""
    assert check(promtool, page_of(first_hour[0])) == ""


def test_promtool_finds_nothing_wrong_with_odd_names(
    require_tool: Callable[[str], str], tmp_path: Path
) -> None:
    """Quotes, backslashes, newlines and NUL in a brand break neither the page nor a scrape."""
    brands = ['a"b', "a\\b", "a\nb", "\x00", "ä😀", "a" * 256]
    events = write_lines(
        tmp_path / "odd.jsonl",
        [
            {"id": str(number), "at": "2026-03-03T08:00:00Z", "kind": "post",
             "conversation": str(number), "brand": brand}
            for number, brand in enumerate(brands)
        ],
    )  # fmt: skip
    _, live = run(a_replay(tmp_path / "out", [events]))
    page = page_of(live)
    assert check(require_tool("promtool"), page) == ""
    for brand in brands:
        labels = {"brand": brand, "channel": "default", "queue": "default"}
        assert value(samples_of(page), "care_messages_total", direction="inbound", **labels) == 1


def test_every_series_of_a_configured_scope_stands_at_zero_from_the_start(
    fresh: LiveMetrics,
) -> None:
    """`increase()` does not see a series that is born at 1."""
    samples = samples_of(page_of(fresh))
    wanted: list[tuple[str, dict[str, str]]] = [
        ("care_conversations_opened_total", {}),
        ("care_conversations_waiting", {}),
        ("care_conversations_unassigned", {}),
        ("care_backlog", {}),
        ("care_volume_window_posts", {}),
        ("care_first_response_seconds_count", {}),
        ("care_response_seconds_count", {}),
        ("care_resolution_seconds_count", {}),
    ]
    wanted += [("care_messages_total", {"direction": one}) for one in catalogue.DIRECTIONS]
    wanted += [("care_conversations_closed_total", {"outcome": one}) for one in catalogue.ENDS]
    wanted += [("care_conversations_overdue", {"sla": one}) for one in SLAS]
    wanted += [("care_sla_window_breached", {"sla": one}) for one in SLAS]
    wanted += [("care_volume_spike_active", {"kind": one}) for one in catalogue.SPIKE_KINDS]
    wanted += [
        ("care_sla_outcomes_total", {"sla": sla, "outcome": outcome})
        for sla in SLAS
        for outcome in catalogue.OUTCOMES
    ]
    wanted += [("care_surveys_sent_total", {"survey": one}) for one in SURVEYS]
    wanted += [
        ("care_survey_answers_total", {"survey": survey, "outcome": outcome})
        for survey, outcome in ANSWERS
    ]
    wanted += [("care_posts_scored_total", {"sentiment": one}) for one in catalogue.SENTIMENTS]
    for name, labels in wanted:
        assert value(samples, name, **ACME, **labels) == 0, (name, labels)
    for reason in REASONS:
        assert value(samples, "care_events_rejected_total", reason=reason) == 0
    for name in ("care_events_late_total", "care_scopes_folded_total"):
        assert value(samples, name) == 0


def test_no_series_of_a_known_scope_is_born_later(
    first_hour: tuple[LiveMetrics, Path], tmp_path: Path
) -> None:
    """Whatever happens in it, a counter's or a histogram's label set was there before."""
    live, _ = first_hour
    names = {(s.brand, s.channel, s.queue) for one in [live.board(None)] for s in one.scopes}
    scopes = [dict(zip(("brand", "channel", "queue"), name, strict=True)) for name in names]
    start = live_metrics(settings(scopes=[*scopes, ACME]), load_policy(None), "replay")
    counted = {name for name, metric in CATALOGUE.items() if metric.kind != "gauge"}

    def counters(of: LiveMetrics) -> set[tuple[str, frozenset[tuple[str, str]]]]:
        return {
            key
            for key in samples_of(page_of(of))
            if key[0].removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") in counted
        }

    assert len(names) > 2
    assert counters(live) == counters(start)


def test_every_metric_of_the_catalogue_is_served(first_hour: tuple[LiveMetrics, Path]) -> None:
    """By its name and kind, and none that is not in it."""
    families = text_string_to_metric_families(page_of(first_hour[0]))
    found = {
        family.name + "_total" * (family.type == "counter"): family.type for family in families
    }
    assert {name: metric.kind for name, metric in CATALOGUE.items()} == found


def test_counters_agree_with_the_history(first_hour: tuple[LiveMetrics, Path]) -> None:
    """Messages, openings, closes, responses, clocks and refusals: the same in both."""
    live, folder = first_hour
    families = list(text_string_to_metric_families(page_of(live)))

    def total(name: str, **labels: str) -> float:
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    con = open_history(folder)
    for query, counted in [
        ("count(*) from messages where direction = 'inbound'",
         total("care_messages_total", direction="inbound")),
        ("count(*) from conversations", total("care_conversations_opened_total")),
        ("sum(closed) from windows",
         total("care_conversations_closed_total", outcome="closed")),
        ("count(*) from conversations where closed_at is null", total("care_backlog")),
        ("count(*) from conversations where waiting_since is not null",
         total("care_conversations_waiting")),
        ("count(*) from responses", total("care_response_seconds_count")),
        ("sum(response_seconds) from responses where kind = 'first'",
         total("care_first_response_seconds_sum")),
        ("count(*) from sla where outcome = 'missed'",
         total("care_sla_outcomes_total", outcome="missed")),
        ("count(*) from sla where outcome = 'met' and sla = 'next_response'",
         total("care_sla_outcomes_total", outcome="met", sla="next_response")),
        ("count(*) from actions where kind = 'survey_sent'", total("care_surveys_sent_total")),
        ("count(*) from actions where kind = 'survey_answered'",
         total("care_survey_answers_total")),
        ("count(*) from actions where kind = 'survey_answered' and survey = 'csat' and is_positive",
         total("care_survey_answers_total", survey="csat", outcome="positive")),
        ("count(*) from messages where sentiment < 0",
         total("care_posts_scored_total", sentiment="negative")),
        ("count(*) from messages where sentiment > 0",
         total("care_posts_scored_total", sentiment="positive")),
        ("count(sentiment) from messages", total("care_posts_scored_total")),
        ("count(*) from rejected where reason = 'invalid'",
         total("care_events_rejected_total", reason="invalid")),
        ("count(*) from rejected", total("care_events_rejected_total")),
    ]:  # fmt: skip
        assert con.execute(f"select {query}").fetchall() == [(pytest.approx(counted),)], query
    con.close()


def test_every_target_is_a_bound_of_the_response_histogram(fresh: LiveMetrics) -> None:
    """So that the share in target can be read off exactly."""
    targets = {
        sample.value
        for family in text_string_to_metric_families(page_of(fresh))
        for sample in family.samples
        if sample.name == "care_sla_target_seconds"
    }
    bounds = {
        float(dict(labels)["le"])
        for name, labels in samples_of(page_of(fresh))
        if name == "care_first_response_seconds_bucket"
    }
    assert targets
    assert targets <= bounds


def test_labels_hold_no_person_and_no_conversation() -> None:
    """Only what is bounded may be a label."""
    allowed = {"brand", "channel", "queue", "priority", "sla", "kind", "outcome", "reason",
               "direction", "version", "mode", "state", "survey", "sentiment"}  # fmt: skip
    assert {label for metric in CATALOGUE.values() for label in metric.labels} <= allowed


def test_scopes_beyond_the_cap_are_added_up_as_other(tmp_path: Path) -> None:
    """Known scopes keep their own series, the rest share one, and a counter says how many."""
    events = write_lines(
        tmp_path / "many.jsonl",
        [
            {"id": str(n), "at": f"2026-03-03T08:{n // 60:02}:{n % 60:02}Z", "kind": "post",
             "conversation": str(n), "brand": f"brand{n:03}"}
            for n in range(300)
        ],
    )  # fmt: skip
    capped = settings(exporter={"max_scopes": 10})
    _, live = run(a_replay(tmp_path / "out", [events], settings=capped))
    samples = samples_of(page_of(live))
    scopes = {
        dict(labels)["brand"] for name, labels in samples if name == "care_conversations_waiting"
    }
    assert len(scopes) <= 11
    assert {"acme", "other"} <= scopes
    folded = value(samples, "care_scopes_folded_total")
    other = {"brand": "other", "channel": "other", "queue": "other"}
    for name, labels in [
        ("care_messages_total", {"direction": "inbound"}),
        ("care_conversations_waiting", {}),
        ("care_backlog", {}),
    ]:
        assert value(samples, name, **other, **labels) == folded
    total = sum(
        one for (name, _), one in samples.items() if name == "care_conversations_opened_total"
    )
    assert total == 300
    assert folded == 300 - (len(scopes) - 2)


def test_it_listens_on_loopback_unless_told_otherwise() -> None:
    """The page is nobody else's business by default."""
    assert ("127.0.0.1", 9464) == (Settings().exporter.host, Settings().exporter.port)


def test_a_port_in_use_is_a_clear_error(fresh: LiveMetrics) -> None:
    """One line: where, why, what to do; nothing is served elsewhere instead."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ExporterError, match=f"127.0.0.1:{port}.*another port") as error:
            serve(fresh, "127.0.0.1", port)
    assert "\n" not in str(error.value)


def test_it_stops_when_told(fresh: LiveMetrics) -> None:
    """No thread and no open port are left behind."""
    before = threading.active_count()
    url, stop = serve(fresh, "127.0.0.1", 0)
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert answer.status == 200
    stop()
    assert before == threading.active_count()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=5)


def test_a_failed_bind_leaves_no_series_registered_twice(fresh: LiveMetrics) -> None:
    """Serving the same metrics twice is no clash: each server has a registry of its own."""
    first, second = page_of(fresh), page_of(fresh)
    assert samples_of(first) == samples_of(second)
