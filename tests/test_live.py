"""The live service on a folder that grows: silence, torn lines, stops, resumes, backlogs.

Targets are two seconds, so that a deadline passes while a test looks on.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from replays import Process, policy_text, to_line, wait_for

from replywatch.flows.cli import main
from replywatch.sql.history import HistoryError, open_history


def event(kind: str, conversation: str, ago: float = 0, **fields: Any) -> dict[str, Any]:
    """An event that happens now, or `ago` seconds before."""
    at = datetime.now(UTC) - timedelta(seconds=ago)
    name = fields.pop("id", f"{conversation}-{kind}-{at.timestamp():.6f}")
    return {
        "id": name, "at": at.isoformat(), "kind": kind, "conversation": conversation, **fields
    }  # fmt: skip


class Service:
    """A live service in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.inbox, self.history = folder / "inbox", folder / "data"
        self.inbox.mkdir()
        (folder / "policy.toml").write_text(policy_text(2, 2))
        self.config = folder / "config.toml"
        self.config.write_text(
            'policy = "policy.toml"\nhistory = "data"\nlateness = "0.5s"\n'
            'seal_every = "1s"\ncheckpoint_every = "1s"\n'
            'conversations_every = "1s"\nshards = 4\ndesks = 2\n'
            'source = { folder = "inbox" }\n[[scopes]]\nbrand = "acme"\nchannel = "chat"\n'
        )  # fmt: skip
        self.processes: list[Process] = []
        self.url = ""

    def start(self) -> Process:
        """Start it and wait until it serves."""
        process = Process("run", config=self.config)
        self.processes.append(process)
        self.url = process.line()
        return process

    def write(self, *events: dict[str, Any] | bytes, to: str = "events.jsonl") -> None:
        """Append events, or raw bytes, to a file of the inbox."""
        with (self.inbox / to).open("ab") as file:
            file.write(b"".join(map(to_line, events)))

    def metric(self, name: str, **labels: str) -> float | None:
        """Sum of a metric's samples with these labels, `None` where there is none."""
        with urllib.request.urlopen(self.url, timeout=5) as answer:
            text = answer.read().decode()
        found = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found) if found else None

    def sees(self, name: str, value: float, **labels: str) -> bool:
        """Whether a metric reaches a value in time."""
        return bool(wait_for(lambda: self.metric(name, **labels) == value))

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the history; nothing while there is none."""
        try:
            con = open_history(self.history)
        except HistoryError:
            return []
        try:
            return list(con.execute(query).fetchall())
        finally:
            con.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service that is not started yet."""
    service = Service(tmp_path)
    yield service
    for process in service.processes:
        process.close()


def test_silence_breaches_in_metrics_and_history(service: Service) -> None:
    """A customer writes and then nothing happens at all: missed, overdue, and in SQL, in seconds.

    A reply then ends what is overdue and undoes nothing.
    """
    process = service.start()
    assert service.metric("care_sla_outcomes_total", outcome="missed", brand="acme") == 0
    post = event("post", "c1", brand="acme", channel="chat")
    service.write(post)
    scope = {"brand": "acme", "channel": "chat", "queue": "default"}
    assert service.sees("care_conversations_waiting", 1, **scope)
    due = datetime.fromisoformat(post["at"]).timestamp() + 2
    missed = {"sla": "first_response", "outcome": "missed", **scope}
    assert service.sees("care_sla_outcomes_total", 1, **missed)
    assert time.time() - due < 4
    assert service.sees("care_conversations_overdue", 1, sla="first_response", **scope)
    oldest = service.metric("care_oldest_waiting_timestamp_seconds", **scope)
    assert oldest == pytest.approx(due - 2, abs=1e-3)
    query = "select sla, outcome, epoch(ended_at) - epoch(started_at) from sla"
    assert [("first_response", "missed", 2.0)] == wait_for(lambda: service.sql(query))
    assert time.time() - due < 10  # sealed every second, so fresh in a few
    service.write(event("reply", "c1", agent="ann"))
    assert service.sees("care_conversations_overdue", 0, sla="first_response", **scope)
    assert service.sees("care_conversations_waiting", 0, **scope)
    assert service.metric("care_sla_outcomes_total", **missed) == 1
    assert process.stop() == 0
    assert [("first_response", "missed", 2.0)] == service.sql(query)
    assert [(1,)] == service.sql("select count(*) from responses")


def test_a_torn_last_line_waits_for_its_rest(service: Service) -> None:
    """Half a line is neither an event nor refused; with its newline it is one event."""
    service.start()
    line = to_line(event("post", "c1"))
    service.write(line, line[:30].replace(b"c1-", b"c2-"))
    inbound = {"direction": "inbound"}
    assert service.sees("care_messages_total", 1, **inbound)
    time.sleep(1)
    assert service.metric("care_messages_total", **inbound) == 1
    assert service.metric("care_events_rejected_total") == 0
    service.write(line[30:-1])
    time.sleep(0.6)
    assert service.metric("care_messages_total", **inbound) == 1
    service.write(b"\nnot an event\n")
    assert service.sees("care_messages_total", 2, **inbound)
    assert service.sees("care_events_rejected_total", 1, reason="malformed")


COUNT = "select count(*), count(distinct id) from messages"


