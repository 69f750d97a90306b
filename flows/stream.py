"""A replay or a live service, put together from settings: sources, plan, exporter, history."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import msgspec

from replywatch.flows.agreement import SHAPING, agree, note_what_was_told
from replywatch.flows.cluster import ALONE, Cluster, Elsewhere
from replywatch.flows.customer_keys import check_customer_key, customer_key
from replywatch.flows.damage import refuse_damaged
from replywatch.flows.dataflow import Plan
from replywatch.flows.folder import FolderOptions, FolderSource
from replywatch.flows.formats import load_archive, mentions_unthreaded
from replywatch.flows.kafka import KafkaSource
from replywatch.flows.kafka_client import KafkaOptions
from replywatch.flows.kafka_sink import KafkaSink, SinkOptions
from replywatch.flows.live import LiveMetrics
from replywatch.flows.members import Membership, membership
from replywatch.flows.routing import Router
from replywatch.flows.runner import FINISHED, StopFlag, begin, run_flow
from replywatch.flows.settings import Settings, SettingsError, load_policy
from replywatch.flows.sinks import HistorySink, MetricsSink
from replywatch.flows.sources import (
    CREDIT,
    PARTITION,
    ArchiveSource,
    FilesSource,
    Progress,
    ReplayOptions,
)
from replywatch.flows.state_store import RECOVERY, StateStores
from replywatch.flows.steady import SteadyClock
from replywatch.flows.storage import naming
from replywatch.flows.watchdog import Watchdog
from replywatch.metrics.events import Decoder
from replywatch.metrics.policy import PolicyBook, parse_duration
from replywatch.metrics.policy_text import book_to_text
from replywatch.metrics.times import NEVER, SECOND
from replywatch.sql.history import prepare_database
from replywatch.sql.manifest import POLICY, Manifest
from replywatch.sql.writer import HistoryWriter

NOTICES_SENT = "notices_sent"
LiveSource = FolderSource | KafkaSource
REPLAY_EPOCH = timedelta(seconds=5)
SHARED_EPOCH = timedelta(milliseconds=500)  # with several workers, an epoch bounds what queues
LIVE_SHARED_EPOCH = timedelta(seconds=1)
# Conversations of a shard in memory, at some 8 kB each: a replay gains by more, a service lasts.
REPLAY_AWAKE, LIVE_AWAKE = 10_000, 1_000
COMPRESSED = (".gz", ".zst")  # whose length read to their end isn't known before


@dataclass
class Replay:
    """A replay that was asked for. `lateness` and `until` in microseconds."""

    inputs: list[Path]
    out: Path
    settings: Settings
    format: str = "events"
    order: str = "arrival"
    lateness: int = 3600 * SECOND
    until: int = 0
    workers: int = 1  # threads a process
    cluster: Cluster = ALONE
    speed: float | None = None
    stop: StopFlag = field(default_factory=StopFlag)
    progress: Progress = field(default_factory=Progress)


def replay_policy(replay: Replay) -> PolicyBook:
    """The policy of a replay; an archive of threads says nothing of ends, so none expires."""
    expire_after = NEVER if replay.format == "twcs" else None
    return load_policy(replay.settings.policy, expire_after)


def live_metrics(settings: Settings, policy: PolicyBook, mode: str) -> LiveMetrics:
    """The metrics of this process, with the scopes that the configuration names."""
    scopes = [(scope.brand, scope.channel, scope.queue) for scope in settings.scopes]
    return LiveMetrics(
        policy,
        scopes=scopes,
        max_scopes=settings.exporter.max_scopes,
        mode=mode,
        version=version("replywatch"),
    )


def run_replay(replay: Replay, policy: PolicyBook, live: LiveMetrics) -> bool:
    """Replay to the end, or to a stop; whether it came to the end. Resumes where it was cut."""
    cluster, out = replay.cluster, replay.out
    with naming(out), replay.stop.on_signals(), membership(out, cluster, replay.stop) as member:
        is_done = cluster.is_first and _begin(out, _made_from(replay), replay.settings, policy)
        with member.running(is_done=is_done) as is_needed:
            if is_needed:
                _replay(replay, policy, live, member)
                if replay.stop.is_set:
                    return False
                if cluster.is_first:
                    Manifest(out).set_fact(FINISHED, "yes")
    return True


def _replay(replay: Replay, policy: PolicyBook, live: LiveMetrics, member: Membership) -> None:
    settings = replay.settings
    is_single = replay.workers == 1 and replay.cluster.is_alone
    options = ReplayOptions(
        lateness=replay.lateness,
        until=replay.until,
        stop=replay.stop,
        speed=replay.speed,
        credit=NEVER if is_single else CREDIT,
        progress=replay.progress,
    )
    decoder = _decoder(settings)
    if replay.order == "time":
        make_router = _router_maker(settings, decoder, replay.lateness, has_threads=True)
        archive = ArchiveSource(
            lambda: load_archive(replay.inputs, replay.format, decoder), make_router, options
        )
        source: ArchiveSource | FilesSource = archive
    else:
        has_threads = any(map(mentions_unthreaded, replay.inputs))
        make_router = _router_maker(settings, decoder, replay.lateness, has_threads)
        if not any(path.suffix in COMPRESSED for path in replay.inputs):
            replay.progress.total = sum(path.stat().st_size for path in replay.inputs)
        source = FilesSource(replay.inputs, make_router, options)
    epoch = REPLAY_EPOCH if is_single else SHARED_EPOCH
    plan = _plan(
        settings,
        source if replay.cluster.is_first else Elsewhere(),
        policy,
        replay.out,
        live,
        rows_every=NEVER,
        seal_every=5,
        most_awake=REPLAY_AWAKE,
        is_writer=replay.cluster.is_first,
    )
    with closing(plan.stores):
        run_flow(plan, replay.out, replay.workers, epoch, member)


def run_live(
    settings: Settings,
    policy: PolicyBook,
    live: LiveMetrics,
    stop: StopFlag,
    cluster: Cluster = ALONE,
) -> None:
    """Follow the source, a folder or a topic, by the wall clock until stopped."""
    kafka = settings.source.kafka
    lateness = parse_duration(settings.lateness)
    make_router = _router_maker(settings, _decoder(settings), lateness, has_threads=True)
    credit = NEVER if cluster.is_alone else CREDIT
    now, steady = (lambda: time.time_ns() // 1000), SteadyClock()
    common = (lateness, now, steady, stop, live.delay.observe, credit)
    partitions: tuple[str, ...] = (PARTITION,)
    if kafka is not None:
        options = KafkaOptions(*common, kafka, kafka.resolved("source.kafka"))
        source: LiveSource = KafkaSource(options, make_router)
        made_from = {"run": f"kafka:{kafka.topic}", "readers": kafka.readers}
        partitions = tuple(source.list_parts())
    else:
        folder = settings.source.folder
        folder.mkdir(parents=True, exist_ok=True)
        source = FolderSource(FolderOptions(*common, folder), make_router)
        made_from = {"run": str(folder.resolve())}
    made_from |= _layout(settings)
    notices = _notices(settings, cluster.is_first)
    checkpoint_every = parse_duration(settings.checkpoint_every)
    stalled_after = max(parse_duration(settings.stalled_after), 3 * checkpoint_every)
    watchdog = Watchdog(stalled_after / SECOND)
    plan = _plan(
        settings,
        source if cluster.is_first or kafka is not None else Elsewhere(),
        policy,
        settings.history,
        live,
        rows_every=parse_duration(settings.conversations_every),
        seal_every=parse_duration(settings.seal_every) / SECOND,
        most_awake=LIVE_AWAKE,
        is_writer=cluster.is_first,
        on_epoch=watchdog.epoch_closed,
        partitions=partitions,
        notices=notices,
    )
    epoch = timedelta(microseconds=checkpoint_every)
    if not cluster.is_alone:
        epoch = min(epoch, LIVE_SHARED_EPOCH)
    with (
        naming(settings.history),
        stop.on_signals(),
        membership(settings.history, cluster, stop) as member,
    ):
        made_of = json.dumps(made_from, sort_keys=True)
        if cluster.is_first:
            prepare_database()
            _begin(settings.history, made_of, settings, policy)
            note_what_was_told(settings, policy, made_of)
        with member.running() as is_needed:
            if is_needed:
                if not cluster.is_first:
                    agree(settings, policy, made_of, cluster.index)
                watched = watchdog.watching() if cluster.is_first else nullcontext()
                with watched, closing(plan.stores):
                    run_flow(plan, settings.history, 1, epoch, member)
            if notices is not None:
                notices.finish()


def _begin(folder: Path, made_from: str, settings: Settings, policy: PolicyBook) -> bool:
    """Begin a history or make sure that it can be gone on with; whether it is finished."""
    refuse_damaged(folder)
    if begin(folder, made_from):
        return True
    manifest = Manifest(folder)
    check_customer_key(manifest, settings)
    manifest.set_fact(POLICY, book_to_text(policy))
    return False


def _notices(settings: Settings, is_here: bool) -> KafkaSink | None:
    """Where notices go, if the configuration says so."""
    kafka, manifest = settings.sink.kafka, Manifest(settings.history)
    if kafka is None:
        return None
    if not kafka.topics:
        raise SettingsError("sink.kafka names neither a topic of breaches nor one of spikes")
    sent = int(manifest.fact(NOTICES_SENT) or 0) if manifest.exists() else 0
    return KafkaSink(
        SinkOptions(
            kafka,
            kafka.resolved("sink.kafka"),
            sent,
            lambda sequence: manifest.set_fact(NOTICES_SENT, str(sequence)),
        ),
        is_here=is_here,
    )


def _decoder(settings: Settings) -> Decoder:
    max_ahead = parse_duration(settings.max_ahead)
    return Decoder(
        max_ahead, customer_key(settings), settings.customer_key_version, settings.rejected_raw
    )


def _router_maker(
    settings: Settings, decoder: Decoder, lateness: int, has_threads: bool
) -> Callable[[str], Router]:
    return lambda partition: Router(partition, settings.shards, decoder, has_threads, lateness)


def _plan(
    settings: Settings,
    source: FilesSource | ArchiveSource | LiveSource | Elsewhere,
    policy: PolicyBook,
    folder: Path,
    live: LiveMetrics,
    rows_every: int,
    seal_every: float,
    most_awake: int,
    is_writer: bool,
    on_epoch: Callable[[], None] = lambda: None,
    partitions: tuple[str, ...] = (PARTITION,),
    notices: KafkaSink | None = None,
) -> Plan:
    def published() -> None:
        live.exported_at = time.time()

    return Plan(
        source=source,
        policy=policy,
        history=HistorySink(
            HistoryWriter(folder), seal_every, published, is_here=is_writer, on_epoch=on_epoch
        ),
        metrics=MetricsSink(live),
        stores=StateStores(folder / RECOVERY),
        shards=settings.shards,
        desks=settings.desks,
        rows_every=rows_every,
        restate_within=parse_duration(settings.restate_within),
        remember_parents=parse_duration(settings.remember_parents),
        most_awake=most_awake,
        volume=settings.volume,
        partitions=partitions,
        notices=notices,
    )


def _layout(settings: Settings) -> dict[str, int]:
    return {"shards": settings.shards, "desks": settings.desks}


def _made_from(replay: Replay) -> str:
    """Everything that decides what a replay writes, so that a resume can't mix two."""
    policies = [
        msgspec.structs.replace(policy, alerts={}) for policy in replay_policy(replay).policies
    ]
    return json.dumps(
        {
            "inputs": [[str(path), path.stat().st_size] for path in replay.inputs],
            "format": replay.format,
            "order": replay.order,
            "lateness": replay.lateness,
            "until": replay.until,
            "policy": hashlib.sha256(msgspec.json.encode(policies)).hexdigest()[:16],
            "settings": {name: str(getattr(replay.settings, name)) for name in SHAPING},
            **_layout(replay.settings),
        },
        sort_keys=True,
    )
