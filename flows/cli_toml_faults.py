"""Every fault of a TOML file that should be a struct, each with the line it stands in.

TOML readers give values without places and converters stop at the first fault. So the lines of
keys are found by a second, rough reading of the text, and each field is converted by itself.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from replywatch.flows.plain_types import in_plain_words

Place = tuple[str | int, ...]
"""Where a value stands: keys of tables, and indices in arrays from 0."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_\-.\"' ]+?)\s*=\s*(.*)$")
_INLINE_KEY = re.compile(r"[{,]\s*([A-Za-z0-9_\-]+)\s*=")
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_AT_PATH = re.compile(r" - at `\$?[^`]*`$")


@dataclass(frozen=True)
class Fault:
    """A fault in a file: its line (from 1; 0 where none can be told), and what is wrong."""

    line: int
    reason: str


class UnreadableError(Exception):
    """The text as a whole can't be read; `fault` says where it breaks."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


class TomlText:
    """A TOML file: its `data`, and the lines of its keys. Raises `UnreadableError`."""

    data: dict[str, Any]

    def __init__(self, content: bytes) -> None:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise UnreadableError(Fault(line, "this is not UTF-8 text")) from None
        try:
            self.data = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            said = str(error)
            at = _AT_LINE.search(said)
            line = int(at[1]) if at else text.count("\n") + 1
            reason = f"not TOML: {_AT_LINE.sub('', said)}".replace(" (at end of document)", "")
            raise UnreadableError(Fault(line, reason)) from None
        self._text = text.splitlines()
        self._lines = _find_lines(text)

    def line_of(self, place: Place) -> int:
        """The line of the value at `place`, else of the nearest table around it; at least 1."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def line_of_text(self, place: Place, value: object) -> int:
        """The line of one `value` in the array at `place`, which may be many lines long."""
        first = self.line_of(place)
        if isinstance(value, str):
            open_brackets = 0
            for number, line in enumerate(self._text[first - 1 :], first):
                if f'"{value}"' in line or f"'{value}'" in line:
                    return number
                open_brackets += _open_brackets(line)
                if open_brackets <= 0:
                    break
        return first


def _find_lines(text: str) -> dict[Place, int]:
    """Lines of tables and keys. Keys inside a value of several lines get the line it begins in."""
    lines: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    open_brackets = 0
    for number, line in enumerate(text.splitlines(), 1):
        if open_brackets <= 0 and (header := _HEADER.match(line)):
            table = ()
            names = _split_key(header[2])
            for depth, name in enumerate(names):
                table = (*table, name)
                if header[1] == "[[" and depth == len(names) - 1:
                    counts[table] = counts.get(table, -1) + 1
                if table in counts:
                    lines.setdefault(table, number)
                    table = (*table, counts[table])
            lines.setdefault(table, number)
        elif open_brackets <= 0 and (key := _KEY.match(line)):
            place = (*table, *_split_key(key[1]))
            lines.setdefault(place, number)
            for inner in _INLINE_KEY.findall(key[2]):
                lines.setdefault((*place, inner), number)
            open_brackets = _open_brackets(key[2])
        elif open_brackets > 0:
            open_brackets += _open_brackets(line)
    return lines


