"""What a shard does beside telling conversations: waking, forgetting, waiting, counting."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from oracle.cases import microseconds, timeline
from replays import Line, policy_text

from replywatch.metrics.book import Book
from replywatch.metrics.conversation import Conversation
from replywatch.metrics.events import Decoder, Event
from replywatch.metrics.policy import PolicyBook, read_policy
from replywatch.metrics.retelling import EVENTS_A_BATCH, Pace, not_forgotten
from replywatch.metrics.shard import Shard
from replywatch.metrics.times import MINUTE, NEVER, SECOND
from replywatch.metrics.watermark import EventBatch
from replywatch.sql.schemas import TABLES

POLICY = policy_text(300, 600, reopen_window="1h", expire_after="2h")
COLUMNS = {name: [column for column, _ in table.columns] for name, table in TABLES.items()}


def book() -> PolicyBook:
    """The rules of `POLICY`."""
    return PolicyBook([read_policy(tomllib.loads(POLICY))])


def events(*lines: str, **common: Any) -> list[Event]:
    """Events as they come from lines."""
    decoder = Decoder(600 * SECOND)
    found = timeline(*lines, **common)
    return [decoder.decode_line(json.dumps(one).encode(), None) for one in found]


def written(line: Line, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Columns of all rows of a table so far."""
    places = [COLUMNS[table].index(column) for column in columns]
    return [tuple(row[place] for place in places) for row in line.rows.get(table, [])]


# -- waking ---------------------------------------------------------------------------------------


def test_a_closed_conversation_is_final_when_its_window_has_passed() -> None:
    """Without a word, an hour after the close; at that instant it could still be reopened."""
    line = Line(POLICY).feed(*timeline("10:00 post", "10:10 closed agent=ann"))
    assert [] == written(line.tick(microseconds("11:10")), "conversations", "is_final")
    assert [(True,)] == written(line.tick(microseconds("11:10") + 1), "conversations", "is_final")


def test_a_conversation_without_targets_expires_in_silence_and_once() -> None:
    """It leaves the backlog; the next one of its thread enters it."""
    policy = POLICY.replace("first_response = 300, next_response = 600", "")
    line = Line(policy).feed(*timeline("10:00 post"))
    line.tick(microseconds("12:00") + 1)
    assert [(True, "expired")] == written(line, "conversations", "is_final", "resolution")
    assert [0] == [board.backlog for board in line.boards()]
    again = timeline("13:00 post", "13:01 note agent=ann", conversation="c1")
    line.feed(*[{**event, "id": f"again-{event['id']}"} for event in again])
    assert [1] == [board.backlog for board in line.tick(microseconds("13:02")).boards()]
    line.end()
    final = written(line, "conversations", "opened_at", "is_final")
    expected = [(microseconds("10:00"), True), (microseconds("13:00"), False)]
    assert expected == final


def test_silence_that_lasts_exactly_so_long_is_not_over() -> None:
    """Though a deadline passed meanwhile; what comes at that instant still belongs to it."""
    line = Line(POLICY).feed(*timeline("10:00 post")).tick(microseconds("12:00"))
    (post,) = timeline("12:00 post", conversation="c1")
    line.feed({**post, "id": "again"}).end()
    assert [(2,)] == written(line, "conversations", "post_count")


def test_what_has_expired_is_over_though_all_comes_at_once() -> None:
    """A post three hours later, in the same batch, opens another conversation."""
    line = Line(POLICY).feed(*timeline("10:00 post", "13:00 post", "13:01 note agent=ann"))
    found = written(line, "conversations", "opened_at", "resolution")
    assert [(microseconds("10:00"), "expired")] == found


def test_a_conversation_that_began_late_is_missed_in_silence() -> None:
    """Its first post comes two minutes late; nothing else ever does."""
    line = Line(POLICY).tick(microseconds("10:02")).feed(*timeline("10:00 post"))
    line.tick(microseconds("10:05") + 1)
    assert [("missed",)] == written(line, "sla", "outcome")
    assert [(True,)] == written(line.end(), "conversations", "is_late")


