"""Rows of the history that a conversation writes: what it is at this moment, as tuples.

The places of each tuple are the columns of its table in `sql.schemas`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replywatch.metrics.book import Answer, Focus
from replywatch.metrics.events import Event, by_order
from replywatch.metrics.policy import FIRST, RESOLUTION, SLAS, PolicyBook, Scope
from replywatch.metrics.rows import Row
from replywatch.metrics.satisfaction import Surveys
from replywatch.metrics.times import NEVER, SECOND

if TYPE_CHECKING:
    from replywatch.metrics.answers import Timed
    from replywatch.metrics.clocks import Clock
    from replywatch.metrics.life import Life


def message_row(of: Life, event: Event, direction: str) -> Row:
    """A post (`inbound`) or a reply (`outbound`)."""
    return (
        of.id,
        of.opened_at or 0,
        event.id,
        event.source or "default",
        event.time,
        event.seq,
        direction,
        event.agent,
        event.bot,
        event.visibility,
        event.sentiment,
        *of.scope,
        of.priority,
        event.is_late,
        of.generation,
    )


def action_row(of: Life, event: Event, before: Scope, policy: PolicyBook) -> Row:
    """Any event that is no message, with how things stood just before it."""
    survey = event.survey
    known = None if survey is None else of.said.surveys.get(survey)
    credited = None if survey is None else of.holding.handler
    if event.kind == "survey_answered" and known is not None and known.sent:
        credited = known.sent_to
    is_positive = None
    if event.kind == "survey_answered" and survey == "csat" and event.score is not None:
        is_positive = policy.surveys_at(event.time).is_positive(event.score, event.scale_max)
    return (
        of.id,
        of.opened_at,
        event.id,
        event.source or "default",
        event.time,
        event.seq,
        event.kind,
        event.agent,
        event.bot,
        of.holding.handler,
        of.wait_at,
        of.answers.first_reply_at is not None,
        *before,
        *of.scope,
        of.priority,
        event.reason,
        event.resolution,
        survey,
        event.score,
        event.scale_max,
        is_positive,
        credited,
        event.tags,
        event.topic,
        event.actionable,
        event.is_late,
        of.generation,
    )


def response_row(
    of: Life, kind: str, agent: str, timed: Timed, posts: int, policy: PolicyBook
) -> Row:
    """A wait that `agent` answered: credit goes to the sender of the reply."""
    return (
        of.id,
        of.opened_at or 0,
        timed.start,
        timed.at,
        kind,
        agent,
        *of.scope,
        of.priority,
        (timed.at - timed.start) / SECOND,
        timed.business / SECOND,
        _seconds(timed.assigned),
        _seconds(timed.assigned_business),
        max(timed.begun, timed.at - policy.active_cap),
        posts,
        of.generation,
    )


def answer_of(of: Life, agent: str, timed: Timed) -> Answer:
    """What the roster is told of an answered wait."""
    opened = of.opened_at or 0
    return Answer(agent, of.id, opened, timed.start, timed.at, timed.begun, of.scope, of.generation)


def sla_row(
    of: Life,
    clock: Clock,
    outcome: str,
    ended_at: int | None,
    counted: int | None,
    agent: str | None,
    policy: PolicyBook,
) -> Row:
    """A clock that ended, or still runs; `agent` met it, or had the conversation then."""
    rule = policy.tagged(clock.tag)
    return (
        of.id,
        of.opened_at or 0,
        SLAS[clock.sla],
        clock.started_at,
        clock.due_at if clock.due_at < NEVER else None,
        ended_at,
        outcome,
        rule.version,
        rule.rule.name,
        clock.target / SECOND,
        None if counted is None else counted / SECOND,
        agent,
        *of.scope,
        of.priority,
        of.generation,
    )


def focus_of(event: Event, conversation: str, agent: str, is_on: bool) -> Focus:
    """What the roster is told of an agent's attention."""
    return Focus(agent, event.time, by_order(event)[1:], conversation, is_on)


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / SECOND


