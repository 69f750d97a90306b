"""`replywatch run`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from replywatch.flows.cli_args import (
    CONFIG,
    Commands,
    add_command,
    add_config,
    add_processes,
    policy_of,
    read_settings,
)
from replywatch.flows.cli_errors import OK, UsageError, counted

if TYPE_CHECKING:
    from replywatch.flows.cluster import Cluster
    from replywatch.flows.settings import Settings

_EXAMPLES = """
replywatch run
replywatch run --config replywatch.toml
replywatch run --processes 3
"""

PROCESS_ID = "REPLYWATCH_PROCESS_ID"


def add_commands(commands: Commands) -> None:
    """Add `run`."""
    parser = add_command(
        commands,
        "run",
        _run,
        help="the live service: sources, timers, metrics, history",
        description="Read every *.jsonl in the source folder as it grows, or a Kafka topic, by the "
        "clock of this machine: write the history and serve /metrics until SIGTERM or Ctrl-C, "
        "which end cleanly. "
        "Started again, it goes on where it stopped.",
        examples=_EXAMPLES,
    )
    add_config(parser)
    add_processes(parser)
    parser.add_argument(
        "--process-id",
        type=int,
        metavar="I",
        help="which of the addresses of [cluster] this process is, from 0 on "
        f"(default: {PROCESS_ID} of the environment)",
    )


def cluster_of(settings: Settings, processes: int, index: int | None) -> Cluster | None:
    """This process of the cluster that the configuration names; `None` where it names none."""
    from replywatch.flows.cluster import Cluster

    addresses = settings.cluster.addresses
    if not addresses:
        if index is not None:
            raise UsageError("--process-id wants the addresses of all processes in [cluster]")
        return None
    if processes > 1:
        raise UsageError(
            "the configuration names the processes of its [cluster]: start each with --process-id "
            "and leave --processes out"
        )
    if index is None:
        named = os.environ.get(PROCESS_ID, "")
        if not (named.isascii() and named.isdigit()):
            raise UsageError(
                f"which of the {len(addresses)} processes of [cluster] is this? "
                f"give --process-id, or {PROCESS_ID} in the environment"
            )
        index = int(named)
    if not 0 <= index < len(addresses):
        raise UsageError(
            f"no process {index} in [cluster]: its {len(addresses)} addresses count from 0"
        )
    return Cluster(addresses, index)


def _run(given: argparse.Namespace) -> int:
    from replywatch.flows.cluster import in_processes
    from replywatch.flows.members import claim

    settings = read_settings(given)
    own = cluster_of(settings, given.processes, given.process_id)
    if own is not None:
        return _serve(given, settings, own)
    with claim(settings.history):  # if somebody else has it, say so before anything else
        pass
    return in_processes(given.processes, lambda cluster: _serve(given, settings, cluster))


def _serve(given: argparse.Namespace, settings: Settings, cluster: Cluster) -> int:
    from replywatch.flows.cli_engine_log import engine_log
    from replywatch.flows.exporter import serve
    from replywatch.flows.jobs import doing, jobs_of
    from replywatch.flows.runner import StopFlag
    from replywatch.flows.settings import load_policy
    from replywatch.flows.stream import live_metrics, run_live

    policy = policy_of(lambda: load_policy(settings.policy), settings)
    live = live_metrics(settings, policy, "live")
    stop = StopFlag()
    config = given.config or (CONFIG if CONFIG.exists() else None)
    jobs = jobs_of(settings, config, live) if cluster.is_first else []
    with stop.on_signals():
        url, stop_serving = serve(live, *settings.exporter_of(cluster.index), settings.exporter.tls)
        try:
            sys.stdout.write(f"metrics  {url}\n")  # at once: other processes write there, too
            if cluster.is_first:
                print(f"source   {_source_of(settings)}")
                print(f"history  {settings.history}")
                print("SIGTERM or Ctrl-C ends it cleanly")
            sys.stdout.flush()
            with engine_log(settings.history, cluster.index), doing(jobs):
                run_live(settings, policy, live, stop, cluster)
        finally:
            stop_serving()
    if cluster.is_alone:
        print(f"stopped; {counted(live.events, 'event')} counted since the start")
    elif cluster.is_first:
        print("stopped")
    return OK


def _source_of(settings: Settings) -> str:
    kafka = settings.source.kafka
    if kafka is None:
        return f"{settings.source.folder}/*.jsonl"
    return f"topic {kafka.topic} at {kafka.brokers}"