def _split_key(dotted: str) -> Place:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _open_brackets(value: str) -> int:
    """How many brackets of a value its first line leaves open."""
    bare = re.sub(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|#.*", "", value)
    return sum(map(bare.count, "[{")) - sum(map(bare.count, "]}"))


Structs = tuple[type[msgspec.Struct], ...]


def struct_faults(
    text: TomlText,
    data: object,
    kind: type[msgspec.Struct],
    place: Place = (),
    apart: Structs = (),
) -> list[Fault]:
    """Every fault of `data`, which stands at `place` and should be a `kind`.

    Of the structs `apart` only single values are looked at: what they are as a whole is checked by
    somebody who can say more.
    """
    if not isinstance(data, dict):
        return [_fault(text, place, "must be a table")]
    faults: list[Fault] = []
    hints = get_type_hints(kind, include_extras=True)
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name in data:
        if name not in fields:
            known = ", ".join(fields)
            faults.append(_fault(text, (*place, name), f"is not known here: use one of {known}"))
    sound: dict[str, Any] = {}
    for name, field in fields.items():
        if name in data:
            found = _value_faults(text, data[name], hints[name], (*place, name), apart)
            faults += found
            if not found and _struct_in(hints[name]) not in apart:
                sound[name] = data[name]
        elif field.required:
            faults.append(_fault(text, place, f"has no '{name}', which it needs"))
    return faults if kind in apart else faults + _whole_faults(text, sound, kind, place)


def _value_faults(
    text: TomlText, value: object, hint: Any, place: Place, apart: Structs
) -> list[Fault]:
    hint = _arm(hint, value)
    inner = _struct_in(hint)
    if inner is not None and isinstance(hint, type):
        return struct_faults(text, value, inner, place, apart)
    many: list[tuple[str | int, Any]] = []
    if isinstance(value, dict) and get_origin(hint) is dict:
        many = [*value.items()]
    elif isinstance(value, list) and get_origin(hint) is tuple:
        many = [*enumerate(value)]
    if inner is not None and many:
        return [
            fault
            for name, item in many
            for fault in struct_faults(text, item, inner, (*place, name), apart)
        ]
    if many and get_args(hint)[-1] is Ellipsis:  # each of a list by itself
        hint, values = get_args(hint)[0], [item for _, item in many]
    else:
        values = [value]
    faults = []
    for item in values:
        try:
            msgspec.convert(item, hint, dec_hook=_from_text)
        except msgspec.ValidationError as error:
            reason = f"{_named(place)} is {_shown(item)}: {_expected(hint, error)}"
            faults.append(Fault(text.line_of_text(place, item), reason))
    return faults


def _arm(hint: Any, value: object) -> Any:
    """Of types one of which is allowed, the one that a table or an array is meant to be."""
    if get_origin(hint) in (Union, UnionType):
        for arm in get_args(hint):
            if isinstance(value, list) and get_origin(arm) is tuple:
                return arm
            if isinstance(value, dict) and get_origin(arm) is not tuple and _struct_in(arm):
                return arm
    return hint


def _expected(hint: Any, error: msgspec.ValidationError) -> str:
    """What a value of this type has to be."""
    if get_origin(hint) is Literal:
        return f"use one of {', '.join(get_args(hint))}"
    if hint is date:
        return "expected a date, such as 2026-12-25"
    said = _words(error)
    if said == "expected a number > 0.0":
        return "expected more than 0, or leave it out for none"
    return next(map("expected {}".format, _descriptions(hint)), said)


def _descriptions(hint: Any) -> list[str]:
    """What the type of a field, or of what is in it, says of itself, where it does."""
    metas = getattr(hint, "__metadata__", ())
    own = [meta.description for meta in metas if getattr(meta, "description", None)]
    return own + [said for inner in get_args(hint) for said in _descriptions(inner)]


def _whole_faults(
    text: TomlText, sound: dict[str, Any], kind: type[msgspec.Struct], place: Place
) -> list[Fault]:
    """Faults that show only once the struct is made: of each optional key alone, then of all.

    `sound` holds the fields whose values are right by themselves.
    """
    required = {field.name for field in msgspec.structs.fields(kind) if field.required}
    if not required <= sound.keys():
        return []
    base = {name: sound[name] for name in sound if name in required}
    tries = [(name,) for name in sound if name not in required]
    found: dict[str, Fault] = {}
    for names in (*tries, tuple(sound)):
        try:
            msgspec.convert(base | {name: sound[name] for name in names}, kind, dec_hook=_from_text)
        except msgspec.ValidationError as error:
            at = (*place, *names) if len(names) == 1 else place
            if len(names) == 1 or not found:
                said = _words(error)
                found.setdefault(said, Fault(text.line_of(at), said))
    return list(found.values())


def _from_text(kind: type, value: object) -> object:
    """Values that TOML writes as text; the converter names the field of what is none."""
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is object:  # a table of anything, which somebody else reads
        return value
    raise ValueError(f"expected text, got {value!r}")


def _struct_in(hint: Any) -> type[msgspec.Struct] | None:
    """The struct that a field is, or is a tuple or a table of."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    if get_origin(hint) is tuple:
        return _struct_in(get_args(hint)[0])
    if get_origin(hint) is dict:
        return _struct_in(get_args(hint)[1])
    return None


def _fault(text: TomlText, place: Place, said: str) -> Fault:
    return Fault(text.line_of(place), f"{_named(place)} {said}")


def _named(place: Place) -> str:
    """A place in words: `rules[2].targets`, arrays from 1."""
    words = ""
    for part in place:
        words += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if words else part
    return f"'{words}'" if words else "the file"


def _shown(value: object) -> str:
    """A value from the file, short."""
    shown = f"'{value}'" if isinstance(value, str) else str(value)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"


def _words(error: Exception) -> str:
    """A converter's message without its place and its notation, its first letter small."""
    said = in_plain_words(_AT_PATH.sub("", str(error)))
    return said[:1].lower() + said[1:]
