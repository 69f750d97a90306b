"""Threads of Kaggle's "Customer Support on Twitter" CSV: tweets in, events out.

The file lies in tree order, not in time, so its threads are known only once all of it is read:
`TwcsArchive` keeps a few machine words a row and builds the event dicts as they are asked for.
Threads follow `in_response_to_tweet_id` alone.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

from replywatch.flows.twcs_rows import Reject, read_twcs
from replywatch.metrics.times import to_text

Event = dict[str, str]


class TwcsArchive:
    """A whole file, threaded: about 60 bytes a row and its author, events made when asked for.

    A conversation is named by the topmost tweet that its thread reaches in the file; a tweet whose
    parent is absent tops its own part and keeps `in_reply_to`, which shows it as incomplete. A
    thread that runs in a circle is named by its smallest id. The brand of a conversation is the
    author of its first outbound tweet (by time, then id), none when it has no outbound tweet.
    """

    def __init__(self, path: Path) -> None:
        self.rejects: list[Reject] = []
        self._ids = array("q")
        self._at = array("q")
        self._parents = array("q")  # ids; -1 where the tweet answers none
        self._is_inbound = bytearray()
        self._authors: list[str] = []
        known: dict[str, str] = {}
        for row in read_twcs(path, self.rejects.append):
            self._ids.append(row.tweet_id)
            self._at.append(row.at)
            self._parents.append(-1 if row.parent is None else row.parent)
            self._is_inbound.append(row.is_inbound)
            self._authors.append(known.setdefault(row.author, row.author))
        del known
        first = dict(zip(reversed(self._ids), range(len(self) - 1, -1, -1), strict=True))
        self._roots = self._find_roots(first)
        self._brands = self._find_brands(first)

    def __len__(self) -> int:
        return len(self._ids)

    def events(self, *, in_time_order: bool = False) -> Iterator[Event]:
        """Yield each tweet as an event, in file order or by time (equal times by id)."""
        rows: range | list[int] = range(len(self))
        if in_time_order:
            rows = sorted(rows, key=self._order)
        for row in rows:
            yield self._event(row)

    def _order(self, row: int) -> tuple[int, int]:
        return self._at[row], self._ids[row]

    def _event(self, row: int) -> Event:
        root = self._roots[row]
        is_inbound = self._is_inbound[row]
        event = {
            "id": str(self._ids[row]),
            "at": to_text(self._at[row]),
            "kind": "post" if is_inbound else "reply",
            "conversation": str(self._ids[root]),
            "source": "twitter",
            "channel": "twitter",
            "visibility": "public",
            "customer" if is_inbound else "agent": self._authors[row],
        }
        if self._parents[row] >= 0:
            event["in_reply_to"] = str(self._parents[row])
        if self._brands[root] >= 0:
            event["brand"] = self._authors[self._brands[root]]
        return event

    def _find_roots(self, first: dict[int, int]) -> array[int]:
        """For each row the row that tops its thread. A repeated tweet counts as its first row."""
        unseen, on_path = -1, -2
        roots = array("q", [unseen]) * len(self)
        for row in range(len(self)):
            path: list[int] = []
            here = row
            while roots[here] == unseen:
                roots[here] = on_path
                path.append(here)
                here = first[self._ids[here]]
                here = first.get(self._parents[here], here)
            top = roots[here]
            if top == on_path:  # came back to itself: no parent in the file, or a circle
                top = min(path[path.index(here) :], key=self._ids.__getitem__)
                top = first[self._ids[top]]
            for member in path:
                roots[member] = top
        return roots

    def _find_brands(self, first: dict[int, int]) -> array[int]:
        """For each topmost row the row of its conversation's first outbound tweet, else -1."""
        brands = array("q", [-1]) * len(self)
        for row, root in enumerate(self._roots):
            if self._is_inbound[row] or first[self._ids[row]] != row:
                continue
            best = brands[root]
            if best < 0 or self._order(row) < self._order(best):
                brands[root] = row
        return brands


def twcs_events(path: Path) -> tuple[list[Event], list[Reject]]:
    """All events of `path` in file order, and the rows refused. For large files: `TwcsArchive`."""
    archive = TwcsArchive(path)
    return list(archive.events()), archive.rejects
