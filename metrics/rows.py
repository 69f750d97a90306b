"""Rows of the history as the rules emit them: tuples in the order of their table's columns.

Instants are integer microseconds (UTC), durations seconds, `None` means "no data". The columns
and their types stand in one place, `sql.schemas`; the functions that make rows name each value
there in the same order, and `tests/test_rows.py` compares the two.
"""

from __future__ import annotations

from typing import Any

Row = tuple[Any, ...]


RejectedRow = tuple[
    str,  # source
    str,  # position
    str,  # reason
    str,  # detail
    int,  # received_at
    bytes,  # raw
]
"""One input row that was refused, with the bytes it had (capped)."""

RestatementRow = tuple[
    str,  # conversation_id
    int,  # from_opened_at
    int,  # generation
    int,  # restated_at
]
"""Voids the older generations of a conversation, opened at `from_opened_at` or later."""