# -- writing --------------------------------------------------------------------------------------


def test_open_conversations_are_written_every_so_often_if_they_changed() -> None:
    """Every ten minutes of event time, and at the end; each row has a higher revision."""
    line = Line(POLICY, rows_every=10 * MINUTE)
    for event in timeline("10:00 post", "10:05 note agent=ann", "10:10 post", "10:30 post"):
        line.feed(event)
    counts = [count for (count,) in written(line, "conversations", "post_count")]
    assert [1, 2] == counts
    line.tick(microseconds("11:00"))
    line.tick(microseconds("11:30")).end()
    found = written(line, "conversations", "post_count", "revision")
    assert [1, 2, 3] == [count for count, _ in found]
    assert len(found) == len({revision for _, revision in found})
    assert sorted(found) == found


def test_who_stops_writes_what_changed() -> None:
    """Without being at the end: the next process goes on."""
    shard = Shard(1, ["p"], book(), NEVER, 100)
    batch = events("10:00 post")
    shard.receive(EventBatch(3, "p", microseconds("10:01"), batch))
    assert (3, []) == (shard.index, [one.table for one in said_of(shard, "conversations")])
    shard.receive(EventBatch(3, "p", microseconds("10:02"), [], is_stop=True))
    assert ["conversations"] == [one.table for one in said_of(shard, "conversations")]


def said_of(shard: Shard, table: str) -> list[Any]:
    """Rows of a table with the next step."""
    _, _, tables = shard.advance()
    return [one for one in tables if one.table == table]


def test_events_are_counted_when_they_are_applied() -> None:
    """Those in time, those late, and those that nobody can tell any more."""
    shard = Shard(1, ["p"], book(), NEVER, 100)
    shard.receive(EventBatch(0, "p", microseconds("10:30"), events("10:00 post", "10:01 post")))
    partial, _, _ = shard.advance()
    assert (2, 0, 0) == (partial.events, partial.late, partial.forgotten)
    late = events("10:02 note agent=ann", "10:40 post") + events("08:00 post", conversation="c2")
    shard.receive(EventBatch(0, "p", microseconds("10:50"), late))
    partial, _, tables = shard.advance()
    assert (3, 2, 1) == (partial.events, partial.late, partial.forgotten)
    (refused,) = [row for one in tables if one.table == "rejected" for row in one.rows]
    assert ("default", "c2-e1", "forgotten") == refused[:3]
    assert "post of conversation 'c2' came 9000 s late" == refused[3]


def test_an_agents_state_belongs_to_no_conversation() -> None:
    """It goes to the roster alone."""
    shard = Shard(1, ["p"], book(), NEVER, 100)
    state = events("10:00 agent_state agent=ann state=busy", conversation=None)
    shard.receive(EventBatch(0, "p", microseconds("10:30"), state))
    shard.advance()
    assert [] == [*shard.conversations.all()]


def test_ends_are_forgotten_when_nothing_can_be_told_of_them() -> None:
    """Looked at once a day."""
    shard = Shard(1, ["p"], book(), NEVER, 100)
    shard.receive(EventBatch(0, "p", microseconds("10:00"), []))
    shard.advance()
    shard.receive(EventBatch(0, "p", microseconds("12:30"), events("10:00 post")))
    shard.advance()
    assert microseconds("12:00") == shard.finals.of("c1")
    shard.receive(EventBatch(0, "p", microseconds("2026-03-05T10:00:00Z"), []))
    shard.advance()
    assert -NEVER == shard.finals.of("c1")


