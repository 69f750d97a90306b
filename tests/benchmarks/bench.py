"""Throughput of the whole path against the idiomatic dataflow, in one run: `make bench`.

Both programs read the same generated events as processes of their own, in turn: `replywatch replay`
(read, decode, rules, windows, Parquet, metrics) and `idiomatic.py` (first response and one 5-minute
window alone). Their answers must agree. Then Replywatch runs once more under the profiler to show
where its time goes. Everything is kept in `build/bench/`.

    python tests/benchmarks/bench.py --events 200000
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import pstats
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FULL_SIZE = 2_000_000
TARGET_RATIO = 4.0
LATENESS_HOURS = 6.0  # what the idiomatic program needs at full size; its batches span more below
PACKAGES = ("bytewax", "duckdb", "msgspec", "pyarrow")

# Where a function's own time counts, first match wins: group, pattern on "path:function". What
# matches none (built-ins, the standard library) counts with its callers, or else as engine.
SHARES: tuple[tuple[str, str], ...] = (
    ("start-up", r"<frozen |(^|/)importlib/|:<module>$"),
    ("decode", r"(^|/)metrics/events\.py|'msgspec\.json\.Decoder'|msgspec\.json\.decode"),
    ("sinks", r"(^|/)flows/(sinks?|export\w*|parquet\w*)[./]|pyarrow|(^|/)sql/|sqlite3|duckdb"),
    ("sinks", r"prometheus_client|posix\.(fsync|rename|replace)"),
    ("rules", r"(^|/)metrics/\w+\.py"),
    ("engine", r"bytewax|(^|/)flows/"),
)
GROUPS = ("decode", "rules", "engine", "sinks", "start-up")

Function = tuple[str, int, str]
ANSWERS = ("first_responses", "median_first_response_seconds", "windows", "posts")


class BenchError(Exception):
    """The benchmark can't go on; the message says what is wrong and what to do."""


class Run(NamedTuple):
    """One process from start to end; `cpu_seconds` counts all its threads and children."""

    seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    output: str


def note(text: str) -> None:
    """Tell what is going on, on a terminal only."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)


def measure(command: Sequence[str | Path], log: Path, **environment: str) -> Run:
    """Run `command` to its end; its standard error goes to `log`. Raises `BenchError` if it fails.

    The peak memory of a process starts at its parent's, so this program loads nothing large.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "REPLYWATCH_PROFILE"}
    output = log.with_suffix(".out")
    with output.open("wb") as stdout, log.open("wb") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=inherited | environment,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        last = log.read_text(errors="replace").strip().splitlines()[-5:]
        shown = " ".join(str(part) for part in command)
        raise BenchError("\n".join([f"exit code {process.returncode} of: {shown}", *last]))
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Run(seconds, cpu_seconds, usage.ru_maxrss / 1024, output.read_text(errors="replace"))


def prepare(cache: Path, events: int, seed: int) -> Path:
    """The file of generated events; written once for each size, seed and state of the generator."""
    sources = sorted((ROOT / "sample_data").glob("*.py"))
    state = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]
    path = cache / f"events-{events}-{seed}-{state}.jsonl"
    if not path.exists():
        note(f"writing {events:,} events to {path}")
        for stale in cache.glob(f"events-{events}-{seed}-*"):
            stale.unlink()
        partial = path.with_suffix(".partial")
        code = (
            "import pathlib, sys\n"
            "from replywatch.sample_data.bench import write_bench\n"
            "write_bench(pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))\n"
        )
        command = [sys.executable, "-c", code, str(partial), str(events), str(seed)]
        measure(command, cache / "generator.log")
        partial.rename(path)
    with path.open("rb") as file:  # so that both programs find it in memory
        while file.read(1 << 20):
            pass
    return path


def replay_command(path: Path, out: Path) -> list[str | Path]:
    """The installed command over `path`, its earlier output removed."""
    program = Path(sys.executable).parent / "replywatch"
    if not program.exists():
        raise BenchError(f"no command at {program}; run `make setup` and use .venv/bin/python")
    shutil.rmtree(out, ignore_errors=True)
    return [program, "replay", path, "--out", out]


def idiomatic_command(path: Path, events: int) -> list[str | Path]:
    """The yardstick over `path`, waiting as long as the batches of so thin a stream span."""
    hours = LATENESS_HOURS * max(1.0, FULL_SIZE / max(events, 1))
    return [sys.executable, HERE / "idiomatic.py", path, "--lateness-hours", str(hours)]


def read_history(out: Path) -> dict[str, Any]:
    """Replywatch's answers, by SQL over the history that it wrote."""
    import duckdb  # not at the top: it would raise the measured peaks

    with duckdb.connect(str(out / "replywatch.duckdb"), read_only=True) as connection:
        row = connection.sql(
            """
            select
                (select count(*) from responses where kind = 'first'),
                (select median(response_seconds) from responses where kind = 'first'),
                (select count(*) from windows where posts > 0),
                (select sum(posts)::bigint from windows)
            """
        ).fetchall()[0]
    return dict(zip(ANSWERS, row, strict=True))


