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
TEXTS = pa.list_(pa.string())
MANY_SECONDS = pa.list_(pa.float64())

Column = tuple[str, pa.DataType]


@dataclass(frozen=True)
class Table:
    """One history table: its columns, the instant that dates a row, and how rows are superseded.

    `dated_by` names the column whose UTC date is the row's `date=` folder. `key` identifies a row.
    A row in which that is null is dated by `or_dated_by`. `is_revised` tables hold one row a
    revision, of which a view shows the latest; in the others a row is final unless its
    conversation is restated (see `restatements`). A row in force that is not `shown_if` stands for
    one that a restatement took back.
    """

    name: str
    columns: tuple[Column, ...]
    dated_by: str
    key: tuple[str, ...]
    is_revised: bool = False
    or_dated_by: str = ""
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
        ("first_response_human_seconds", SECONDS),  # from the hand-off or reopen to a person
        ("first_response_assigned_seconds", SECONDS),
        ("first_response_business_seconds", SECONDS),
        ("first_response_human_business_seconds", SECONDS),
        ("first_response_assigned_business_seconds", SECONDS),
        ("first_response_active_seconds", SECONDS),  # business time less pauses
        ("first_response_due_at", INSTANT),
        ("first_response_margin_seconds", SECONDS),  # left of the target; negative: late
        ("worst_wait_seconds", SECONDS),  # the longest answered wait
        ("worst_wait_margin_seconds", SECONDS),  # the least that was left of a target
        ("assigned_agent", TEXT),
        ("first_assigned_at", INSTANT),
        ("closed_at", INSTANT),
        ("closed_by", TEXT),  # agent, bot or customer, where the close names one
        ("closing_agent", TEXT),
        ("resolution", TEXT),
        ("first_resolution_seconds", SECONDS),
        ("first_resolution_business_seconds", SECONDS),
        ("full_resolution_seconds", SECONDS),
        ("full_resolution_business_seconds", SECONDS),
        ("resolution_active_seconds", SECONDS),
        ("resolution_due_at", INSTANT),
        ("resolution_margin_seconds", SECONDS),
        ("handle_elapsed_seconds", SECONDS),
        ("handle_elapsed_business_seconds", SECONDS),
        ("handle_assigned_seconds", SECONDS),
        ("handle_assigned_business_seconds", SECONDS),
        ("post_count", COUNT),
        ("reply_count", COUNT),
        ("bot_reply_count", COUNT),
        ("note_count", COUNT),
        ("reopen_count", COUNT),
        ("reopen_gap_seconds", MANY_SECONDS),
        ("reopen_gap_business_seconds", MANY_SECONDS),
        ("transfer_count", COUNT),
        ("is_transferred", FLAG),
        ("in_channel", FLAG),
        ("is_closed_in_public", FLAG),
        ("messages_to_resolution", COUNT),
        ("is_one_touch", FLAG),
        ("bot_outcome", TEXT),  # no_bot, contained, handed_off or abandoned
        ("bot_contained", FLAG),
        ("handoff_count", COUNT),  # the first counts
        ("handoff_seconds", SECONDS),
        ("sentiment_start", RATIO),
        ("sentiment_end", RATIO),
        ("sentiment_count", COUNT),
        ("csat_score", RATIO),  # the last answer
        ("csat_is_positive", FLAG),
        ("csat_sent_count", COUNT),
        ("csat_answer_count", COUNT),
        ("csat_first_score", RATIO),
        ("csat_flip_count", COUNT),
        ("csat_agent", TEXT),  # who had it when the survey was sent
        ("nps_score", RATIO),
        ("nps_group", TEXT),  # promoter, passive or detractor
        ("nps_agent", TEXT),
        ("is_actionable", FLAG),
        ("tags", TEXTS),
        ("topic", TEXT),
        ("is_abandoned", FLAG),
        ("is_closed_with_customer_last", FLAG),
        ("paused_seconds", SECONDS),
        ("waiting_since", INSTANT),
        ("last_event_at", INSTANT),
        ("is_late", FLAG),
        ("is_final", FLAG),
        ("final_at", INSTANT),  # nothing changes it after that, if nothing more happens before
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
        ("response_business_seconds", SECONDS),
        ("response_assigned_seconds", SECONDS),
        ("response_assigned_business_seconds", SECONDS),
        ("handling_started_at", INSTANT),  # estimated, see `handling`
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
        ("seq", COUNT),
        ("direction", TEXT),  # inbound or outbound
        ("agent", TEXT),
        ("bot", TEXT),
        ("visibility", TEXT),
        ("sentiment", RATIO),
        *_SCOPE,
        ("priority", TEXT),
        ("is_late", FLAG),
        *_RESTATED,
    ),
    dated_by="at",
    key=("source", "id"),
)

