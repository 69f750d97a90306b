"""How structs leave a process: pickled, they are one block of msgpack.

Field by field, pickle takes ten times as long for events. Both ends run the same version; nothing
of this is kept.
"""

from __future__ import annotations

from typing import Any

import msgspec


def as_one_block(struct: msgspec.Struct) -> tuple[Any, ...]:
    """The `__reduce__` of structs that steps in different processes send each other."""
    return _unpack, (type(struct), msgspec.msgpack.encode(struct))


def _unpack(kind: type[msgspec.Struct], packed: bytes) -> msgspec.Struct:
    return msgspec.msgpack.decode(packed, type=kind)
