"""The reports there are: what each shows, and how its rows may be grouped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Report:
    """One report: what it shows and how its rows may be grouped.

    `groups` are the columns it can be grouped by, several at once. `always` are columns that every
    grouping keeps (response kinds and SLAs are never mixed). `listings` map a value of `by` that
    is no grouping to the SQL file that lists rows so, `titles` to the title of that.
    `grouped` is the file for groupings, the report's own name if empty; `values` are parameters it
    takes beside the common ones. `turns` are others, one after the other: what the rows of one were
    made of is gone from memory before the next. `brief` are the figures that a table for people
    shows, all if empty.
    """

    title: str
    default: str
    groups: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    listings: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    grouped: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    turns: tuple[Mapping[str, Any], ...] = ({},)
    brief: tuple[str, ...] = ()

    @property
    def by(self) -> tuple[str, ...]:
        """Every value that `by` may take; those in `groups` may be joined by commas."""
        return (*self.listings, *self.groups)


_WORK = (
    *("conversations", "replies", "responses", "published_median_seconds"),
    *("published_p90_seconds", "assigned_median_seconds", "assigned_median_low_seconds"),
    *("assigned_median_high_seconds", "handle_active_mean_seconds", "met", "missed", "attainment"),
    *("closed", "reopened", "csat_answered", "csat_ratio", "is_small_sample"),
)

REPORTS: dict[str, Report] = {
    "agents": Report(
        "work done in the period (throughput)",
        default="agent",
        groups=("agent", "brand", "channel", "queue", "day", "hour"),
        listings={
            "cohort": "agent_cohort",
            "state": "agent_states",
            "behaviour": "agent_behaviours",
        },
        titles={
            "cohort": "what became of the conversations opened in the period (cohort)",
            "state": "where the time went in the period (throughput)",
            "behaviour": "habits against the team's own rate (throughput); a hint, no verdict",
        },
        grouped="work",
        values={"everyone": False},
        brief=_WORK,
    ),
    "teams": Report(
        "work done in the period by teams, which are queues (throughput)",
        default="queue",
        groups=("queue", "brand", "channel", "day", "hour"),
        grouped="work",
        values={"everyone": True},
        brief=("agents", *_WORK),
    ),
    "sla": Report(
        "SLA clocks that ended in the period (throughput)",
        default="sla",
        groups=("sla", "brand", "channel", "queue", "priority", "day", "hour"),
        always=("sla",),
    ),
    "volume": Report(
        "posts, replies and conversations in the period",
        default="day",
        groups=("day", "hour", "interval", "window", "brand", "channel", "queue"),
    ),
    "responses": Report(
        "waits that a person answered in the period (throughput)",
        default="kind",
        groups=("kind", "brand", "channel", "queue", "priority", "agent", "day", "hour"),
        always=("kind",),
        turns=({"is_for_all": False}, {"is_for_all": True}),
    ),
    "resolution": Report(
        "conversations whose latest close is in the period (throughput)",
        default="queue",
        groups=(*("queue", "brand", "channel", "priority", "agent", "resolution", "topic", "day"),),
        brief=(
            *("closed", "provisional", "full_median_seconds", "full_p90_seconds"),
            *("business_median_seconds", "reopened_ratio", "fcr_final", "fcr_ratio"),
            *("one_touch_ratio", "transferred", "in_channel_ratio", "bot_contained_ratio"),
            *("handled", "handle_active_mean_seconds"),
        ),
    ),
    "satisfaction": Report(
        "what customers said and how they felt in the period (throughput)",
        default="queue",
        groups=("queue", "brand", "channel", "agent", "day"),
    ),
    "breaches": Report(
        "deadlines missed in the period, newest first",
        default="clock",
        listings={"clock": "breaches", "window": "breached_windows"},
    ),
    "spikes": Report(
        "episodes of unusual volume that began in the period, newest first",
        default="episode",
        groups=("kind", "brand", "channel", "queue", "day"),
        listings={"episode": "spikes"},
        grouped="spike_counts",
    ),
    "rejected": Report(
        "events refused in the period",
        default="event",
        groups=("source", "reason", "day"),
        listings={"event": "rejected"},
        grouped="rejected_counts",
    ),
}
