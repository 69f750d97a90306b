"""The minimum of a multiset that values join and leave."""

from __future__ import annotations

from heapq import heappop, heappush

import msgspec


class RunningMin(msgspec.Struct, array_like=True):
    """Multiset of instants with its minimum, in O(log n) amortised a change.

    A value may leave before it joins: what several shards say of one window comes in any order,
    and a count is below zero only until the rest of that window is in.
    """

    counts: dict[int, int] = {}
    heap: list[int] = []  # every value present, and some that left since

    def add(self, value: int, count: int = 1) -> None:
        """Let `value` join `count` times; a negative count lets it leave."""
        before = self.counts.get(value, 0)
        after = before + count
        if after > 0 and before <= 0:
            heappush(self.heap, value)
        if after:
            self.counts[value] = after
        else:
            self.counts.pop(value, None)
            self.min()  # or what left would stay in the heap for ever

    def change(self, joined: list[int], left: list[int], sign: int = 1) -> None:
        """Let values join and leave, or (-1) undo that; one that does both changes nothing."""
        net: dict[int, int] = {}
        for value in joined:
            net[value] = net.get(value, 0) + sign
        for value in left:
            net[value] = net.get(value, 0) - sign
        for value, count in net.items():
            if count:
                self.add(value, count)

    def min(self) -> int | None:
        """The smallest value present, or `None` if there is none."""
        heap = self.heap
        while heap and self.counts.get(heap[0], 0) <= 0:
            heappop(heap)
        return heap[0] if heap else None
