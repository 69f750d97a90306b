"""`replywatch explain`: what is told of a conversation is what the history has of it."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from oracle.cases import timeline
from replays import Line, replay, write_lines
from test_properties import POLICY as SHORT
from test_properties import timelines

from replywatch.flows.cli import main
from replywatch.flows.explain import UnknownConversationError, stories_of
from replywatch.flows.explain_text import print_stories
from replywatch.flows.explain_words import Words, length, seconds
from replywatch.metrics.policy_text import book_from_text, book_to_text
from replywatch.metrics.times import DAY, HOUR, MINUTE, SECOND
from replywatch.sql.manifest import POLICY, Manifest

POLICY_TEXT = """
version = "2026-01"
effective_from = 2000-01-01T00:00:00Z
[schedules.support]
timezone = "Europe/Berlin"
tue = [["08:00", "18:00"]]
wed = [["08:00", "18:00"]]
[[rules]]
name = "vip"
match = { queue = ["vip"] }
targets = { next_response = 600 }
[[rules]]
name = "all"
schedule = "support"
pause_on = ["hold"]
targets = { first_response = 3600, next_response = 1800, resolution = 14400 }
"""
EVENTS = timeline(
    "16:30 post customer=jo", "16:31 reply bot=rob", "16:32 post", "16:33 handed_off bot=rob",
    "16:40 assigned agent=ann", "16:41 focused agent=ann", "16:50 paused reason=hold",
    "2026-03-04T07:30:00Z resumed", "2026-03-04T08:00:00Z reply agent=bob",
    "2026-03-04T08:10:00Z post", "2026-03-04T08:20:00Z transferred queue=vip",
    "2026-03-04T09:00:00Z reply agent=ann", "2026-03-04T09:30:00Z closed agent=ann",
    "2026-03-30T09:00:00Z post",
)  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replay of one conversation and of others that are named like it."""
    folder = tmp_path_factory.mktemp("explain")
    (folder / "policy.toml").write_text(POLICY_TEXT)
    others = [one for name in ("c10", "d7") for one in timeline("16:00 post", conversation=name)]
    events = write_lines(folder / "events.jsonl", [*others, *EVENTS])
    return replay(folder / "out", events, policy=folder / "policy.toml", lateness=60 * 86400)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The lines that the command prints, single-spaced."""
    assert main(["explain", *arguments]) == 0
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_conversation_is_told_step_by_step(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bots, closed hours, pauses, deadlines under two rules, and whose the credit is."""
    lines = told(capsys, "c1", "--history", str(history), "--tz", "Europe/Berlin")
    first = lines.index("told again from its events, every number is that of the history")
    found = iter(lines[:first])
    for expected in (
        "Tue 2026-03-03",
        "17:30:00 the customer writes",
        "· rule 'all' of policy '2026-01': first response 1h, next response 30m, resolution 4h, "
        "in the hours of 'support' (Europe/Berlin)",
        "· first response clock starts, target 1h, due Wed 08:30:00",
        "17:31:00 bot rob replies",
        "· a bot ends the wait without a sample: people's response times leave it out",
        "17:33:00 handed over to people by bot rob",
        "· the human clock of the first response starts here",
        "17:40:00 assigned to ann",
        "· ann has it now; nobody had it before",
        "17:50:00 paused: hold",
        "· first response clock stops at 20m of 1h",
        "Wed 2026-03-04",
        "08:30:00 resumed",
        "· first response clock goes on with 20m of 1h, due 09:10:00",
        "09:00:00 bob replies",
        "· ann had it; the credit is bob's, who wrote",
        "· first response: 15h 30m since Tue 17:30:00 (2 posts)",
        "· first response clock: met, 50m of 1h used, 10m left",
        "09:20:00 transferred → vip",
        "· it moves from default · default · default to default · default · vip",
        "· next response clock: target 10m, no longer 30m, 10m counted, due 09:20:00",
        "09:20:00 ✗ next response missed: 10m are used up",
        "10:00:00 ann replies",
        "· next response clock: missed already, at 09:20:00; nothing changes that",
        "10:30:00 closed by ann",
    ):
        assert expected in found, f"{expected}\n{chr(10).join(lines)}"


