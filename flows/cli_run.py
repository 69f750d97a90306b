"""`replywatch run`."""

from __future__ import annotations

import argparse

from replywatch.flows.cli_args import (
    CONFIG,
    Commands,
    add_command,
    add_config,
    policy_of,
    read_settings,
)
from replywatch.flows.cli_errors import OK, counted
from replywatch.flows.settings import Settings

_EXAMPLES = """
replywatch run
replywatch run --config replywatch.toml
"""


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


def _run(given: argparse.Namespace) -> int:
    from replywatch.flows.cli_engine_log import engine_log
    from replywatch.flows.exporter import serve
    from replywatch.flows.jobs import doing, jobs_of
    from replywatch.flows.runner import StopFlag, claim
    from replywatch.flows.settings import load_policy
    from replywatch.flows.stream import live_metrics, run_live

    settings = read_settings(given)
    policy = policy_of(lambda: load_policy(settings.policy), settings)
    live = live_metrics(settings, policy, "live")
    stop = StopFlag()
    with claim(settings.history):  # if somebody else has it, say so before anything else
        pass
    with stop.on_signals():
        url, stop_serving = serve(live, settings.exporter.host, settings.exporter.port)
        try:
            print(f"metrics  {url}")
            print(f"source   {_source_of(settings)}")
            print(f"history  {settings.history}")
            print("SIGTERM or Ctrl-C ends it cleanly", flush=True)
            config = given.config or (CONFIG if CONFIG.exists() else None)
            with engine_log(settings.history), doing(jobs_of(settings, config, live)):
                run_live(settings, policy, live, stop)
        finally:
            stop_serving()
    print(f"stopped; {counted(live.events, 'event')} counted since the start")
    return OK


def _source_of(settings: Settings) -> str:
    kafka = settings.source.kafka
    if kafka is None:
        return f"{settings.source.folder}/*.jsonl"
    return f"topic {kafka.topic} at {kafka.brokers}"
