"""A conversation alone, event by event: what it is then, and what it writes into the book."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from typing import Any

import pytest
from oracle.cases import microseconds, timeline
from replays import policy_text

from replywatch.metrics import cells
from replywatch.metrics.book import Book
from replywatch.metrics.conversation import Conversation
from replywatch.metrics.conversation_rows import conversation_row
from replywatch.metrics.events import Decoder, Event
from replywatch.metrics.policy import PolicyBook, read_policy
from replywatch.metrics.times import SECOND
from replywatch.sql.schemas import TABLES

PLAIN = policy_text(300, 600)
SLA = [name for name, _ in TABLES["sla"].columns]
COLUMNS = [name for name, _ in TABLES["conversations"].columns]


def events(*lines: str, key: bytes | None = None) -> list[Event]:
    """Events as they come from lines."""
    decoder = Decoder(600 * SECOND, key)
    found = []
    for one in timeline(*lines):
        numbers = {name: float(one[name]) for name in ("sentiment", "score") if name in one}
        found.append(decoder.decode_line(json.dumps(one | numbers).encode(), None))
    return found


def told(
    *lines: str, policies: Sequence[str] = (PLAIN,), key: bytes | None = None
) -> tuple[Conversation, Book]:
    """A conversation after these events, which are in order, and what it wrote."""
    book = Book(PolicyBook(read_policy(tomllib.loads(text)) for text in policies))
    conversation = Conversation("c1")
    for event in events(*lines, key=key):
        conversation.apply(event, book)
    return conversation, book


def row(conversation: Conversation, book: Book) -> dict[str, Any]:
    """Its row by column."""
    return dict(zip(COLUMNS, conversation_row(conversation, book.policy), strict=True))


def facts(book: Book, kind: int) -> int:
    """How often something happened, in all windows."""
    return sum(cell.count()[kind] for cell in book.cells.values())


def samples(book: Book, kind: int) -> list[float]:
    """Seconds of a kind, in all windows."""
    return [value / SECOND for cell in book.cells.values() for value in cell.sort_out()[kind]]


def test_each_answer_and_each_close_is_a_sample_of_its_length() -> None:
    """First response, next response, and what the resolution took."""
    _, book = told(
        "10:00 post", "10:01 reply agent=ann", "10:05 post", "10:07 reply agent=ann",
        "10:20 closed agent=ann",
    )  # fmt: skip
    assert [60.0] == samples(book, cells.FIRST_RESPONSE)
    assert [120.0] == samples(book, cells.NEXT_RESPONSE)
    assert [1200.0] == samples(book, cells.RESOLUTION)


def test_what_counters_count_is_said_once_each() -> None:
    """Posts and replies, openings and ends, moods and surveys."""
    _, book = told(
        "10:00 post sentiment=-0.5", "10:01 reply agent=ann", "10:02 post sentiment=0.5",
        "10:03 post sentiment=1", "10:04 post sentiment=0", "10:05 closed agent=ann",
        "10:06 survey_sent survey=csat", "10:07 survey_answered survey=csat score=5",
        "10:08 survey_sent survey=nps", "10:09 survey_answered survey=nps score=3",
        "10:10 reopened",
    )  # fmt: skip
    counted = {
        cells.POSTS: 4, cells.REPLIES: 1, cells.OPENED: 1, cells.CLOSED: 1, cells.ENTERED: 1,
        cells.SCORED: 4, cells.NEGATIVE: 1, cells.POSITIVE: 2, cells.LATE_POSTS: 0,
        cells.SURVEYED["csat"]: 1, cells.SURVEYED["nps"]: 1,
        cells.ANSWERED["csat", "positive"]: 1, cells.ANSWERED["nps", "detractor"]: 1,
    }  # fmt: skip
    assert counted == {kind: facts(book, kind) for kind in counted}


def test_a_survey_that_goes_out_is_no_answer_whatever_score_it_names() -> None:
    """Neither to counters nor in the rows."""
    conversation, book = told("10:00 post", "10:01 survey_sent survey=csat score=5")
    counted = cells.SURVEYED["csat"], cells.ANSWERED["csat", "positive"]
    assert [1, 0] == [facts(book, kind) for kind in counted]
    found = row(conversation, book)
    assert (1, 0) == (found["csat_sent_count"], found["csat_answer_count"])
    names = [name for name, _ in TABLES["actions"].columns]
    assert book.actions[0][names.index("is_positive")] is None


def test_an_answer_is_credited_to_who_had_it_when_its_survey_went_out() -> None:
    """One to a survey that nobody sent, to who has it; what is no survey, to nobody."""
    _, book = told(
        "10:00 post",
        "10:01 reply agent=ann",
        "10:02 survey_sent survey=csat",
        "10:03 assigned agent=bob",
        "10:04 survey_answered survey=csat score=5",
        "10:05 survey_answered survey=nps score=9",
    )
    place = [name for name, _ in TABLES["actions"].columns].index("credited_agent")
    assert ["ann", None, "ann", "bob"] == [action[place] for action in book.actions]


def test_a_conversation_has_the_language_and_the_region_named_last() -> None:
    """An event that names none keeps them."""
    found = row(*told("10:00 post language=de region=be", "10:01 note language=fr agent=ann"))
    assert ("fr", "be") == (found["language"], found["region"])


def test_posts_are_counted_by_the_minute_but_for_late_ones() -> None:
    """The fifth minute of a window is its last."""
    lines = "10:00 post", "10:04:59 post", "10:07 post"
    _, book = told(*lines)
    minutes = [facts(book, cells.MINUTE_POSTS + minute) for minute in range(5)]
    assert [1, 0, 1, 0, 1] == minutes
    late = events(*lines)[0]
    late.is_late = True
    conversation = Conversation("c1")
    conversation.apply(late, other := Book(book.policy))
    assert (1, 0) == (facts(other, cells.LATE_POSTS), facts(other, cells.MINUTE_POSTS))


def test_each_event_makes_a_new_revision_and_so_does_the_end() -> None:
    """Of several rows the one of the highest revision counts."""
    conversation, book = told("10:00 post", "10:01 note agent=ann", "10:02 post")
    before = conversation.revision
    assert before >= 3
    conversation.end(book)
    assert conversation.revision > before


def test_one_late_event_makes_a_conversation_late() -> None:
    """For good; others don't."""
    conversation, book = told("10:00 post", "10:01 note agent=ann")
    assert not row(conversation, book)["is_late"]
    late, after = events("10:02 post", "10:03 post")
    late.is_late = True
    for event in (late, after):
        conversation.apply(event, book)
    assert row(conversation, book)["is_late"]