def test_the_clock_ends_with_the_latest_partition() -> None:
    """One that has ended holds nobody back; when all have, the last of their ends counts."""
    shard = Shard(1, ["p", "q"], book(), NEVER, 100)
    shard.receive(EventBatch(0, "p", microseconds("10:00"), [], is_end=True))
    shard.advance()
    assert -NEVER == shard.watermark
    shard.receive(EventBatch(0, "q", microseconds("10:30"), []))
    shard.advance()
    assert microseconds("10:30") == shard.watermark
    shard.receive(EventBatch(0, "q", microseconds("11:00"), [], is_end=True))
    shard.advance()
    assert microseconds("11:00") == shard.watermark


# -- late events ----------------------------------------------------------------------------------


def test_a_duplicate_that_comes_late_restates_nothing() -> None:
    """Nor does one of an agent's state, which belongs to no conversation."""
    line = Line(POLICY)
    post, note = timeline("10:00 post", "10:10 note agent=ann")
    state = {"id": "s1", "at": post["at"], "kind": "agent_state", "agent": "ann", "state": "busy"}
    line.feed(post, note).feed(post).feed(state).end()
    assert [] == line.rows.get("restatements", [])
    assert [("ann", "busy")] == written(line, "agent_states", "agent", "state")


@pytest.mark.parametrize("minutes", [("10:04", "10:06"), ("10:06", "10:04")])
def test_of_two_late_deliveries_the_earlier_counts(minutes: tuple[str, str]) -> None:
    """As of two that come in time, whichever arrived first."""
    line = Line(POLICY).feed(*timeline("10:00 post", "10:20 note agent=ann"))
    line.feed(*(timeline(f"{minute} reply agent=ann id=late")[0] for minute in minutes)).end()
    assert [(240.0,)] == written(line, "responses", "response_seconds")


def test_a_restatement_tells_what_it_takes_back_and_goes_on_with_its_revisions() -> None:
    """The clock that was missed comes back as it stood, for those who were told of it."""
    shard = Shard(1, ["p"], book(), MINUTE, 100)
    shard.receive(EventBatch(0, "p", microseconds("10:10"), events("10:00 post", "10:09 post")))
    (before,) = said_of(shard, "conversations")
    assert [] == shard.undone
    reply = events("10:04 reply agent=ann")
    reply[0].id = "late"
    shard.receive(EventBatch(0, "p", microseconds("10:20"), reply))
    (after,) = said_of(shard, "conversations")
    assert ["missed"] == [row[COLUMNS["sla"].index("outcome")] for row in shard.undone]
    place = COLUMNS["conversations"].index("revision")
    assert after.rows[0][place] > before.rows[0][place] + 1


def test_a_late_event_leaves_a_reopen_at_the_last_instant_one() -> None:
    """An hour after the close, to the microsecond."""
    posts = ("10:00 post", "10:10 closed agent=ann", "11:10 post", "11:11 tagged")
    line = Line(POLICY).feed(*timeline(*posts))
    (late,) = timeline("10:05 note agent=ann", conversation="c1")
    line.feed({**late, "id": "late"}).end()
    assert [(1, 1)] == written(line, "conversations", "reopen_count", "note_count")


def test_a_late_close_may_end_one_conversation_and_leave_another() -> None:
    """The second post came more than an hour after it."""
    line = Line(POLICY).feed(*timeline("10:00 post", "11:30 post", "11:31 note agent=ann"))
    (late,) = timeline("10:10 closed agent=ann", conversation="c1")
    line.feed({**late, "id": "late"}).end()
    found = written(line, "conversations", "opened_at", "closed_at", "is_final", "post_count")
    assert [
        (microseconds("10:00"), microseconds("10:10"), True, 1),
        (microseconds("11:30"), None, False, 1),
    ] == found