def disagreements(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """One line for each answer that differs; medians are the same within a microsecond."""
    return [
        f"{name}: replywatch {ours[name]}, idiomatic {theirs[name]}"
        for name in ANSWERS
        if ours[name] is None or not math.isclose(ours[name], theirs[name], abs_tol=1e-6)
    ]


def group_of(function: Function) -> str | None:
    """The group that `SHARES` puts a function in."""
    path, _, name = function
    text = f"{path}:{name}".replace("\\", "/")
    return next((group for group, pattern in SHARES if re.search(pattern, text)), None)


def profile_shares(path: Path) -> dict[str, float]:
    """Share of each group in the own time of all functions of a cProfile file."""
    stats: dict[Function, Any] = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]
    known: dict[Function, dict[str, float]] = {}

    def split(function: Function) -> dict[str, float]:
        """How a function's own time divides among the groups."""
        if function not in known:
            known[function] = {"engine": 1.0}  # also the answer where callers go in a circle
            group = group_of(function)
            callers = {} if group else stats[function][4]
            total = sum(entry[2] for entry in callers.values())
            if group:
                known[function] = {group: 1.0}
            elif total > 0:
                parts: dict[str, float] = {}
                for caller, entry in callers.items():
                    for name, share in split(caller).items():
                        parts[name] = parts.get(name, 0.0) + share * entry[2] / total
                known[function] = parts
        return known[function]

    seconds = dict.fromkeys(GROUPS, 0.0)
    for function, entry in stats.items():
        for name, share in split(function).items():
            seconds[name] += share * entry[2]
    total = sum(seconds.values()) or 1.0
    return {name: value / total for name, value in seconds.items()}


def summarize(runs: list[Run], events: int) -> dict[str, Any]:
    """Medians of a program's runs."""
    seconds = median(run.seconds for run in runs)
    return {
        "seconds": round(seconds, 3),
        "events_per_second": round(events / seconds),
        "cpu_seconds": round(median(run.cpu_seconds for run in runs), 3),
        "peak_rss_mb": round(median(run.peak_rss_mb for run in runs), 1),
        "rounds": [round(run.seconds, 3) for run in runs],
    }


def environment() -> dict[str, Any]:
    """The machine and the versions that the numbers were taken with."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "absent"
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        **versions,
        "own_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def show(result: dict[str, Any]) -> None:
    """Print the result as tables."""
    machine = ", ".join(f"{name} {value}" for name, value in result["environment"].items())
    print(f"{result['events']:,} events, {result['input_mb']:.0f} MB; {machine}\n")
    print(f"{'program':<12}{'seconds':>9}{'events/s':>12}{'CPU s':>9}{'peak RSS MB':>13}")
    for name, row in result["programs"].items():
        print(
            f"{name:<12}{row['seconds']:>9.2f}{row['events_per_second']:>12,}"
            f"{row['cpu_seconds']:>9.2f}{row['peak_rss_mb']:>13.0f}"
        )
    for name, answers in result["answers"].items():
        print(f"{name}: " + ", ".join(f"{key} {value:,}" for key, value in answers.items()))
    if "ratio" in result:
        reached = "reached" if result["ratio"] >= TARGET_RATIO else "missed"
        print(
            f"\nratio {result['ratio']:.2f}x (target {TARGET_RATIO:.0f}x: {reached}), answers agree"
        )
    if "shares" in result:
        print("\nreplywatch, own time under the profiler:")
        for name, share in result["shares"].items():
            print(f"  {name:<10}{share:>7.1%}")


def bench(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure, check and profile as asked; returns what is written as JSON."""
    cache: Path = arguments.cache
    cache.mkdir(parents=True, exist_ok=True)
    path = prepare(cache, arguments.events, arguments.seed)
    out = cache / "out"
    names = [arguments.only] if arguments.only else ["replywatch", "idiomatic"]
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(arguments.rounds):
        for name in names:
            note(f"round {number + 1} of {arguments.rounds}: {name}")
            command = (
                replay_command(path, out)
                if name == "replywatch"
                else idiomatic_command(path, arguments.events)
            )
            runs[name].append(measure(command, cache / f"{name}.log"))
    result: dict[str, Any] = {
        "events": arguments.events,
        "seed": arguments.seed,
        "input_mb": path.stat().st_size / 1e6,
        "environment": environment(),
        "programs": {name: summarize(taken, arguments.events) for name, taken in runs.items()},
        "answers": {},
    }
    answers = result["answers"]
    if "replywatch" in names:
        answers["replywatch"] = read_history(out)
    if "idiomatic" in names:
        printed = json.loads(runs["idiomatic"][-1].output)
        answers["idiomatic"] = {name: printed[name] for name in ANSWERS}
    if not arguments.only:
        wrong = disagreements(answers["replywatch"], answers["idiomatic"])
        if wrong:
            raise BenchError("\n".join(["the programs' answers differ", *wrong]))
        seconds = {name: row["seconds"] for name, row in result["programs"].items()}
        result["ratio"] = round(seconds["idiomatic"] / seconds["replywatch"], 3)
    if "replywatch" in names and not arguments.no_profile:
        note("once more under the profiler")
        profile = cache / "replywatch.prof"
        profile.unlink(missing_ok=True)
        measure(replay_command(path, out), cache / "profile.log", REPLYWATCH_PROFILE=str(profile))
        if not profile.exists():
            raise BenchError(f"{profile}: not written, though REPLYWATCH_PROFILE names it")
        shares = profile_shares(profile)
        result["shares"] = {name: round(share, 4) for name, share in shares.items()}
    return result


def main() -> int:
    """The command line; 0 when all answers agree, 1 on a failure, 2 on wrong use."""

    def count(text: str) -> int:
        number = int(text)
        if number < 1:
            raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
        return number

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=count, default=FULL_SIZE)
    parser.add_argument("--rounds", type=count, default=1, help="runs of each; medians are shown")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["replywatch", "idiomatic"])
    parser.add_argument("--no-profile", action="store_true")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "bench")
    arguments = parser.parse_args()
    try:
        result = bench(arguments)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    show(result)
    written = arguments.cache / f"result-{arguments.events}.json"
    written.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\nwritten to {written}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
