"""How each number of a conversation came about: from when to when, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from replywatch.flows.explain import Story, Values
from replywatch.flows.explain_words import Words, length, seconds, who
from replywatch.metrics.policy import FIRST, RESOLUTION
from replywatch.metrics.times import SECOND
from replywatch.sql.cells import visible

MOST_PIECES = 4


@dataclass(frozen=True)
class Number:
    """A value of the history: its column, its value in seconds, and how it came about."""

    table: str
    column: str
    seconds: float
    how: str
    is_plain: bool = False  # business or active time that is all the time there was


def numbers_of(story: Story, words: Words) -> Iterator[Number]:
    """Every duration of a conversation's rows in `conversations` and `responses`."""
    yield from _first_response(story, words)
    for row in story.responses:
        if row["kind"] == "next":
            yield from _next_response(story, row, words)
    yield from _handling(story, words)
    yield from _resolution(story, words)


class _Told:
    """Sentences about spans of one conversation."""

    def __init__(self, story: Story, words: Words) -> None:
        self.story, self.words = story, words
        self.spans, self.policy = story.conversation.spans, story.policy

    def minus(self, start: int, end: int, why: str) -> str:
        """`12:03:30 − 12:00:00, why`."""
        at = self.words.at
        return f"{at(end, start)} − {at(start, start)}, {why}"

    def open(self, start: int, end: int) -> str:
        """The pieces of `[start, end)` in which somebody was in, by the rule of each."""
        said = []
        rules = self.spans.rules
        for index, (begin, tag) in enumerate(rules):
            low = max(begin, start) if index else start
            high = min(rules[index + 1][0], end) if index + 1 < len(rules) else end
            if low >= high:
                continue
            rule = self.policy.tagged(tag)
            if rule.calendar is None:
                said.append(f"{self.words.span(low, high, start)} by the wall clock")
                continue
            spans = rule.calendar.spans(low, high)
            shown = [self.words.span(a, b, start) for a, b in spans[:MOST_PIECES]]
            if len(spans) > MOST_PIECES:
                rest = sum(b - a for a, b in spans[MOST_PIECES:])
                shown.append(f"{len(spans) - MOST_PIECES} spans more, {length(rest)}")
            listed = ", ".join(shown) or f"never between {self.words.span(low, high, start)}"
            said.append(f"open {listed} ('{visible(rule.rule.schedule or '')}')")
        return "; ".join(said)

    def stops(self, start: int, end: int, sla: int) -> str:
        """The pauses in `[start, end)` that stopped an SLA's clock."""
        found = []
        stops = self.spans.stops
        for index, (begin, mask) in enumerate(stops):
            after = stops[index + 1][0] if index + 1 < len(stops) else end
            low, high = max(begin, start), min(after, end)
            if mask >> sla & 1 and low < high:
                business = self.spans.business(low, high, self.policy)
                found.append(f"{self.words.span(low, high, start)} ({length(business)})")
        return ", ".join(found) or "nothing"


def _first_response(story: Story, words: Words) -> Iterator[Number]:
    row, told = story.row, _Told(story, words)
    start, end = row["first_post_at"], row["first_reply_at"]
    if start is None or end is None:
        return
    agent = who(row["first_agent"])
    named = "first_response{}_seconds"

    def number(kind: str, how: str) -> Iterator[Number]:
        value = row[named.format(kind)]
        if value is not None:
            column = named.format(kind)
            yield Number("conversations", column, value, how, _is_plain(row, column))

    yield from number(
        "", told.minus(start, end, f"first post to {agent}'s reply, the first of a person")
    )
    yield from number("_business", told.open(start, end))
    stops = told.stops(start, end, FIRST)
    yield from number("_active", f"business time less what stopped the clock: {stops}")
    human = max(start, story.conversation.answers.human_from)
    since = "that post" if human == start else "the hand-off or reopen"
    yield from number("_human", told.minus(human, end, f"{since} to that reply"))
    yield from number("_human_business", told.open(human, end))
    if row["first_response_assigned_seconds"] is not None:
        assigned = end - round(row["first_response_assigned_seconds"] * SECOND)
        since = "that post, for it was assigned before," if assigned == start else "the assignment"
        yield from number("_assigned", told.minus(assigned, end, f"{since} to that reply"))
        yield from number("_assigned_business", told.open(assigned, end))


def _is_plain(row: Values, column: str) -> bool:
    """Whether a business or active length says no more than the elapsed one beside it."""
    elapsed = column.replace("_business", "").replace("_active", "")
    elapsed = "full_resolution_seconds" if elapsed == "resolution_seconds" else elapsed
    return elapsed != column and bool(row[elapsed] == row[column])


