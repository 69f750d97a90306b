"""What a queue is called in a file: its own name, or the one that the target system knows."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SCOPE = ("brand", "channel", "queue")
Row = Mapping[str, Any]


class QueueError(ValueError):
    """A queue that the target system can't be told of; the message says which and what to do."""


@dataclass(frozen=True)
class Queues:
    """Names and ids of queues in the target system, by `queue_name`.

    Without any, queues go by their own. With some, each queue needs one; an empty name leaves a
    queue out.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)

    def name(self, row: Row) -> str:
        """The queue's name there; empty for one that is left out."""
        own = queue_name(row)
        return self.names.get(own, own)

    def id(self, row: Row, default: str | int) -> str | int:
        """The queue's id there, `default` where no ids are known."""
        return self.ids.get(queue_name(row), default)

    def check(self, keys: Iterable[tuple[str, str]], *, has_ids: bool) -> None:
        """Raise `QueueError` unless each queue has a name of its own, and an id if a file has them.

        `keys` are queues by `queue_name`, each with its sort of contacts: queues of two sorts may
        share a name.
        """
        taken: dict[tuple[str, str], str] = {}
        for own, sort in sorted(keys):
            shown = self.names.get(own, own)
            if not shown:
                continue
            tables = {"queue_names": self.names, "queue_ids": self.ids if has_ids else {}}
            for table, given in tables.items():
                if given and own not in given:
                    raise QueueError(
                        f"queue '{own}' isn't in [{table}] of the configuration: add it, or leave "
                        f'the queue out by an empty name in [queue_names], "{own}" = ""'
                    )
            if (other := taken.setdefault((shown, sort), own)) != own:
                raise QueueError(
                    f"[queue_names] calls both '{other}' and '{own}' '{shown}', and a file has a "
                    "queue once: give each a name of its own"
                )


def queue_name(row: Row) -> str:
    """The name of a scope's queue; a slash in a part of it is escaped, so that names differ."""
    parts = (str(row[part]).replace("%", "%25").replace("/", "%2F") for part in SCOPE)
    return "/".join(parts)


def queue_number(name: str) -> int:
    """A number for a queue that stays the same, 1 to 2³¹ − 1."""
    return zlib.crc32(name.encode()) % (2**31 - 1) + 1