def test_numbers_say_how_they_came_about(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From when to when, and for business time which hours."""
    lines = told(capsys, "c1", "--history", str(history), "--tz", "Europe/Berlin")
    for expected in (
        "first response 55,800 s Wed 09:00:00 − 17:30:00, first post to bob's reply, "
        "the first of a person",
        "first response business 5,400 s open 17:30:00–18:00:00, Wed 08:00:00–09:00:00 ('support')",
        "first response active 3,000 s business time less what stopped the clock: "
        "17:50:00–Wed 08:30:00 (40m)",
        "first response human 55,620 s Wed 09:00:00 − 17:33:00, the hand-off or reopen to that "
        "reply",
        "first resolution business 10,800 s open 17:30:00–18:00:00, Wed 08:00:00–09:20:00 "
        "('support'); Wed 09:20:00–10:30:00 by the wall clock",
        "handle active 900 s estimated for bob's reply of Wed 09:00:00: Wed 08:45:00–09:00:00",
        "handle active 3,000 s what ann looked at it before the reply of Wed 10:00:00",
        "next response: missed after 600 s of 10m; started Wed 09:10:00, due Wed 09:20:00, "
        "ended Wed 09:20:00, ann had it",
    ):
        assert expected in lines, "\n".join(lines)


def test_each_time_it_was_opened_is_told(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second began after the first was final."""
    lines = told(capsys, "c1", "--history", str(history))
    assert lines[0] == "c1 was opened 2 times: Tue 2026-03-03 16:30:00, Mon 2026-03-30 09:00:00"
    assert "09:30:00 ! final: what comes later is a new conversation" in lines
    assert "09:00:00 ! here the history ends; still running" in lines


def test_json_has_the_same(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object an incarnation, with steps and exact seconds."""
    assert main(["explain", "c1", "--history", str(history), "--format", "json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert ("2026-03-03T16:30:00Z", True) == (first["opened_at"], first["is_final"])
    assert ("2026-03-30T09:00:00Z", False) == (second["opened_at"], second["is_final"])
    numbers = {one["column"]: one["seconds"] for one in first["numbers"]}
    assert 55_800 == numbers["first_response_seconds"]
    assert 5_400 == numbers["first_response_business_seconds"]
    assert [] == first["differences"]


def test_an_unknown_conversation_is_one_sentence(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With names that are like it."""
    assert main(["explain", "c11", "--history", str(history)]) == 1
    shown = capsys.readouterr()
    assert "" == shown.out
    expected = "replywatch: no conversation 'c11' in this history; like it are 'c1', 'c10', 'd7'\n"
    assert expected == shown.err


def test_what_was_not_written_whole_yet_is_said_to_be_so(tmp_path: Path) -> None:
    """Rows of conversations follow their events; without a message there is none."""
    line = Line(SHORT)
    line.feed(*timeline("10:00 post"), *timeline("10:01 note agent=ann", conversation="c2"))
    line.feed(*timeline("10:02 post", conversation="later"))
    con = line.history(tmp_path)
    for name, expected in (("c1", "is being written"), ("c2", "has no message yet: 1 other")):
        with pytest.raises(UnknownConversationError, match=expected):
            stories_of(con, name, line.plan.policy)


def test_an_unknown_zone_is_wrong_use(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2."""
    assert main(["explain", "c1", "--history", str(history), "--tz", "Mars/Base"]) == 2
    assert "'Mars/Base' is no IANA time zone" in capsys.readouterr().err


def test_what_the_history_says_otherwise_is_said(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here the policy it keeps isn't the one that it was made under."""
    manifest = Manifest(history)
    kept = manifest.fact(POLICY)
    assert kept is not None
    manifest.set_fact(POLICY, kept.replace("3600", "60"))
    try:
        lines = told(capsys, "c1", "--history", str(history))
    finally:
        manifest.set_fact(POLICY, kept)
    assert "told again, not everything is as the history has it:" in lines
    assert any(line.startswith("· sla: in the history, not told again:") for line in lines)


def test_a_policy_survives_being_kept() -> None:
    """Schedules, holidays, pauses by SLA and an archive's expiry among it."""
    line = Line([POLICY_TEXT, SHORT.replace("2000", "2001").replace("v1", "later")])
    book = line.plan.policy
    again = book_from_text(book_to_text(book))
    assert (book.policies, book.expire_after) == (again.policies, again.expire_after)


@settings(
    deadline=None, max_examples=8, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(timelines())
def test_told_again_any_conversation_has_the_numbers_of_the_history(
    events: list[dict[str, Any]],
) -> None:
    """Random timelines, each conversation of which can be printed as well."""
    line = Line(SHORT)
    for event in events:
        line.feed(event)
    with tempfile.TemporaryDirectory() as folder:
        con = line.end().history(Path(folder))
        names = con.execute("select distinct conversation_id from conversations").fetchall()
        for (name,) in names:
            stories = stories_of(con, name, line.plan.policy)
            assert [[] for _ in stories] == [story.differences for story in stories]
            print_stories(stories, Words(ZoneInfo("Asia/Kathmandu")), io.StringIO())


def test_lengths_are_exact_in_words() -> None:
    """No unit that is nothing, fractions of a second as they are."""
    given_ = [0, 500_000, 90 * SECOND, HOUR, 2 * DAY + 3 * HOUR + 4 * MINUTE + 5 * SECOND, -MINUTE]
    assert ["0s", "0.5s", "1m 30s", "1h", "2d 3h 4m 5s", "−1m"] == [length(x) for x in given_]
    assert ["1,800 s", "0.5 s", "−3 s"] == [seconds(x) for x in (1800.0, 0.5, -3.0)]
