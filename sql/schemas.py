"""Arrow schemas of the history tables: the one place that types a column.

Instants are microseconds in UTC, durations seconds as doubles, `null` means "no data".
Every row a table gets is a tuple in the order of its schema. Columns that start with an
underscore serve the views and are not shown by them.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")
SECONDS = pa.float64()
RATIO = pa.float64()
TEXT = pa.string()
COUNT = pa.int64()
FLAG = pa.bool_()

Column = tuple[str, pa.DataType]


@dataclass(frozen=True)
class Table:
    """One history table: its columns, the instant that dates a row, and how rows are superseded.

    `dated_by` names the column whose UTC date is the row's `date=` folder. `key` identifies a row.
    `is_revised` tables hold one row a revision, of which a view shows the latest; in the others a
    row is final unless its conversation is restated (see `restatements`). A row in force that is
    not `shown_if` stands for one that a restatement took back.
    """

    name: str
    columns: tuple[Column, ...]
    dated_by: str
    key: tuple[str, ...]
    is_revised: bool = False
    shown_if: str = "true"

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, columns in row order."""
        return pa.schema(list(self.columns))

    @property
    def of_conversation(self) -> bool:
        """Whether its rows belong to a conversation and are restated with it."""
        return any(name == "_generation" for name, _ in self.columns)


_CONVERSATION: tuple[Column, ...] = (("conversation_id", TEXT), ("opened_at", INSTANT))
_SCOPE: tuple[Column, ...] = (("brand", TEXT), ("channel", TEXT), ("queue", TEXT))
_RESTATED: tuple[Column, ...] = (("_generation", pa.int32()),)

CONVERSATIONS = Table(
    "conversations",
    (
        *_CONVERSATION,
        *_SCOPE,
        ("priority", TEXT),
        ("language", TEXT),
        ("region", TEXT),
        ("customer_key", TEXT),
        ("opened_by", TEXT),  # customer, agent or bot
        ("is_complete", FLAG),  # opened by a customer's post that answers no other message
        ("first_post_at", INSTANT),
        ("first_reply_at", INSTANT),  # first human reply to the customer
        ("first_agent", TEXT),
        ("first_response_seconds", SECONDS),
        ("first_response_assigned_seconds", SECONDS),
        ("assigned_agent", TEXT),
        ("first_assigned_at", INSTANT),
        ("closed_at", INSTANT),
        ("closed_by", TEXT),  # agent or bot, where the close names one
        ("closing_agent", TEXT),
        ("resolution", TEXT),
        ("first_resolution_seconds", SECONDS),
        ("full_resolution_seconds", SECONDS),
        ("handle_elapsed_seconds", SECONDS),
        ("post_count", COUNT),
        ("reply_count", COUNT),
        ("bot_reply_count", COUNT),
        ("reopen_count", COUNT),
        ("transfer_count", COUNT),
        ("messages_to_resolution", COUNT),
        ("waiting_since", INSTANT),
        ("last_event_at", INSTANT),
        ("is_late", FLAG),
        ("is_final", FLAG),
        ("revision", COUNT),
        *_RESTATED,
    ),
    dated_by="opened_at",
    key=("conversation_id", "opened_at"),
    is_revised=True,
)

RESPONSES = Table(
    "responses",
    (
        *_CONVERSATION,
        ("wait_started_at", INSTANT),
        ("replied_at", INSTANT),
        ("kind", TEXT),  # first or next
        ("agent", TEXT),  # who sent the reply
        *_SCOPE,
        ("priority", TEXT),
        ("response_seconds", SECONDS),
        ("response_assigned_seconds", SECONDS),
        ("posts_answered", COUNT),
        *_RESTATED,
    ),
    dated_by="replied_at",
    key=("conversation_id", "opened_at", "wait_started_at", "replied_at"),
)

MESSAGES = Table(
    "messages",
    (
        *_CONVERSATION,
        ("id", TEXT),
        ("source", TEXT),
        ("at", INSTANT),
        ("direction", TEXT),  # inbound or outbound
        ("agent", TEXT),
        ("bot", TEXT),
        ("visibility", TEXT),
        ("sentiment", RATIO),
        *_SCOPE,
        ("is_late", FLAG),
        *_RESTATED,
    ),
    dated_by="at",
    key=("source", "id"),
)

SLA = Table(
    "sla",
    (
        *_CONVERSATION,
        ("sla", TEXT),
        ("started_at", INSTANT),
        ("due_at", INSTANT),
        ("ended_at", INSTANT),
        ("outcome", TEXT),  # met, missed or void
        ("policy_version", TEXT),
        ("rule", TEXT),
        ("target_seconds", SECONDS),
        ("agent", TEXT),
        *_SCOPE,
        ("priority", TEXT),
        *_RESTATED,
    ),
    dated_by="ended_at",
    key=("conversation_id", "opened_at", "sla", "started_at"),
)

WINDOWS = Table(
    "windows",
    (
        ("window_start", INSTANT),
        *_SCOPE,
        ("posts", COUNT),
        ("replies", COUNT),
        ("opened", COUNT),
        ("closed", COUNT),
        ("answered", COUNT),
        ("met", COUNT),
        ("missed", COUNT),
        ("attainment", RATIO),
        ("is_breached", FLAG),
        ("first_response_p50", SECONDS),
        ("first_response_p90", SECONDS),
        ("first_response_mean", SECONDS),
        ("waiting", COUNT),
        ("oldest_wait_seconds", SECONDS),
        ("posts_expected", pa.float64()),
        ("spike_score", RATIO),
        ("is_spike", FLAG),
        ("revision", COUNT),
    ),
    dated_by="window_start",
    key=("window_start", "brand", "channel", "queue"),
    is_revised=True,
    shown_if="posts + replies + opened + closed + answered + met + missed > 0",
)

SPIKES = Table(
    "spikes",
    (
        ("started_at", INSTANT),  # of the first minute or window that was hot
        *_SCOPE,
        ("kind", TEXT),  # spike, surge or crisis (a spike with many negative posts)
        ("detected_at", INSTANT),
        ("ended_at", INSTANT),  # null: it goes on
        ("peak_at", INSTANT),  # window with the most posts
        ("peak_posts", COUNT),
        ("expected", pa.float64()),  # in that window
        ("ratio", RATIO),
        ("severity", pa.float64()),  # days since as many posts came in five minutes
        ("scored_posts", COUNT),  # with a sentiment
        ("negative_ratio", RATIO),
        ("revision", COUNT),
        ("is_surge", FLAG),  # else a spike or a crisis, and one may become the other
    ),
    dated_by="started_at",
    key=("started_at", "brand", "channel", "queue", "is_surge"),
    is_revised=True,
)

REJECTED = Table(
    "rejected",
    (
        ("source", TEXT),
        ("position", TEXT),
        ("reason", TEXT),
        ("detail", TEXT),
        ("received_at", INSTANT),
        ("raw", pa.binary()),
    ),
    dated_by="received_at",
    key=("source", "position"),
)

RESTATEMENTS = Table(
    "restatements",
    (
        ("conversation_id", TEXT),
        ("from_opened_at", INSTANT),
        ("generation", pa.int32()),
        ("restated_at", INSTANT),
    ),
    dated_by="restated_at",
    key=("conversation_id", "generation"),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (CONVERSATIONS, RESPONSES, MESSAGES, SLA, WINDOWS, SPIKES, REJECTED, RESTATEMENTS)
}
