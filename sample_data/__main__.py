"""`python -m replywatch.sample_data`: write the sample, its excerpt or the bench stream."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from replywatch.sample_data.bench import write_bench
from replywatch.sample_data.facts import counts, facts_table, known_answers
from replywatch.sample_data.generator import (
    DEFAULT_SEED,
    excerpt_events,
    sample_events,
    write_excerpt,
    write_sample,
)

PROGRAM = "python -m replywatch.sample_data"
_EXAMPLES = f"""examples:
  {PROGRAM} sample --out sample.jsonl
  {PROGRAM} excerpt --out sample_data/first_hour.jsonl
  {PROGRAM} bench --events 2000000 --out bench.jsonl
  {PROGRAM} facts"""


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is too few, give 1 or more")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Write generated events as JSON lines; the same seed gives the same bytes.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, seed, text in (
        ("sample", DEFAULT_SEED, "two days of the brand acme: lunch backlog, spike, breaches"),
        ("excerpt", DEFAULT_SEED, "the first hour of the sample's first working day"),
        ("bench", 1, "exactly N events over 30 days, in order of time, for throughput"),
        (
            "facts",
            DEFAULT_SEED,
            "print the known answers of the sample and the excerpt as Markdown",
        ),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--seed", type=int, default=seed, help=f"default {seed}")
        if name != "facts":
            command.add_argument("--out", type=Path, required=True, metavar="FILE")
        if name == "bench":
            command.add_argument(
                "--events", type=_at_least_one, default=2_000_000, metavar="N", help="default 2 M"
            )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 on success, 1 where the file can't be written, 2 on wrong use."""
    given = _parser().parse_args(arguments)
    if given.command == "facts":
        sample, excerpt = sample_events(given.seed), excerpt_events(given.seed)
        sys.stdout.write(f"{facts_table(known_answers(sample))}\n{facts_table(counts(excerpt))}")
        return 0
    try:
        if given.command == "bench":
            count = write_bench(given.out, given.events, given.seed)
        else:
            write = write_sample if given.command == "sample" else write_excerpt
            count = write(given.out, given.seed)
    except OSError as error:
        sys.stderr.write(f"cannot write {given.out}: {error.strerror}; give another --out\n")
        return 1
    sys.stderr.write(f"{count} lines in {given.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
