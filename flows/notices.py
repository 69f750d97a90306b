"""What is told to others when it happens: missed deadlines, and volume episodes.

A notice is one JSON object of stable shape, described in docs/kafka.md. It names neither a
customer nor what anybody wrote. Instants are RFC 3339 in UTC, durations seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from replywatch.flows.steps import Shown, Staffed, Told
from replywatch.metrics.episodes import SURGE
from replywatch.metrics.rows import Row
from replywatch.metrics.shard import Rows
from replywatch.metrics.times import to_text
from replywatch.sql.schemas import SLA, SPIKES

NOTICES = "notices"
"""Key of all notices: one writer a history."""

BREACHES_TOPIC, SPIKES_TOPIC = "breaches", "spikes"


class Breach(msgspec.Struct, frozen=True, tag_field="type", tag="breach"):
    """A clock that was missed, or (`is_taken_back`) one that late events show was not.

    Of several with the same conversation, opening, SLA and start the one of the highest
    `generation` holds.
    """

    id: str
    conversation_id: str
    opened_at: str
    sla: str
    started_at: str
    due_at: str
    missed_at: str
    outcome: str
    policy_version: str
    rule: str
    target_seconds: float
    elapsed_seconds: float | None
    agent: str | None
    brand: str
    channel: str
    queue: str
    priority: str
    generation: int
    is_taken_back: bool


class Spike(msgspec.Struct, frozen=True, tag_field="type", tag="spike"):
    """A volume episode that began, became a crisis, ended, or goes on after all.

    Of several with the same start, scope and `is_surge` the one of the highest `revision` holds.
    """

    id: str
    started_at: str
    brand: str
    channel: str
    queue: str
    kind: str
    detected_at: str
    ended_at: str | None
    peak_at: str
    peak_posts: int
    expected: float
    ratio: float | None
    severity: float
    scored_posts: int
    negative_ratio: float | None
    revision: int
    is_surge: bool

    @property
    def episode(self) -> tuple[str, str, str, bool]:
        """What can have one episode at a time."""
        return self.brand, self.channel, self.queue, self.is_surge

    @property
    def stage(self) -> tuple[str, str, bool]:
        """How far the episode is: what is worth a notice when it changes."""
        return self.started_at, self.kind, self.ended_at is not None


Notice = Breach | Spike

_ENCODER = msgspec.json.Encoder()
_SLA = [name for name, _ in SLA.columns]
_OUTCOME, _GENERATION = _SLA.index("outcome"), _SLA.index("_generation")
_CLOCK = [_SLA.index(name) for name in SLA.key]
_SPIKE = [name for name, _ in SPIKES.columns]


def encode(notice: Notice) -> tuple[str, bytes, bytes]:
    """The kind of topic it goes to, the message's key, and its value.

    What belongs together has one key, so that it is read in order.
    """
    if isinstance(notice, Breach):
        return BREACHES_TOPIC, notice.conversation_id.encode(), _ENCODER.encode(notice)
    scope = "/".join((notice.brand, notice.channel, notice.queue))
    return SPIKES_TOPIC, scope.encode(), _ENCODER.encode(notice)


def _id_of(*parts: object) -> str:
    """The same for the same facts, always and everywhere."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


def _told(names: list[str], row: Row) -> dict[str, Any]:
    """A row by name, instants as text."""
    return {
        name: to_text(value) if name.endswith("_at") and value is not None else value
        for name, value in zip(names, row, strict=True)
    }


def _breach(row: Row, generation: int, is_taken_back: bool) -> Breach:
    said = _told(_SLA, row)
    del said["_generation"]
    said["missed_at"] = said.pop("ended_at")
    name = _id_of("breach", *(row[place] for place in _CLOCK), generation, is_taken_back)
    return Breach(id=name, generation=generation, is_taken_back=is_taken_back, **said)


def breaches_of(told: Told) -> list[Notice]:
    """What a shard says of missed deadlines; nothing of those that a restatement left alone."""
    missed = [
        row
        for rows in told.rows
        if rows.table == SLA.name
        for row in rows.rows
        if row[_OUTCOME] == "missed"
    ]
    if not missed and not told.undone:
        return []
    before = {
        tuple(row[place] for place in _CLOCK): row
        for row in told.undone
        if row[_OUTCOME] == "missed"
    }
    notices: list[Notice] = []
    for row in missed:
        old = before.pop(tuple(row[place] for place in _CLOCK), None)
        if old is None or old[:_GENERATION] != row[:_GENERATION]:
            notices.append(_breach(row, row[_GENERATION], False))
    gone = [_breach(row, row[_GENERATION] + 1, True) for row in before.values()]
    return [*gone, *notices]


def spikes_of(rows: Iterable[Row]) -> list[Notice]:
    """Episodes as they stand."""
    notices: list[Notice] = []
    for row in rows:
        said = _told(_SPIKE, row)
        start, *scope = row[:4]
        name = _id_of("spike", start, scope, said["kind"] == SURGE, said["revision"])
        notices.append(Spike(id=name, **said))
    return notices


def notices_of(
    item: tuple[str, Told | Shown | Staffed | Rows],
) -> list[tuple[str, list[Notice]]]:
    """Notices, keyed for their one writer; with each batch of the source at least an empty list,
    since a writer that hears nothing is not asked for its snapshot."""
    said = item[1]
    if isinstance(said, Rows):
        return [(NOTICES, [])]
    notices: list[Notice] = []
    if isinstance(said, Told):
        notices = breaches_of(said)
    elif isinstance(said, Shown):
        for rows in said.rows:
            if rows.table == SPIKES.name:
                notices += spikes_of(rows.rows)
    return [(NOTICES, notices)] if notices else []
