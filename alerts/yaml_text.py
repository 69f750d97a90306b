"""YAML as people like to read it: blocks, no quotes where none are needed, long text in lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

Value = str | int | float | bool | Mapping[str, "Value"] | Sequence["Value"]

_PLAIN = re.compile(r"(?!.*(?:: | #|[:\s]$))(?:[A-Za-z_/(]|\d+[smhd]$)[ -~]*$")
"""Text that needs no quotes, at the start of a value: nothing that YAML would take for its own."""
_NOT_TEXT = re.compile(r"(?i)(true|false|yes|no|on|off|null|y|n)$")


def to_yaml(value: Value) -> str:
    """A document; the same value always gives the same bytes."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Value) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _entry(f"{_scalar(key)}:", item)
    elif isinstance(value, Sequence) and value and not isinstance(value, str):
        for item in value:
            first, *rest = _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" if line else line for line in rest)
    else:
        yield _scalar(value)


def _entry(key: str, value: Value) -> Iterator[str]:
    if isinstance(value, str) and "\n" in value:
        yield f"{key} |-"
        yield from (f"  {line}" if line else line for line in value.split("\n"))
    elif isinstance(value, Mapping | Sequence) and not isinstance(value, str) and value:
        yield key
        yield from (f"  {line}" if line else line for line in _lines(value))
    else:
        yield f"{key} {_scalar(value)}"


def _scalar(value: Value) -> str:
    if isinstance(value, str):
        if _PLAIN.match(value) and not _NOT_TEXT.match(value):
            return value
        if '"' in value and value.isprintable() and not set("'\\") & set(value):
            return f"'{value}'"
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, Sequence):
        return "[]"
    return f"{value:.15g}"