ACTIONS = Table(
    "actions",
    (
        *_CONVERSATION,  # opened_at is null before the first message
        ("id", TEXT),
        ("source", TEXT),
        ("at", INSTANT),
        ("seq", COUNT),
        ("kind", TEXT),
        ("agent", TEXT),
        ("bot", TEXT),
        ("handling_agent", TEXT),  # who had it just before, else the last person who wrote
        ("wait_started_at", INSTANT),  # of the wait that ran just before
        ("is_answered", FLAG),  # a person had replied to the customer before
        ("from_brand", TEXT),
        ("from_channel", TEXT),
        ("from_queue", TEXT),
        *_SCOPE,  # after it
        ("priority", TEXT),
        ("reason", TEXT),
        ("resolution", TEXT),
        ("survey", TEXT),  # csat or nps
        ("score", RATIO),
        ("scale_max", RATIO),
        ("is_positive", FLAG),  # of a CSAT answer
        ("credited_agent", TEXT),  # of a survey: who had it when that was sent
        ("tags", TEXTS),
        ("topic", TEXT),
        ("actionable", FLAG),
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
        ("outcome", TEXT),  # met, missed, void, or running where a replay ended
        ("policy_version", TEXT),
        ("rule", TEXT),
        ("target_seconds", SECONDS),
        ("elapsed_seconds", SECONDS),  # counted: business time less pauses
        ("agent", TEXT),
        *_SCOPE,
        ("priority", TEXT),
        *_RESTATED,
    ),
    dated_by="ended_at",
    or_dated_by="started_at",
    # A close and a reopen of one instant leave a clock of no length beside the one that goes on.
    key=("conversation_id", "opened_at", "sla", "started_at", "ended_at"),
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
        ("final_at", INSTANT),  # late events change it no more after that
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

HANDLING = Table(
    "handling",
    (
        *_CONVERSATION,
        ("wait_started_at", INSTANT),
        ("replied_at", INSTANT),
        ("agent", TEXT),
        *_SCOPE,
        ("handle_active_seconds", SECONDS),
        ("handle_active_method", TEXT),  # estimated or focus
        ("revision", COUNT),
        *_RESTATED,
    ),
    dated_by="replied_at",
    key=("conversation_id", "opened_at", "wait_started_at", "replied_at"),
    is_revised=True,
)

AGENT_STATES = Table(
    "agent_states",
    (
        ("agent", TEXT),
        ("state", TEXT),  # available, busy, away or offline
        ("started_at", INSTANT),
        ("ended_at", INSTANT),  # null: it goes on
        ("seconds", SECONDS),
        ("source", TEXT),
        ("id", TEXT),
        ("revision", COUNT),
    ),
    dated_by="started_at",
    key=("source", "id"),
    is_revised=True,
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

WORK = Table(
    "work",  # drawn from the others, see work.py
    (
        ("work", TEXT),  # reply, response, handling, clock, close or survey
        ("worked_at", INSTANT),
        ("agent", TEXT),
        *_SCOPE,
        ("priority", TEXT),
        ("conversation", COUNT),  # a number that stands for it; of replies
        ("kind", TEXT),
        ("response_us", COUNT),
        ("response_assigned_us", COUNT),
        ("handle_active_us", COUNT),
        ("sla", TEXT),
        ("outcome", TEXT),
        ("is_reopened", FLAG),
        ("handle_elapsed_us", COUNT),
        ("is_started_negative", FLAG),
        ("is_ended_negative", FLAG),
        ("is_final", FLAG),
        ("survey", TEXT),
        ("score", RATIO),
        ("scale_max", RATIO),
        ("is_positive", FLAG),
    ),
    dated_by="worked_at",
    key=(),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        HANDLING,  # first, since the views of the next two are made with it
        CONVERSATIONS,
        RESPONSES,
        MESSAGES,
        ACTIONS,
        SLA,
        WINDOWS,
        SPIKES,
        AGENT_STATES,
        REJECTED,
        RESTATEMENTS,
    )
}
