"""Timelines with known answers, which every mutant is told before it meets any test.

Their answers are the oracle's (see `storybook`): the rows of every table in the columns that it
shares with the history, and the live state where a timeline halts. An answer that differs is
therefore wrong, and not just another than before. What a mutant writes counts as the views show it:
less what it took back, and the last of several revisions.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, NamedTuple

from arrivals import arrive, feed_in_batches
from oracle.oracle import SHARED_COLUMNS
from replays import Line
from test_dictionary import LATENESS
from test_prefixes import Standing, live_state
from timelines import Event

from replywatch.metrics.times import SECOND
from replywatch.sql.schemas import TABLES, Table

Rows = dict[str, list[str]]
"""The rows of each table as sorted texts."""


class Story(NamedTuple):
    """A timeline under its policies, and what is true of it."""

    number: int
    policies: list[str]
    timeline: list[Event]
    until: int  # seconds
    halts: dict[int, int]  # after the event of this number, the instant that time goes on to
    standing: list[Standing]  # at each halt
    rows: Rows  # in the end

    def is_told_well(self) -> bool:
        """Whether the rules in this process give every answer."""
        return all(
            tell(self) for tell in (_in_order, _shuffled)[: 2 if self.number % 3 == 0 else 1]
        )

    def ends_well(self, line: Line) -> bool:
        """Whether the rows are these once nothing more comes."""
        line.end(self.until * SECOND)
        return self.rows == shown(line)


class LateStory(Story):
    """One whose events may come in any order at all, long after the watermark has passed them."""

    def is_told_well(self) -> bool:
        """Whether the rules in this process give every answer."""
        chance = random.Random(self.number)
        lateness = chance.choice([0.0, 30.0, 120.0])
        line = Line(self.policies, lateness=lateness, shuffle=chance)
        events = [*self.timeline, *self.timeline[:3]]
        feed_in_batches(line, chance.sample(events, len(events)), chance)
        return self.ends_well(line)


def _in_order(story: Story) -> bool:
    line = Line(story.policies, shards=2)
    expected = iter(story.standing)
    for number, event in enumerate(story.timeline):
        line.feed(event)
        if (halt := story.halts.get(number)) is not None:
            line.tick(halt)
            if live_state(line) != next(expected):
                return False
    return story.ends_well(line)


def _shuffled(story: Story) -> bool:
    """Within the lateness, with copies."""
    chance = random.Random(story.number)
    line = Line(story.policies, lateness=LATENESS, shuffle=chance)
    arrive(line, story.timeline, chance)
    return story.ends_well(line)


def are_told_well(stories: Iterable[Story]) -> bool:
    """Whether the rules in this process give every answer of every story."""
    return all(story.is_told_well() for story in stories)


def shown(line: Line) -> Rows:
    """What the history's views would show of the rows that were written."""
    restated = line.rows.get("restatements", [])
    found: Rows = {}
    for table, columns in SHARED_COLUMNS.items():
        schema = TABLES[table]
        names = [name for name, _ in schema.columns]
        rows = _in_force(schema, names, line.rows.get(table, []), restated)
        places = [names.index(column) for column in columns]
        found[table] = sorted(to_text([row[place] for place in places]) for row in rows)
    return found


def _in_force(
    schema: Table, names: list[str], rows: list[Any], restated: Iterable[Any]
) -> list[Any]:
    if schema.of_conversation:
        dates = [names.index(name) for name in ("opened_at", "at") if name in names]
        for conversation, since, generation, until in restated:
            rows = [
                row
                for row in rows
                if row[0] != conversation
                or row[-1] >= generation
                or not since <= next(row[at] for at in dates if row[at] is not None) < until
            ]
    if schema.is_revised:
        key = [names.index(name) for name in schema.key]
        rows = sorted(rows, key=lambda row: row[names.index("revision")])
        rows = list({tuple(row[place] for place in key): row for row in rows}.values())
    if schema.shown_if != "true":  # a sum that is above 0
        places = [names.index(name) for name in schema.shown_if.split(" > ")[0].split(" + ")]
        rows = [row for row in rows if sum(row[place] for place in places) > 0]
    return rows


def to_text(row: Iterable[Any]) -> str:
    """One text for equal values, whole numbers or not."""
    return repr([_plain(value) for value in row])


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return float(value) if isinstance(value, int) else value
