"""The dataflow on one page: posts in, conversations, windows, breaches, out."""

from __future__ import annotations

from dataclasses import dataclass, field

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.inputs import FixedPartitionedSource

from replywatch.flows.failures import Failures
from replywatch.flows.kafka_sink import KafkaSink
from replywatch.flows.live import Sign
from replywatch.flows.notices import notices_of
from replywatch.flows.routing import THREADS, Item
from replywatch.flows.sinks import HistorySink, MetricsSink
from replywatch.flows.sources import PARTITION
from replywatch.flows.state_store import StateStores
from replywatch.flows.steps import (
    DeskLogic,
    RosterLogic,
    ShardLogic,
    Shown,
    Staffed,
    ThreadsLogic,
    Told,
)
from replywatch.flows.ways import (
    news_of,
    partials_of,
    rows_of,
    to_refused,
    to_shards,
    to_threads,
    without_key,
)
from replywatch.metrics.desk import Desk
from replywatch.metrics.policy import PolicyBook
from replywatch.metrics.roster import Roster
from replywatch.metrics.shard import Rows, Shard
from replywatch.metrics.threads import Threads
from replywatch.metrics.volume_settings import VolumeSettings


@dataclass(frozen=True)
class Plan:
    """What the dataflow is built from. Durations in microseconds of event time.

    `shards`, `desks` and `partitions`, the names of the source's, are part of the recovery state:
    a history keeps those it began with.
    """

    source: FixedPartitionedSource[Item, bytes]
    policy: PolicyBook
    history: HistorySink
    metrics: MetricsSink
    stores: StateStores
    shards: int
    desks: int
    rows_every: int
    restate_within: int
    remember_parents: int
    most_awake: int  # conversations of a shard that stay in memory between checkpoints
    volume: VolumeSettings = field(default_factory=VolumeSettings)
    partitions: tuple[str, ...] = (PARTITION,)
    notices: KafkaSink | None = None
    failures: Failures = field(default_factory=Failures)

    def threads(self, state: bytes | None) -> ThreadsLogic:
        """The step that threads messages."""
        threads = Threads(list(self.partitions), self.remember_parents)
        return ThreadsLogic(threads, self.shards, self.stores, state)

    def shard(self, state: bytes | None) -> ShardLogic:
        """The step that keeps the conversations of one bucket."""
        partitions = [*self.partitions, THREADS]
        shard = Shard(self.shards, partitions, self.policy, self.rows_every, self.most_awake)
        return ShardLogic(shard, self.desks, self.stores, state)

    def desk(self, state: bytes | None) -> DeskLogic:
        """The step that keeps the windows of some scopes."""
        desk = Desk(self.shards, self.policy, self.restate_within, self.volume)
        return DeskLogic(desk, self.stores, state)

    def roster(self, state: bytes | None) -> RosterLogic:
        """The step that keeps the agents."""
        roster = Roster(self.shards, self.policy.active_cap, self.restate_within)
        return RosterLogic(roster, self.stores, state)


def build(plan: Plan) -> Dataflow:
    """The dataflow of `plan`. Items between steps are batches, each with its watermark."""
    flow, failures = Dataflow("replywatch"), plan.failures
    arrivals = op.input("posts_in", flow, failures.note_partitions(plan.source))
    unnamed = op.filter_map("unnamed", arrivals, to_threads)
    threaded = op.stateful_batch("threads", unnamed, failures.note_parts(plan.threads))
    named = op.filter_map("named", arrivals, to_shards)
    posts = op.merge("posts", named, op.map("found", threaded, without_key))

    conversations = op.stateful_batch("conversations", posts, failures.note_parts(plan.shard))
    partials = op.flat_map("partials", conversations, partials_of)
    windows = op.stateful_batch("windows", partials, failures.note_parts(plan.desk))
    agents = op.stateful_batch(
        "agents", op.map("news", conversations, news_of), failures.note_parts(plan.roster)
    )

    refused = op.filter_map("refused", arrivals, to_refused)
    told: Stream[tuple[str, Told | Shown | Staffed | Rows]] = op.merge(
        "told", conversations, windows, agents, refused
    )
    op.output("history", op.flat_map("rows", told, rows_of), failures.note_partitions(plan.history))
    if plan.notices is not None:
        notices = failures.note_partitions(plan.notices)
        op.output("notices", op.flat_map("notice", told, notices_of), notices)
    signs: Stream[tuple[str, Sign]] = op.merge("signs", windows, agents, refused)
    op.output("metrics", op.map("sign", signs, without_key), plan.metrics)
    return flow