def test_a_version_of_the_policy_holds_from_its_first_instant_on() -> None:
    """A wait that starts just then has the new target, one a microsecond before the old."""
    later = policy_text(300, 60).replace("2000-01-01T00:00:00Z", "2026-03-03T10:30:00Z")
    later = later.replace('"v1"', '"v2"')
    for at, target in (("10:29:59.999999", 600.0), ("10:30:00", 60.0)):
        post = f"2026-03-03T{at}Z post"
        _, book = told(
            "10:00 post", "10:01 reply agent=ann", post, "10:31 reply agent=ann",
            policies=[PLAIN, later],
        )  # fmt: skip
        assert [300.0, target] == [one[SLA.index("target_seconds")] for one in book.sla]


def test_the_customer_is_who_posted_first() -> None:
    """Under a key; without one nothing is kept, and a name that comes later counts."""
    lines = ("10:00 post", "10:01 post customer=jo", "10:02 post customer=al")
    conversation, book = told(*lines, key=b"key")
    jo, al = (one.customer for one in events(*lines, key=b"key")[1:])
    assert jo != al
    assert jo == row(conversation, book)["customer_key"]
    assert row(*told(*lines))["customer_key"] is None


def test_a_hand_off_tells_of_a_bot_that_nobody_named() -> None:
    """Once the conversation is open; the first one counts."""
    lines = ("10:00 post", "10:02 handed_off", "10:03 handed_off")
    found = row(*told(*lines))
    assert ("handed_off", 120.0) == (found["bot_outcome"], found["handoff_seconds"])
    before = row(*told("09:59 handed_off", "10:00 post"))
    assert ("abandoned", None) == (before["bot_outcome"], before["handoff_seconds"])


def test_who_has_it_before_it_opens_holds_it_from_the_opening_on() -> None:
    """Five minutes until the close."""
    found = row(*told("09:50 assigned agent=ann", "10:00 post", "10:05 closed agent=ann"))
    assert 300.0 == found["handle_assigned_seconds"]


def test_attention_is_turned_on_and_off_in_pairs() -> None:
    """A close turns all of it away; who looks at nothing can't turn away."""
    _, book = told(
        "10:00 post", "10:01 focused agent=ann", "10:02 focused agent=bob",
        "10:03 unfocused agent=ann", "10:04 unfocused agent=ann", "10:05 closed agent=bob",
        "10:06 unfocused agent=bob", "10:07 focused agent=bob", "10:08 unfocused agent=bob",
    )  # fmt: skip
    minutes = [(one.agent, one.at // SECOND // 60 % 60, one.is_on) for one in book.focus]
    assert [
        ("ann", 1, True), ("bob", 2, True), ("ann", 3, False), ("bob", 5, False),
        ("bob", 7, True), ("bob", 8, False),
    ] == minutes  # fmt: skip


def test_a_pause_of_the_first_response_alone_counts_in_its_active_time() -> None:
    """Two of five minutes on hold, and the resolution is not held up."""
    policy = PLAIN.replace("targets", 'pause_on = { first_response = ["hold"] }\n        targets')
    conversation, book = told(
        "10:00 post", "10:01 paused reason=hold", "10:03 resumed", "10:05 reply agent=ann",
        "10:10 closed agent=ann", policies=[policy],
    )  # fmt: skip
    found = row(conversation, book)
    assert 180.0 == found["first_response_active_seconds"]
    assert 600.0 == found["resolution_active_seconds"]


@pytest.mark.parametrize("kind", ["post", "reopened"])
def test_an_event_at_the_end_of_the_reopen_window_still_reopens(kind: str) -> None:
    """The conversation says itself until when it may be."""
    conversation, book = told("10:00 post", "10:01 closed agent=ann")
    assert microseconds("10:01") + 7 * 86_400 * SECOND == conversation.ends_at(book.policy)
    (event,) = events(f"2026-03-10T10:01:00Z {kind}")
    conversation.apply(event, book)
    assert 1 == row(conversation, book)["reopen_count"]
