"""Quarter-hours of volume, worked out by hand from their 5-minute windows."""

from __future__ import annotations

from small_history import ACME_CHAT, history, window


def test_the_state_of_a_quarter_hour_is_that_of_its_last_window() -> None:
    """Who waited before and no longer does leaves no wait behind."""
    con = history(
        windows=[
            window("10:00", ACME_CHAT, posts=2, waiting=2, oldest_wait_seconds=300.0),
            window("10:05", ACME_CHAT, posts=1, waiting=3, oldest_wait_seconds=600.0),
            window("10:10", ACME_CHAT, replies=3, waiting=0),
            window("10:15", ACME_CHAT, posts=1, waiting=1, oldest_wait_seconds=120.0),
        ]
    )
    asked = "select posts, replies, waiting, oldest_wait_seconds from volume_intervals order by all"
    assert [(1, 0, 1, 120.0), (3, 3, 0, None)] == con.execute(asked).fetchall()
