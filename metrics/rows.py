"""Rows of the history as the rules emit them: tuples in the order of their table's columns.

Instants are integer microseconds (UTC), durations seconds, `None` means "no data". The types
below name each place; `sql.schemas` gives its Arrow type. The last place of a row that belongs to
a conversation is its generation: see `RestatementRow`.
"""

from __future__ import annotations

ConversationRow = tuple[
    str,  # conversation_id
    int,  # opened_at
    str,  # brand
    str,  # channel
    str,  # queue
    str,  # priority
    str,  # language
    str,  # region
    str | None,  # customer_key
    str,  # opened_by
    bool,  # is_complete
    int | None,  # first_post_at
    int | None,  # first_reply_at
    str | None,  # first_agent
    float | None,  # first_response_seconds
    float | None,  # first_response_assigned_seconds
    str | None,  # assigned_agent
    int | None,  # first_assigned_at
    int | None,  # closed_at
    str | None,  # closed_by
    str | None,  # closing_agent
    str | None,  # resolution
    float | None,  # first_resolution_seconds
    float | None,  # full_resolution_seconds
    float | None,  # handle_elapsed_seconds
    int,  # post_count
    int,  # reply_count
    int,  # bot_reply_count
    int,  # reopen_count
    int,  # transfer_count
    int | None,  # messages_to_resolution
    int | None,  # waiting_since
    int,  # last_event_at
    bool,  # is_late
    bool,  # is_final
    int,  # revision
    int,  # generation
]
"""One conversation at one revision; the highest revision is its latest."""

ResponseRow = tuple[
    str,  # conversation_id
    int,  # opened_at
    int,  # wait_started_at
    int,  # replied_at
    str,  # kind
    str,  # agent
    str,  # brand
    str,  # channel
    str,  # queue
    str,  # priority
    float,  # response_seconds
    float | None,  # response_assigned_seconds
    int,  # posts_answered
    int,  # generation
]
"""One answered wait."""

MessageRow = tuple[
    str,  # conversation_id
    int,  # opened_at
    str,  # id
    str,  # source
    int,  # at
    str,  # direction
    str | None,  # agent
    str | None,  # bot
    str,  # visibility
    float | None,  # sentiment
    str,  # brand
    str,  # channel
    str,  # queue
    bool,  # is_late
    int,  # generation
]
"""One post or reply, without its text."""

SlaRow = tuple[
    str,  # conversation_id
    int,  # opened_at
    str,  # sla
    int,  # started_at
    int,  # due_at
    int,  # ended_at
    str,  # outcome
    str,  # policy_version
    str,  # rule
    float,  # target_seconds
    str | None,  # agent
    str,  # brand
    str,  # channel
    str,  # queue
    str,  # priority
    int,  # generation
]
"""One SLA clock that ended."""

WindowRow = tuple[
    int,  # window_start
    str,  # brand
    str,  # channel
    str,  # queue
    int,  # posts
    int,  # replies
    int,  # opened
    int,  # closed
    int,  # answered
    int,  # met
    int,  # missed
    float | None,  # attainment
    bool,  # is_breached
    float | None,  # first_response_p50
    float | None,  # first_response_p90
    float | None,  # first_response_mean
    int,  # waiting
    float | None,  # oldest_wait_seconds
    float | None,  # posts_expected
    float | None,  # spike_score
    bool,  # is_spike
    int,  # revision
]
"""One 5-minute window of one scope."""

SpikeRow = tuple[
    int,  # started_at
    str,  # brand
    str,  # channel
    str,  # queue
    str,  # kind
    int,  # detected_at
    int | None,  # ended_at
    int,  # peak_at
    int,  # peak_posts
    float,  # expected
    float | None,  # ratio
    float,  # severity
    int,  # scored_posts
    float | None,  # negative_ratio
    int,  # revision
    bool,  # is_surge
]
"""One volume episode of a scope at one revision; the highest revision is its latest."""

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

Row = (
    ConversationRow
    | ResponseRow
    | MessageRow
    | SlaRow
    | WindowRow
    | SpikeRow
    | RejectedRow
    | RestatementRow
)
