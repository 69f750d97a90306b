"""What each event of a conversation did, in sentences.

Every sentence comes from comparing the conversation before and after, so that it can't say more
than the rules did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from replywatch.flows.explain import Change, Story, as_values
from replywatch.flows.explain_clocks import clock_effects, ended_rows, ending, going, sla_of
from replywatch.flows.explain_words import Words, clock_name, length, place, rule_words, who
from replywatch.metrics.conversation import Conversation
from replywatch.metrics.events import Event
from replywatch.metrics.policy import PolicyBook
from replywatch.metrics.times import NEVER
from replywatch.sql.cells import visible
from replywatch.sql.schemas import RESPONSES

MOST_SPANS = 3
"""Closed spans shown between two events; the others are counted."""

EVENT, DEADLINE, CLOSED = "event", "deadline", "closed"
"""Kinds of steps: something came, something happened by itself, nobody was in."""


@dataclass
class Step:
    """One entry of the timeline."""

    at: int
    kind: str
    title: str
    effects: list[str] = field(default_factory=list)
    is_bad: bool = False


def steps_of(story: Story, words: Words) -> Iterator[Step]:
    """The timeline of a conversation: its events, deadlines, and the hours nobody was in."""
    last: Change | None = None
    for change in story.changes:
        if last is not None:
            yield from _closed_hours(last.after, last.at, change.at, story.policy, words)
        last = change
        if change.event is not None:
            effects = list(_effects(change, change.event, story.policy, words))
            title = _title(change.event, change.before)
            late = " (came late)" if change.event.is_late else ""
            yield Step(change.at, EVENT, f"{title}{late}", effects)
        else:
            yield from _by_itself(change, words)


# -- what came --------------------------------------------------------------------------------


def _title(event: Event, before: Conversation) -> str:
    """What an event says."""
    by = who(event.agent or event.bot, "")
    name = f"bot {by}" if event.agent is None and event.bot is not None else by
    private = " (private)" if event.visibility == "private" else ""
    match event.kind:
        case "post":
            felt = "" if event.sentiment is None else f", sentiment {event.sentiment:+g}"
            return f"the customer writes{private}{felt}".replace("-", "−")
        case "reply":
            return f"{name} replies{private}"
        case "note":
            return f"{name or 'somebody'} writes a note"
        case "assigned":
            return f"assigned to {name or 'a team, nobody in person'}"
        case "unassigned":
            return f"released{f' by {name}' if name else ''}{_because(event)}"
        case "transferred":
            new = [event.brand, event.channel, event.queue]
            moved = [
                visible(to)
                for to, was in zip(new, before.scope, strict=True)
                if to not in (None, was) and to
            ]
            return f"transferred{f' to {name}' if name else ''}{_listed(' → ', moved)}"
        case "handed_off":
            return f"handed over to people{f' by {name}' if name else ''}"
        case "paused":
            return f"paused: {visible(event.reason or 'pending')}"
        case "closed":
            by = "the customer" if not name and event.customer is not None else name
            return f"closed{f' by {by}' if by else ''}{_listed(': ', [event.resolution])}"
        case "tagged":
            said = [*(event.tags or ()), event.topic and f"topic {event.topic}"]
            if event.actionable is not None:
                said.append("needs an answer" if event.actionable else "needs no answer")
            return f"tagged{_listed(': ', said)}"
        case "focused":
            return f"{name} turns to it"
        case "unfocused":
            return f"{name} turns away from it"
        case "survey_sent":
            return f"{(event.survey or '').upper()} survey sent"
        case "survey_answered":
            scale = "" if event.scale_max is None else f" of {event.scale_max:g}"
            return f"{(event.survey or '').upper()} answer: {event.score:g}{scale}"
    return event.kind


def _because(event: Event) -> str:
    return "" if event.reason is None else f": {visible(event.reason)}"


def _listed(start: str, words: Sequence[str | None]) -> str:
    found = [visible(word) for word in words if word]
    return start + ", ".join(found) if found else ""


# -- what it did ------------------------------------------------------------------------------


def _effects(change: Change, event: Event, policy: PolicyBook, words: Words) -> Iterator[str]:
    before, after, at = change.before, change.after, change.at
    if before.opened_at is None and after.opened_at is not None:
        yield f"the conversation opens in {place(after.scope)}, priority {after.priority}"
        yield rule_words(after.spans.rule(policy))
    elif after.opened_at is None:
        yield "before the first message: it counts once there is one"
    else:
        yield from _moves(before, after, policy)
    if len(after.reopen_gaps) > len(before.reopen_gaps):
        elapsed, business = after.reopen_gaps[-1]
        also = "" if elapsed == business else f" ({length(business)} of business time)"
        yield f"it is open again, {length(elapsed)}{also} after the close"
    yield from _people(change, event)
    yield from _waits(change, event, words)
    yield from clock_effects(change, policy, words)
    if before.holding.paused_for and not after.holding.paused_for and event.kind != "resumed":
        yield "the pause ends"
    if event.kind == "paused" and before.clocks and after.spans.stops == before.spans.stops:
        yield "it stops no clock: the rule's pause_on doesn't name it"
    if before.handed_off_at is None and after.handed_off_at is not None:
        yield (
            "the human clock of the first response starts here"
            if (after.answers.first_reply_at is None)
            else "the first hand-off of this conversation"
        )
    elif event.kind == "handed_off":
        yield "not the first hand-off: only that one counts"
    if event.kind == "closed":
        yield from _close(before, after, policy, at, words)
    if event.kind == "survey_answered":
        surveys = after.said.surveys[event.survey or "csat"]
        when = "when the survey went out" if surveys.sent else "when the answer came"
        yield f"credited to {who(surveys.agent)}, who had it {when}"
    if event.kind == "survey_sent":
        yield f"an answer will be credited to {who(after.holding.handler)}"


def _moves(before: Conversation, after: Conversation, policy: PolicyBook) -> Iterator[str]:
    if before.scope != after.scope:
        yield f"it moves from {place(before.scope)} to {place(after.scope)}"
    if before.priority != after.priority:
        yield f"its priority is {after.priority}, no longer {before.priority}"
    if len(before.spans.rules) != len(after.spans.rules):
        yield f"from here on {rule_words(after.spans.rule(policy))}"


def _people(change: Change, event: Event) -> Iterator[str]:
    before, after = change.before.holding, change.after.holding
    if before.agent != after.agent:
        was = "nobody had it before" if before.agent is None else f"{who(before.agent)} had it"
        yield f"{who(after.agent)} has it now; {was}"
    elif event.kind == "assigned" and after.agent is not None:
        yield f"{who(after.agent)} has it already: that assignment goes on"
    if event.kind == "reply" and event.agent is not None and after.agent != event.agent:
        had = "nobody had it" if after.agent is None else f"{who(after.agent)} had it"
        yield f"{had}; the credit is {who(event.agent)}'s, who wrote"
    if event.kind == "note":
        yield "the customer doesn't see it: it answers nobody"


def _waits(change: Change, event: Event, words: Words) -> Iterator[str]:
    before, after, at = change.before, change.after, change.at
    if before.wait_at is None and after.wait_at is not None:
        had = (
            "nobody has it" if after.holding.agent is None else f"{who(after.holding.agent)} has it"
        )
        yield f"the customer waits from here; {had}"
    elif event.kind == "post" and before.wait_at is not None:
        yield (
            f"the wait goes on since {words.at(before.wait_at, at)}, "
            f"{length(at - before.wait_at)} so far"
        )
    for values in change.book.responses:
        row = as_values(RESPONSES, values)
        start, kind, posts = row["wait_started_at"], row["kind"], row["posts_answered"]
        asked = "1 post" if posts == 1 else f"{posts} posts"
        name = "first response" if kind == "first" else "next response"
        yield f"{name}: {length(at - start)} since {words.at(start, at)} ({asked})"
    if event.kind == "reply" and not change.book.responses:
        if event.agent is None:
            waited = (
                "ends the wait without a sample"
                if before.wait_at is not None
                else "answers no wait"
            )
            yield f"a bot {waited}: people's response times leave it out"
        else:
            yield "nobody was waiting: no response time"
    if event.kind == "closed" and before.wait_at is not None and before.closed_at is None:
        yield f"the wait since {words.at(before.wait_at, at)} ends unanswered"


def _close(
    before: Conversation, after: Conversation, policy: PolicyBook, at: int, words: Words
) -> Iterator[str]:
    if before.closed_at is not None:
        yield "it is closed already: nothing changes"
    elif after.opened_at is not None:
        elapsed = length(at - after.opened_at)
        yield f"resolved {elapsed} after the opening, if it isn't opened again"
        end = after.ends_at(policy)
        if end < NEVER:
            yield f"what comes up to {words.at(end, at)} opens it again; later it is a new one"


# -- what happened by itself ------------------------------------------------------------------


def _by_itself(change: Change, words: Words) -> Iterator[Step]:
    at, after = change.at, change.after
    known = {(clock.sla, clock.started_at): clock for clock in change.before.clocks}
    for clock in after.clocks:
        was = known.get((clock.sla, clock.started_at))
        since = f"running since {words.at(clock.started_at, at)}"
        if clock.is_missed and was is not None and not was.is_missed:
            had = f"{who(after.holding.agent)} has it"
            missed = f"{clock_name(clock)} missed: {length(clock.target)} are used up"
            yield Step(at, DEADLINE, missed, [f"{since}; {had}"], is_bad=True)
        elif clock.is_at_risk and was is not None and not was.is_at_risk:
            due = f"due {words.at(clock.due_at, at)}"
            yield Step(at, DEADLINE, f"{clock_name(clock)} at risk", [f"{since}, {due}"])
    if after.is_ended and not change.before.is_ended:
        if after.resolution == "expired":
            title = "it ends, because nothing came for so long"
        else:
            title = "final: what comes later is a new conversation"
        effects = []
        for clock in change.before.clocks:
            row = next((row for row in ended_rows(change) if row["sla"] == sla_of(clock)), None)
            effects.append(f"{clock_name(clock)} clock: {ending(clock, row, at, words)}")
        yield Step(at, DEADLINE, title, effects)
    elif any(row["outcome"] == "running" for row in ended_rows(change)):
        running = [clock for clock in after.clocks if not clock.is_missed]
        names = [
            f"{clock_name(clock)}{going(clock, at, words) or ', stopped'}" for clock in running
        ]
        yield Step(at, DEADLINE, "here the history ends; still running", names)


def _closed_hours(
    of: Conversation, low: int, high: int, policy: PolicyBook, words: Words
) -> Iterator[Step]:
    """The spans between two events in which nobody was in, while somebody waited or a clock ran."""
    rule = of.spans.rule(policy) if of.spans.rules else None
    is_waiting = of.wait_at is not None or any(clock.since < NEVER for clock in of.clocks)
    if rule is None or rule.calendar is None or not is_waiting or not of.is_open or high <= low:
        return
    gaps, at = [], low
    for opens, closes in [*rule.calendar.spans(low, high), (high, high)]:
        if at < opens:
            gaps.append((at, opens))
        at = closes
    name = visible(rule.rule.schedule or "")
    for number, (start, end) in enumerate(gaps):
        if number == MOST_SPANS:
            rest = sum(b - a for a, b in gaps[number:])
            title = f"'{name}' is closed {len(gaps) - number} times more, {length(rest)} in all"
            yield Step(start, CLOSED, title)
            return
        until = f"until {words.at(end, start)}, {length(end - start)}"
        yield Step(start, CLOSED, f"'{name}' is closed {until}: nothing counts")