def _next_response(story: Story, row: Values, words: Words) -> Iterator[Number]:
    told = _Told(story, words)
    start, end = row["wait_started_at"], row["replied_at"]
    posts = "1 post" if row["posts_answered"] == 1 else f"{row['posts_answered']} posts"
    why = f"oldest unanswered post to {who(row['agent'])}'s reply ({posts})"
    yield Number(
        "responses", "response_seconds", row["response_seconds"], told.minus(start, end, why)
    )
    business = row["response_business_seconds"]
    is_plain = _is_plain(row, "response_business_seconds")
    how = told.open(start, end)
    yield Number("responses", "response_business_seconds", business, how, is_plain)
    if row["response_assigned_seconds"] is not None:
        assigned = end - round(row["response_assigned_seconds"] * SECOND)
        since = "that post, for it was assigned before," if assigned == start else "the assignment"
        how = told.minus(assigned, end, f"{since} to that reply")
        yield Number(
            "responses", "response_assigned_seconds", row["response_assigned_seconds"], how
        )


def _handling(story: Story, words: Words) -> Iterator[Number]:
    row, told, of = story.row, _Told(story, words), story.conversation
    closed = row["closed_at"]
    if closed is not None and of.handled_from is not None:
        since = (
            "first assignment"
            if row["first_assigned_at"] is not None
            else "first reply by a person"
        )
        how = told.minus(of.handled_from, closed, f"{since} to the last close")
        yield Number("conversations", "handle_elapsed_seconds", row["handle_elapsed_seconds"], how)
    if row["handle_assigned_seconds"] is not None:
        held = [
            f"{words.span(low, high, low)} with {who(agent)}" for low, high, agent in _held(story)
        ]
        how = "open, with a person and not paused: " + (", ".join(held) or "never")
        yield Number(
            "conversations", "handle_assigned_seconds", row["handle_assigned_seconds"], how
        )
    for one in story.handling:
        at = words.at(one["replied_at"], story.row["opened_at"])
        if one["handle_active_method"] == "focus":
            how = f"what {who(one['agent'])} looked at it before the reply of {at}"
        else:
            begun = next(
                r["handling_started_at"]
                for r in story.responses
                if (r["wait_started_at"], r["replied_at"])
                == (one["wait_started_at"], one["replied_at"])
            )
            part = round(one["handle_active_seconds"] * SECOND)
            whole = one["replied_at"] - begun
            how = (
                f"estimated for {who(one['agent'])}'s reply of {at}: "
                f"{words.span(begun, one['replied_at'], story.row['opened_at'])}"
            )
            if part < whole:
                how += f", {length(whole)}, shared with others that waited for {who(one['agent'])}"
        yield Number("handling", "handle_active_seconds", one["handle_active_seconds"], how)


def _held(story: Story) -> Iterator[tuple[int, int, str | None]]:
    """The spans in which it was open, with a person and not paused, up to the last close."""
    since = agent = None
    for change in story.changes:
        now, holder = change.after.holding.held_from, change.after.holding.agent
        if since is not None and (now is None or holder != agent):
            yield since, change.at, agent
            since = None
        if now is not None and since is None:
            since, agent = now, holder


def _resolution(story: Story, words: Words) -> Iterator[Number]:
    row, told, of = story.row, _Told(story, words), story.conversation
    opened, closed = row["opened_at"], row["closed_at"]
    for column, end, why in (
        ("first_resolution", of.first_closed_at, "opening to first close"),
        ("full_resolution", closed, "opening to last close"),
    ):
        if end is not None:
            value = row[f"{column}_seconds"]
            how = told.minus(opened, end, why)
            yield Number("conversations", f"{column}_seconds", value, how)
            if row[f"{column}_business_seconds"] != value:
                business = row[f"{column}_business_seconds"]
                how = told.open(opened, end)
                yield Number("conversations", f"{column}_business_seconds", business, how)
    if closed is not None:
        stops = told.stops(opened, closed, RESOLUTION)
        how = f"business time less what stopped the clock: {stops}"
        column = "resolution_active_seconds"
        yield Number("conversations", column, row[column], how, _is_plain(row, column))
    if row["paused_seconds"]:
        yield Number("conversations", "paused_seconds", row["paused_seconds"], "paused while open")


def clock_line(row: Values, words: Words, near: int) -> str:
    """A row of `sla` in a sentence."""
    due = "without a deadline" if row["due_at"] is None else f"due {words.at(row['due_at'], near)}"
    start = words.at(row["started_at"], near)
    target = length(round(row["target_seconds"] * SECOND))
    ended = "" if row["ended_at"] is None else f", ended {words.at(row['ended_at'], near)}"
    counted = "" if row["elapsed_seconds"] is None else f" after {seconds(row['elapsed_seconds'])}"
    blame = f", {who(row['agent'])} {'met it' if row['outcome'] == 'met' else 'had it'}"
    return (
        f"{row['sla'].replace('_', ' ')}: {row['outcome']}{counted} of {target}; started {start}, "
        f"{due}{ended}{blame}"
    )


def provisional(row: Values, words: Words) -> str:
    """Whether the numbers can still change, and until when."""
    if row["is_final"]:
        return "final: nothing changes any more"
    until = "" if row["final_at"] is None else f" until {words.full(row['final_at'])}"
    return f"provisional: more can come{until}"
