"""A conversation told again from its history, to explain it.

The events of the tables `messages` and `actions` go through the same rules that made the history,
one at a time, so that what is said of each is what it really did. The policy is the one the
history keeps.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb

from replywatch.metrics.book import Book
from replywatch.metrics.clocks import note_running, pass_until
from replywatch.metrics.conversation import Conversation
from replywatch.metrics.conversation_rows import conversation_row
from replywatch.metrics.events import SOMEBODY, Event, put_in_order
from replywatch.metrics.policy import PolicyBook
from replywatch.sql.schemas import CONVERSATIONS, RESPONSES, SLA, Table

_MESSAGES = """
    select id, source, epoch_us("at") as time, seq,
        if(direction = 'inbound', 'post', 'reply') as kind,
        agent, bot, visibility, sentiment, brand, channel, queue, priority, is_late
    from messages where conversation_id = $id
"""
_ACTIONS = """
    select id, source, epoch_us("at") as time, seq, kind, agent, bot, brand, channel, queue,
        priority, reason, resolution, survey, score, scale_max, tags, topic, actionable, is_late
    from actions where conversation_id = $id
"""
_UNTOLD = {"language", "region", "customer_key", "is_complete", "revision"}
"""Columns that need more than the history keeps, or count how often it was written."""

Values = dict[str, Any]


class UnknownConversationError(Exception):
    """There is no such conversation; the message names some that are like it."""


@dataclass
class Change:
    """What one event did: the conversation before and after it, and the rows it gave.

    Without an `event` a deadline passed, or the conversation ended, `at` that instant.
    """

    at: int
    event: Event | None
    before: Conversation
    after: Conversation
    book: Book


@dataclass
class Story:
    """One conversation from its opening on, with what the history says of it."""

    conversation: Conversation
    policy: PolicyBook
    changes: list[Change] = field(default_factory=list)
    row: Values = field(default_factory=dict)
    responses: list[Values] = field(default_factory=list)
    sla: list[Values] = field(default_factory=list)
    handling: list[Values] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def stories_of(con: duckdb.DuckDBPyConnection, name: str, policy: PolicyBook) -> list[Story]:
    """Every conversation called `name`, by its opening. `UnknownConversationError` without any."""
    rows = {row["opened_at"]: row for row in _rows(con, CONVERSATIONS, name)}
    if not rows:
        raise UnknownConversationError(_unknown(con, name))
    responses, clocks = _rows(con, RESPONSES, name), _rows(con, SLA, name)
    handling = _select(
        con,
        """select epoch_us(opened_at) as opened_at, epoch_us(wait_started_at) as wait_started_at,
            epoch_us(replied_at) as replied_at, agent, handle_active_seconds, handle_active_method
        from handling where conversation_id = $id order by all""",
        name,
    )
    events = _events(con, name, rows)
    until = max([_clock(con), *(row["ended_at"] + 1 for row in clocks if _is_missed(row))])
    finals = {opened for opened, row in rows.items() if row["is_final"]}
    stories = [
        story
        for story in retell(name, events, policy, until, finals)
        if story.conversation.opened_at in rows
    ]
    for story in stories:
        opened = story.conversation.opened_at
        story.row = rows[opened]
        story.responses = [row for row in responses if row["opened_at"] == opened]
        story.sla = [row for row in clocks if row["opened_at"] == opened]
        story.handling = [row for row in handling if row["opened_at"] == opened]
        story.differences = list(_differences(story))
    return stories


def retell(
    name: str, events: list[Event], policy: PolicyBook, until: int, finals: set[int]
) -> list[Story]:
    """What `events` do, one by one. The clock goes on to `until`; `finals` are those that ended.

    As in the stream, what comes after the end of a conversation begins another one.
    """
    put_in_order(events)
    stories: list[Story] = []
    conversation = Conversation(name)
    for event in events:
        if conversation.revision and conversation.ends_at(policy) < event.time:
            _end(stories[-1])
            conversation = Conversation(name)
        if not conversation.revision:
            stories.append(Story(conversation, policy))
        _pass(stories[-1], event.time)
        before, book = copy.deepcopy(conversation), Book(policy)
        conversation.apply(event, book)
        after = copy.deepcopy(conversation)
        stories[-1].changes.append(Change(event.time, event, before, after, book))
    if stories:
        if conversation.opened_at in finals:
            _end(stories[-1])
        else:
            _pass(stories[-1], until)
            note_running(conversation, book := Book(policy))
            _note(stories[-1], until, conversation, book)
    return stories


def _pass(story: Story, until: int) -> None:
    """Let what happens by itself before `until` happen, each at its own instant."""
    conversation = story.conversation
    while (due := conversation.next_due) < until:
        before, book = copy.deepcopy(conversation), Book(story.policy)
        pass_until(conversation, due + 1, book)
        _note(story, due, before, book)


def _end(story: Story) -> None:
    conversation = story.conversation
    end = conversation.ends_at(story.policy)
    _pass(story, end)
    before, book = copy.deepcopy(conversation), Book(story.policy)
    conversation.end(book)
    _note(story, end, before, book)


def _note(story: Story, at: int, before: Conversation, book: Book) -> None:
    after = copy.deepcopy(story.conversation)
    story.changes.append(Change(at, None, before, after, book))


# -- the history ------------------------------------------------------------------------------


def _events(con: duckdb.DuckDBPyConnection, name: str, rows: dict[int, Values]) -> list[Event]:
    """The events of a conversation as the history has them."""
    by_customer = {row["closed_at"] for row in rows.values() if row["closed_by"] == "customer"}
    events = []
    for found in (*_select(con, _MESSAGES, name), *_select(con, _ACTIONS, name)):
        said = {key: value for key, value in found.items() if value is not None}
        if said.get("source") == "default":
            del said["source"]
        if said["kind"] == "closed" and said["time"] in by_customer:
            said["customer"] = SOMEBODY
        events.append(Event(at=None, conversation=name, **said))
    return events


def _rows(con: duckdb.DuckDBPyConnection, table: Table, name: str) -> list[Values]:
    """The rows of a conversation, instants in microseconds."""
    columns = ", ".join(
        f'epoch_us("{column}") as "{column}"'
        if str(kind).startswith("timestamp")
        else f'"{column}"'
        for column, kind in table.columns
        if not column.startswith("_")
    )
    query = f"select {columns} from {table.name} where conversation_id = $id order by all"
    return _select(con, query, name)


def _select(con: duckdb.DuckDBPyConnection, query: str, name: str) -> list[Values]:
    found = con.execute(query, {"id": name})
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _clock(con: duckdb.DuckDBPyConnection) -> int:
    """The latest instant of which the history says that something happened."""
    query = 'select max("at") from (select "at" from messages union all select "at" from actions)'
    row = con.execute(f"select epoch_us(({query}))").fetchall()[0]
    return int(row[0] or 0)


def _is_missed(row: Values) -> bool:
    return row["outcome"] == "missed" and row["ended_at"] is not None


def _unknown(con: duckdb.DuckDBPyConnection, name: str) -> str:
    said, waiting = con.execute(
        """select (select count(*) from messages where conversation_id = $id),
            (select count(*) from actions where conversation_id = $id)""",
        {"id": name},
    ).fetchall()[0]
    if said:
        return f"conversation '{name}' is being written: its row follows its messages, try again"
    if waiting:
        return f"conversation '{name}' has no message yet: {waiting} other events wait for one"
    near = con.execute(
        """select distinct conversation_id, jaro_winkler_similarity(conversation_id, $id) as near
        from conversations order by near desc, conversation_id limit 3""",
        {"id": name},
    ).fetchall()
    if not near:
        return f"no conversation '{name}': the history has none"
    listed = ", ".join(f"'{found}'" for found, _ in near)
    return f"no conversation '{name}' in this history; like it are {listed}"


# -- the same numbers? ------------------------------------------------------------------------


def _differences(story: Story) -> Iterator[str]:
    """What the history says otherwise; it is the truth where late events were told in part."""
    told = as_values(CONVERSATIONS, conversation_row(story.conversation, story.policy))
    if story.row["last_event_at"] < story.conversation.last_at:
        yield "the row in conversations is older than the last events: it follows them, try again"
        return
    for column, value in told.items():
        said = story.row[column]
        if column not in _UNTOLD and said != value:
            yield f"{column} is {said} in the history and {value} told again"
    for table, rows, key in (
        (RESPONSES, story.responses, ("wait_started_at", "replied_at")),
        (SLA, story.sla, ("sla", "started_at")),
    ):
        books = [getattr(change.book, table.name) for change in story.changes]
        again = [as_values(table, row) for rows_ in books for row in rows_]
        if sorted(map(repr, again)) != sorted(map(repr, rows)):
            for one in again:
                if one not in rows:
                    yield f"{table.name}: told again, not in the history: {_brief(one, key)}"
            for one in rows:
                if one not in again:
                    yield f"{table.name}: in the history, not told again: {_brief(one, key)}"


def _brief(row: Values, key: tuple[str, ...]) -> str:
    return ", ".join(
        f"{name} {row[name]}" for name in (*key, *(("outcome",) if "sla" in key else ()))
    )


def as_values(table: Table, row: tuple[Any, ...]) -> Values:
    """A row of `table` by its columns, without the hidden ones."""
    named = zip((name for name, _ in table.columns), row, strict=True)
    return {name: value for name, value in named if not name.startswith("_")}