def _due(of: Life, sla: int) -> int | None:
    """The deadline of the SLA's clock that runs, else of the last that ended."""
    for clock in of.clocks:
        if clock.sla == sla:
            return clock.due_at if clock.due_at < NEVER else None
    return of.answers.dues.get(sla)


def _bot_outcome(of: Life) -> str:
    if not of.had_bot:
        return "no_bot"
    if of.handed_off_at is not None or of.first_human_at is not None:
        return "handed_off"
    return "contained" if of.closed_at is not None else "abandoned"


_NO_SURVEY = Surveys()


def conversation_row(of: Life, policy: PolicyBook) -> Row:
    """The conversation at its revision."""
    opened, closed, spans = of.opened_at or 0, of.closed_at, of.spans
    first, is_closed = of.answers.seconds, closed is not None
    csat, nps = of.said.surveys.get("csat", _NO_SURVEY), of.said.surveys.get("nps", _NO_SURVEY)

    def business(start: int | None, end: int | None) -> float | None:
        return None if start is None or end is None else spans.business(start, end, policy) / SECOND

    def elapsed(start: int | None, end: int | None) -> float | None:
        return None if start is None or end is None else (end - start) / SECOND

    by_customer = of.closed_by == "customer"
    ends_at = of.ends_at(policy)
    return (
        of.id,
        opened,
        *of.scope,
        of.priority,
        of.language,
        of.region,
        of.customer,
        of.opened_by,
        of.is_complete,
        of.answers.first_post_at,
        of.answers.first_reply_at,
        of.answers.first_agent,
        first.get("elapsed"),
        first.get("human"),
        first.get("assigned"),
        first.get("business"),
        first.get("human_business"),
        first.get("assigned_business"),
        first.get("active"),
        _due(of, FIRST),
        _seconds(of.answers.margins.get(FIRST)),
        _seconds(of.answers.worst_wait),
        _seconds(of.answers.worst_margin),
        of.holding.agent,
        of.holding.first_assigned_at,
        closed,
        of.closed_by,
        of.closing_agent,
        of.resolution,
        elapsed(opened, of.first_closed_at),
        business(opened, of.first_closed_at),
        elapsed(opened, closed),
        business(opened, closed),
        spans.active(opened, closed, RESOLUTION, policy) / SECOND if closed is not None else None,
        _due(of, RESOLUTION),
        _seconds(of.answers.margins.get(RESOLUTION)),
        elapsed(of.handled_from, closed),
        business(of.handled_from, closed),
        of.holding.held / SECOND if is_closed else None,
        of.holding.held_business / SECOND if is_closed else None,
        of.tally.posts,
        of.tally.replies,
        of.tally.bot_replies,
        of.tally.notes,
        len(of.reopen_gaps),
        [gap / SECOND for gap, _ in of.reopen_gaps],
        [gap / SECOND for _, gap in of.reopen_gaps],
        of.transfer_count,
        of.transfer_count > 0,
        not of.changed_channel if is_closed else None,
        of.tally.closed_in_public if is_closed and of.tally.was_private else None,
        of.tally.closed_messages if is_closed else None,
        is_closed and of.tally.is_one_touch,
        _bot_outcome(of),
        _bot_outcome(of) == "contained",
        int(of.handed_off_at is not None),
        elapsed(of.opened_at, of.handed_off_at),
        of.said.first_sentiment,
        of.said.last_sentiment,
        of.said.scored_posts,
        csat.last,
        csat.is_positive,
        csat.sent,
        csat.answered,
        csat.first,
        csat.flips,
        csat.agent,
        nps.last,
        nps.group,
        nps.agent,
        of.said.is_actionable,
        list(of.said.tags),
        of.said.topic,
        of.first_human_at is None and (of.resolution == "expired" or by_customer),
        is_closed and of.tally.closed_after_customer,
        of.holding.paused / SECOND,
        of.wait_at,
        of.last_at,
        of.is_late,
        of.is_ended,
        ends_at if ends_at < NEVER else None,
        of.revision,
        of.generation,
    )
