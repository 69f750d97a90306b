"""Keys that stand twice in one JSON object, of which a decoder silently keeps the last."""

from __future__ import annotations

import re

import msgspec

_OBJECTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[][{}:]', re.DOTALL)


def may_repeat(lines: bytes) -> bool:
    """Whether some line may name a key twice; never `False` where one does.

    `lines` hold one valid object each. What looks like a key is counted in all of them at once: it
    is at least every key there is, so that as many as there are different ones leave no room for
    a second. Nested objects and quoted JSON in a text count as well, and want `repeated_key`.
    """
    different = sum(map(len, _OBJECTS.decode_lines(lines)))
    return lines.translate(None, b" \t\r").count(b'":') != different


def repeated_key(line: bytes) -> str | None:
    """The first key that an object's own text, a valid one, names for the second time.

    However it is written: `"id"` and `"\\u0069d"` are one key. Keys of nested objects don't count.
    """
    seen: set[str] = set()
    depth, before = 0, b""
    for token in _TOKENS.findall(line):
        if token in b"[{":
            depth += 1
        elif token in b"]}":
            depth -= 1
        elif token == b":" and depth == 1:
            key = msgspec.json.decode(before, type=str)
            if key in seen:
                return key
            seen.add(key)
        before = token
    return None
