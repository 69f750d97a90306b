"""What is kept of a line that was refused: enough to find its fault, and no more of a person."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

RAW_CAP = 4096
"""Bytes kept of a refused line at most."""

Kept = Literal["masked", "full", "none"]

_HIDDEN = b'"*"'
_PIECES = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[][{},:]|[^][{},:"]+', re.DOTALL)
_SCALAR = re.compile(rb"\s*(true|false|null|NaN|-?Infinity)?\s*")
_KEY = re.compile(rb'\s*"(?:[^"\\]|\\.)*+"\s*:', re.DOTALL)


def kept_of(line: bytes, kept: Kept, names: frozenset[str]) -> bytes:
    """The bytes of `line` to keep: all, none, or those with values hidden; `RAW_CAP` at most.

    With "masked", of a line that begins as an object the texts and numbers in fields outside
    `names` give way to `"*"`, however broken the line is; brackets stay. Other lines have no fields
    to tell apart: they are kept as they are.
    """
    if kept == "none":
        return b""
    line = line[:RAW_CAP]
    if kept == "full" or not line.lstrip().startswith(b"{"):
        return line
    return _masked(line, names)[:RAW_CAP]


def _masked(line: bytes, names: frozenset[str]) -> bytes:
    out = bytearray()
    depth, text = 0, b""  # a broken line may close more than it opened
    hidden_at: int | None = None
    for match in _PIECES.finditer(line):
        piece = match[0]
        if piece in b"[{":
            depth += 1
        elif piece in b"]}":
            depth -= 1
        if hidden_at is not None:
            is_next = piece == b"," and depth == hidden_at and _KEY.match(line, match.end())
            if is_next or depth < hidden_at:
                hidden_at = None
            elif piece not in b"[]{},:" and not _SCALAR.fullmatch(piece):
                piece = _HIDDEN
        elif piece == b":" and not _is_one_of(text, names):
            hidden_at = depth
        elif piece.startswith(b'"'):
            text = piece
        out += piece
    return bytes(out)


def _is_one_of(text: bytes, names: frozenset[str]) -> bool:
    try:
        return msgspec.json.decode(text) in names
    except (msgspec.MsgspecError, ValueError):
        return False
