"""What is wrong with a policy though each of its values may be right by itself.

Everything is looked at as the file has it, so that one fault doesn't hide another: hours that
overlap are told though a rule names a schedule that isn't there.

What is lawful but may surprise is a `Note`, which makes no check fail: a schedule that no rule
uses may be meant for the next version, one that never opens counts as the wall clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from difflib import get_close_matches
from itertools import pairwise, product
from typing import Any, get_args

from replywatch.flows.cli_toml_faults import Fault, Place, TomlText
from replywatch.metrics.calendar import TIME, WEEKDAYS, Schedule, find_zone
from replywatch.metrics.policy import CLOSED, SLAS, Match, Priority, parse_duration

DIMENSIONS = Match.__struct_fields__
PRIORITIES: tuple[str, ...] = get_args(Priority)

_REASONS = (CLOSED, "pending", "hold", "on_hold", "snoozed")
"""Reasons for a pause that are meant by what looks like them."""


_KEYS = set(Schedule.__struct_fields__)
_LENGTHS = (
    ("reopen_window",),
    ("expire_after",),
    ("active_cap",),
    ("service_level", "short_abandon"),
)


class Note(Fault):
    """Something lawful that a reader should know of."""


def sense_faults(text: TomlText) -> Iterator[Fault]:
    """Every fault and note of the times, schedules and rules in `text`, in no order."""
    yield from _times(text)
    schedules = _tables(text.data.get("schedules"))
    rules = text.data.get("rules")
    listed = [rule if isinstance(rule, dict) else {} for rule in _array(rules)]
    for name, schedule in schedules.items():
        yield from _hours(text, ("schedules", name), schedule)
    yield from _names(text, listed, schedules)
    yield from _priorities_and_places(text, listed)
    yield from _unreachable(text, listed)


def version_faults(texts: dict[str, TomlText]) -> Iterator[tuple[str, Fault]]:
    """What versions that stand in one folder have in common and must not, by file name."""
    for key, said in (
        ("effective_from", "takes effect at the same instant as the one in {}, line {}"),
        ("version", "has the name of the one in {}, line {}"),
    ):
        first: dict[Any, str] = {}
        for name, text in texts.items():
            value = text.data.get(key)
            try:
                other = first.setdefault(value, name)
            except TypeError:  # a list or a table, which is a fault by itself
                continue
            if value is not None and other != name:
                where = said.format(other, texts[other].line_of((key,)))
                fault = f"this version {where}: give each its own"
                yield name, Fault(text.line_of((key,)), fault)


def _times(text: TomlText) -> Iterator[Fault]:
    """An instant without an offset, and lengths of time that are none."""
    start = text.data.get("effective_from")
    if isinstance(start, datetime) and start.tzinfo is None:
        said = f"effective_from is {start.isoformat()}, no instant: write an offset, such as Z"
        yield Fault(text.line_of(("effective_from",)), said)
    for place in _LENGTHS:
        value: object = text.data
        for key in place:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            try:
                is_nothing = parse_duration(value) == 0
            except ValueError as error:
                yield Fault(text.line_of(place), f"{'.'.join(place)}: {error}")
            else:
                if is_nothing and place == ("expire_after",):
                    said = "expire_after must be longer than nothing; write 'never' for no end"
                    yield Fault(text.line_of(place), said)


def _tables(value: object) -> dict[str, dict[str, Any]]:
    found = value if isinstance(value, dict) else {}
    return {name: table for name, table in found.items() if isinstance(table, dict)}


def _array(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _hours(text: TomlText, place: Place, schedule: dict[str, Any]) -> Iterator[Fault]:
    """Zones that there are not, hours that run backwards or overlap: each of them."""
    zone = schedule.get("timezone")
    if isinstance(zone, str):
        try:
            find_zone(zone)
        except ValueError as error:
            yield Fault(text.line_of((*place, "timezone")), str(error))
    for day in WEEKDAYS:
        at = (*place, day)
        spans = [span for span in _array(schedule.get(day)) if _is_span(span)]
        for start, end in spans:
            if start >= end:
                line = text.line_of_text(at, start)
                yield Fault(
                    line,
                    f"{day}: {start} to {end} runs backwards: give what is after midnight to the "
                    "next day, and end this one at 24:00",
                )
        ordered = sorted(tuple(span) for span in spans if span[0] < span[1])
        for (_, before), (start, end) in pairwise(ordered):
            if start < before:
                line = text.line_of_text(at, start)
                yield Fault(line, f"{day}: {start} to {end} overlaps the hours before it")


def _is_span(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_time, value))


def _is_time(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(TIME, value) is not None


def _names(
    text: TomlText, rules: list[dict[str, Any]], schedules: dict[str, dict[str, Any]]
) -> Iterator[Fault]:
    """Schedules that rules name and that are not there; those that do nothing; odd reasons."""
    used = set()
    for index, rule in enumerate(rules):
        name = rule.get("schedule")
        if isinstance(name, str):
            used.add(name)
            if name not in schedules:
                known = f"use one of {', '.join(schedules)}" if schedules else "there is none"
                line = text.line_of(("rules", index, "schedule"))
                yield Fault(line, f"no schedule is named '{name}': {known}")
        yield from _reasons(text, ("rules", index, "pause_on"), rule.get("pause_on"))
    for name, schedule in schedules.items():
        line = text.line_of(("schedules", name))
        if name not in used:
            yield Note(line, f"schedule '{name}' is used by no rule")
        elif not any(schedule.get(day) for day in WEEKDAYS) and schedule.keys() <= _KEYS:
            yield Note(line, f"schedule '{name}' never opens, so its rules count by the wall clock")


def _reasons(text: TomlText, place: Place, value: object) -> Iterator[Fault]:
    lists: Iterable[tuple[Place, object]] = [(place, value)]
    if isinstance(value, dict):
        lists = [((*place, sla), value.get(sla)) for sla in SLAS]
    for at, reasons in lists:
        for reason in _array(reasons):
            if isinstance(reason, str) and reason not in _REASONS:
                meant = get_close_matches(reason.lower(), _REASONS, 1, 0.8)
                if meant:
                    line = text.line_of_text(at, reason)
                    yield Note(line, f"'{reason}' is a reason of its own: did you mean {meant[0]}?")


def _priorities_and_places(text: TomlText, rules: list[dict[str, Any]]) -> Iterator[Fault]:
    """A match for a name that no event can have."""
    for index, rule in enumerate(rules):
        for dimension in DIMENSIONS:
            if "" in _array(_match(rule).get(dimension)):
                at = ("rules", index, "match", dimension)
                yield Fault(text.line_of(at), f"no {dimension} is named '': leave it out for all")


def _match(rule: dict[str, Any]) -> dict[str, Any]:
    match = rule.get("match")
    return match if isinstance(match, dict) else {}


def _unreachable(text: TomlText, rules: list[dict[str, Any]]) -> Iterator[Fault]:
    """Rules whose conversations earlier ones take, one alone or several between them.

    For each name that a match can tell apart (and one more for all others) the earlier rules that
    allow it are a set of bits; where no choice of names leaves the sets without a common bit, the
    rule is never reached.
    """
    for index, rule in enumerate(rules):
        if not index or not _is_sound(rule):
            continue
        earlier = [known if _is_sound(known) else None for known in rules[:index]]
        sets = [_takers(dimension, rule, earlier) for dimension in DIMENSIONS]
        taken = [a & b & c & d for a, b, c, d in product(*sets)]
        if not all(taken):
            continue
        alone = [n for n in range(index) if all(mask >> n & 1 for mask in taken)]
        together = [n for n in range(index) if any(mask >> n & 1 for mask in taken)]
        names = [
            f"'{rules[n].get('name', n + 1)}' in line {text.line_of(('rules', n))}"
            for n in (alone[:1] or together)
        ]
        who = f"rule {names[0]}" if len(names) == 1 else f"rules {' and '.join(names)}"
        take = "takes" if len(names) == 1 else "take"
        yield Fault(
            text.line_of(("rules", index)),
            f"no conversation reaches rule '{rule.get('name', index + 1)}': {who} {take} them all "
            "first; put this one before, or drop it",
        )


def _takers(dimension: str, rule: dict[str, Any], earlier: list[dict[str, Any] | None]) -> set[int]:
    """For every name that `rule` allows, which of the earlier rules allow it too."""
    allowed = [None if one is None else _match(one).get(dimension) or () for one in earlier]
    others = PRIORITIES
    if dimension != "priority":
        named = {name for names in allowed if names for name in names}
        others = (*named, "")  # which no event has: stands for every name that no rule has
    return {
        sum(
            1 << index
            for index, names in enumerate(allowed)
            if names is not None and (not names or name in names)
        )
        for name in _match(rule).get(dimension) or others
    }


def _is_sound(rule: dict[str, Any]) -> bool:
    """Whether a rule's match can be read; one that can't takes and loses nothing."""
    match = rule.get("match", {})
    return isinstance(match, dict) and all(
        dimension in DIMENSIONS
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        and (dimension != "priority" or set(names) <= set(PRIORITIES))
        for dimension, names in match.items()
    )
