"""What the converter says of types, in words of people who write files."""

from __future__ import annotations

import re

_TYPE = re.compile(r"\b(expected|got) `([a-z]+(?: \| [a-z]+)*)`", re.IGNORECASE)
_WORDS = {
    "datetime": "an instant such as 2026-01-31T09:00:00Z",
    "float": "a number",
    "int": "a whole number",
    "str": "text in quotes",
    "bool": "true or false",
    "object": "names with values in braces",
    "array": "a list in brackets",
    "date": "a date without a time",
}


def in_plain_words(said: str) -> str:
    """A converter's message with its names of types in words.

    ``expected `float | null`, got `str``` becomes `expected a number, got text in quotes`.
    """
    return _TYPE.sub(_words, said)


def _words(found: re.Match[str]) -> str:
    names = [name for name in found[2].split(" | ") if name != "null"] or ["null"]
    return f"{found[1]} {' or '.join(_WORDS.get(name, name) for name in names)}"