@pytest.mark.parametrize(
    ("at", "first_at", "final", "is_told"),
    [
        ("10:00", "10:00", None, True),  # of a conversation that is still in memory
        ("09:59:59", "10:00", None, False),  # or may have been of one before it
        ("11:00:01", None, None, True),  # a new one, as nothing is final that is so young
        ("11:00", None, None, False),
        ("11:30", None, "11:29:59", True),
        ("11:30", None, "11:30", False),  # the last one of that name may have had it
        ("11:30", "11:40", "11:30", False),
    ],
)
def test_what_may_belong_to_a_final_conversation_is_refused(
    at: str, first_at: str | None, final: str | None, is_told: bool
) -> None:
    """At 12:00; memory is an hour, the shorter of reopen window and silence."""
    now = None
    if first_at is not None:
        now = Conversation("c1", first_at=microseconds(first_at))
    late, into = events(f"{at} post"), Book(book())
    end = -NEVER if final is None else microseconds(final)
    kept = not_forgotten(late, now, end, microseconds("12:00"), into)
    assert (late, 0) == (kept, len(into.refused)) if is_told else ([], 1) == (kept, 1)
    assert is_told == (not into.refused)


# -- pace -----------------------------------------------------------------------------------------


def long_one(size: int) -> Conversation:
    """A conversation of so many events, the last of them at 10:00."""
    conversation = Conversation("c1", last_at=microseconds("10:00"))
    for number in range(size):
        conversation.log.add(Event(id=f"e{number}", at=None, kind="post"))
    return conversation


def waits(pace: Pace, size: int = 600, **changed: Any) -> bool:
    """Whether a late event of 10:00 waits in a batch that goes from 10:01 to 10:02."""
    (event,) = events("10:00 post")
    known = changed.pop("known", long_one(size))
    before, now = (
        microseconds(changed.pop(name, at)) for name, at in (("before", "10:01"), ("now", "10:02"))
    )
    return pace.may_wait(event, known, before, now, book())


def test_a_long_conversation_is_told_once_in_as_many_batches_as_it_is_long() -> None:
    """Three for six hundred events, counted from the batch in which it was told."""
    pace = Pace()
    pace.batches = 7
    assert not waits(pace)  # it was never told
    pace.tell("c1", 600)
    found = []
    for _ in range(4):
        found.append(waits(pace))
        pace.batches += 1
    assert [True, True, True, False] == found
    pace.forget("c1")
    pace.batches = 7
    assert not waits(pace)


def test_a_short_conversation_never_waits() -> None:
    """From two hundred events on it may."""
    for size, is_long in ((EVENTS_A_BATCH - 1, False), (EVENTS_A_BATCH, True)):
        pace = Pace()
        pace.tell("c1", size)
        assert is_long == waits(pace, 600)


def test_a_late_event_waits_a_quarter_of_an_hour_at_most() -> None:
    """And not where the conversation might leave memory meanwhile, or has."""
    pace = Pace()
    pace.tell("c1", 600)
    assert waits(pace, before="10:14", now="10:14:59")
    assert not waits(pace, before="10:14", now="10:15")
    assert waits(pace, before="09:03", now="10:02:59")
    assert not waits(pace, before="09:02", now="10:02")  # an hour: what can be final after it
    assert not waits(pace, known=None)
    for closed_at, may in (("09:02:01", True), ("09:02", False)):
        closed = long_one(600)
        closed.closed_at = microseconds(closed_at)
        assert may == waits(pace, known=closed)


def test_the_batches_of_a_shard_set_the_pace() -> None:
    """Of a thousand events: one late event a batch, and it is told in every fifth."""
    shard = Shard(1, ["p"], book(), NEVER, 100)
    talk = (f"10:00:{number // 20:02} note agent=ann" for number in range(999))
    told = []
    late: list[Event] = events("10:00 post", *talk)
    for number in range(12):
        shard.receive(EventBatch(0, "p", microseconds("10:01"), late))
        told.append(len(said_of(shard, "restatements")))
        late = events(f"10:00:{30 + number} note agent=bob")
        late[0].id = f"late{number}"
    assert [0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] == told
    shard.receive(EventBatch(0, "p", microseconds("10:02"), late, is_end=True))
    (found,) = said_of(shard, "conversations")
    assert 1011 == found.rows[0][COLUMNS["conversations"].index("note_count")]