def test_a_source_of_refused_lines_alone_ends_nothing(service: Service) -> None:
    """Each is counted by its reason, kept, and the clock goes on; the first good line counts."""
    process = service.start()
    service.write(*(b"not an event\n" for _ in range(300)), *(b'{"id":1}\n' for _ in range(200)))
    assert service.sees("care_events_rejected_total", 300, reason="malformed")
    assert service.sees("care_events_rejected_total", 200, reason="invalid")
    assert service.metric("care_messages_total", direction="inbound") in (None, 0)
    watermark = service.metric("care_pipeline_watermark_timestamp_seconds")
    assert watermark == pytest.approx(time.time(), abs=20)
    service.write(event("post", "c1"))
    assert service.sees("care_messages_total", 1, direction="inbound")
    assert process.stop() == 0
    assert [(500,)] == service.sql("select count(*) from rejected")


def test_a_stop_leaves_everything_in_the_history(service: Service) -> None:
    """SIGTERM exits 0, and what was counted can be asked for without another start."""
    process = service.start()
    service.write(*(event("post", f"a{n}") for n in range(20)))
    assert service.sees("care_messages_total", 20, direction="inbound")
    assert process.stop() == 0
    assert [(20, 20)] == service.sql(COUNT)


def test_what_a_stop_leaves_passes_every_check(service: Service) -> None:
    """Its last window hasn't closed; what lies in it is held against nothing."""
    process = service.start()
    service.write(event("post", "c1"), event("reply", "c1", agent="ann"))
    assert service.sees("care_messages_total", 1, direction="outbound")
    assert process.stop() == 0
    assert main(["check", str(service.history)]) == 0


def test_stops_and_kills_lose_and_double_nothing(service: Service) -> None:
    """Each run goes on where the one before was; none counts again what another has."""
    for turn, name in enumerate("abc"):
        service.write(*(event("post", f"{name}{n}") for n in range(20)), to=f"{name}.jsonl")
        process = service.start()
        assert wait_for(lambda: service.metric("care_messages_total", direction="inbound"))
        if turn:
            process.kill_after(0.5)
        else:
            assert process.stop() == 0
    process = service.start()
    assert wait_for(lambda: service.sql(COUNT) == [(60, 60)])
    missed = "select count(*) from sla where outcome = 'missed'"
    assert wait_for(lambda: service.sql(missed) == [(60,)])
    assert process.stop() == 0
    assert [(60, 60)] == service.sql(COUNT)


def test_a_backlog_does_not_breach_what_was_answered_in_time(service: Service) -> None:
    """After an outage old posts and their replies are read at once, by their own time."""
    calm = [
        one
        for n in range(50)
        for ago in [600 - 10 * n]
        for one in (
            event("post", f"c{n}", ago, id=f"p{n}"),
            event("reply", f"c{n}", ago - 1, agent="ann", id=f"r{n}"),
        )
    ]
    service.write(*calm)
    service.start()
    met = {"sla": "first_response", "outcome": "met"}
    assert service.sees("care_sla_outcomes_total", 50, **met)
    assert service.metric("care_sla_outcomes_total", outcome="missed") == 0
    assert service.metric("care_events_late_total") == 0


def test_a_backlog_in_two_files_is_read_by_time(service: Service) -> None:
    """A short file of today does not make the long one of yesterday late, or its posts breach."""
    padding = {"topic": "x" * 250}
    calm = [
        one
        for n in range(1500)
        for ago in [4000 - 2 * n]
        for one in (
            event("post", f"c{n}", ago, id=f"p{n}", **padding),
            event("reply", f"c{n}", ago - 1, agent="ann", id=f"r{n}", **padding),
        )
    ]
    service.write(*calm, to="long.jsonl")
    service.write(event("note", "d", 1), event("note", "d", id="n2"), to="a.jsonl")
    service.start()
    met = {"sla": "first_response", "outcome": "met"}
    assert service.sees("care_sla_outcomes_total", 1500, **met)
    assert service.metric("care_sla_outcomes_total", outcome="missed") == 0
    assert service.metric("care_events_late_total") == 0


def test_an_event_of_the_future_is_refused_and_moves_nothing(service: Service) -> None:
    """An hour ahead of the clock is a fault of its sender; deadlines don't pass because of it."""
    process = service.start()
    service.write(event("post", "c1", -3600, id="future"))
    assert service.sees("care_events_rejected_total", 1, reason="ahead")
    service.write(event("post", "c2"), event("reply", "c2", agent="ann"))
    assert service.sees("care_sla_outcomes_total", 1, outcome="met")
    watermark = service.metric("care_pipeline_watermark_timestamp_seconds")
    assert watermark == pytest.approx(time.time(), abs=5)
    assert process.stop() == 0
    raw = service.sql("select reason, raw from rejected")
    assert [("ahead", "future")] == [(reason, json.loads(line)["id"]) for reason, line in raw]


def test_a_folder_that_shrinks_stops_the_service(service: Service) -> None:
    """What was read can't be found again in a file that was replaced by a shorter one."""
    process = service.start()
    service.write(*(event("post", f"c{n}") for n in range(5)))
    assert service.sees("care_messages_total", 5, direction="inbound")
    (service.inbox / "events.jsonl").write_bytes(b"\n")
    assert process.finish(10) == 1


def test_an_idle_service_says_that_its_history_is_complete(service: Service) -> None:
    """With nothing to write the export is fresh: an alert on its age keeps quiet at night."""
    service.start()
    name = "care_export_last_success_timestamp_seconds"
    started = time.time()
    assert wait_for(lambda: (service.metric(name) or 0) > started)
    later = time.time()
    assert wait_for(lambda: (service.metric(name) or 0) > later)


def test_a_second_service_on_the_history_refuses(service: Service) -> None:
    """The first goes on; the second ends with an error."""
    first = service.start()
    second = service.start()
    assert second.finish(10) == 1
    assert first.process.poll() is None
