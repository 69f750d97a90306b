"""Reports, compaction and exports on a history of two years and 300 agents, and their memory.

    make bench-history SIZE=0.01

Size 1 is 5 million conversations with 20 million responses. The history is written by DuckDB
straight into sealed files (see `history_rows.py`), four seals a day, and then measured: the report
before and after compaction, and beside the same SQL over plain `read_parquet` of the same files.
What is compacted is a copy made of links, `-compacted` beside the folder, so that a history that is
kept can be measured again. Each measure runs in a process of its own, which tells its peak memory.
Medians of several runs. `--reports` measures every other report on the compacted copy, too, then
the forecast, the executive page, an erasure and the check of it all.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from benchmarks.history_measures import MEASURES, OTHERS
from benchmarks.history_rows import tables

from replywatch.sql.history import DATA, write_database
from replywatch.sql.manifest import DataFile, Manifest
from replywatch.sql.schemas import TABLES

FIRST, DAYS, AGENTS, SEALS = date(2024, 1, 1), 730, 300, 4
CONVERSATIONS = 5_000_000
TOGETHER = 10
"""Days that are made at once."""


def generate(folder: Path, size: float, is_ready: bool = False) -> None:
    """Write the history; where it `is_ready`, as compaction would leave it."""
    manifest = Manifest(folder)
    manifest.create({"made_from": '{"run": "bench"}'})
    per_day = max(round(CONVERSATIONS * size / DAYS), 1)
    files: list[DataFile] = []
    with duckdb.connect(config={"threads": 2, "memory_limit": "1GB"}) as con:
        con.execute("set TimeZone = 'UTC'")
        for start in range(0, DAYS, TOGETHER):
            days = range(start, min(start + TOGETHER, DAYS))
            for statement in tables(FIRST, days, per_day, AGENTS, 1 if is_ready else SEALS):
                con.execute(statement)
            files += _seal(con, folder, is_ready)
            if sys.stderr.isatty():
                sys.stderr.write(f"\rday {days.stop} of {DAYS}")
    manifest.publish(max(file.sequence for file in files), files)
    write_database(folder)


def _seal(con: duckdb.DuckDBPyConnection, folder: Path, is_ready: bool) -> list[DataFile]:
    """The seals of some days, a file a table, day and seal each."""
    files: list[DataFile] = []
    for name, table in TABLES.items():
        found = con.execute(
            "select column_name from duckdb_columns() where table_name = ?", [f"t_{name}"]
        ).fetchall()
        have = {row[0] for row in found}
        if not have:
            continue
        columns = ", ".join(
            f'{_cell(column, have)}::{_TYPES[str(kind)]} as "{column}"'
            for column, kind in table.columns
        )
        fresh = folder / "fresh"
        is_last = "where revision = 2" if is_ready and name in ("conversations", "spikes") else ""
        written = con.execute(
            f"copy (select {columns}, date, _seal from t_{name} {is_last}) to '{fresh}' "
            "(format parquet, compression zstd, partition_by (date, _seal), return_stats)"
        ).fetchall()
        for path, count, *_ in written:
            parts = dict(part.split("=") for part in Path(path).parts if "=" in part)
            day, seal = parts["date"], int(parts["_seal"])
            sequence = (date.fromisoformat(day) - FIRST).days * SEALS + seal + 1
            place = Path(DATA) / name / f"date={day}" / f"{sequence:010d}.parquet"
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            Path(path).rename(folder / place)
            files.append(DataFile(str(place), name, day, sequence, count, sequence, is_ready))
        shutil.rmtree(fresh)
    return files


def _cell(column: str, have: set[str]) -> str:
    return f'"{column}"' if column in have else "null"


_TYPES = {
    "timestamp[us, tz=UTC]": "timestamptz",
    "double": "double",
    "string": "varchar",
    "int64": "bigint",
    "int32": "integer",
    "bool": "boolean",
    "binary": "blob",
    "list<item: string>": "varchar[]",
    "list<item: double>": "double[]",
}


def measure(folder: Path, name: str, runs: int) -> dict[str, Any]:
    """Median seconds of a measure, its result, and the peak memory of its process in MB."""
    command = [sys.executable, __file__, "--folder", str(folder), "--measure", name]
    done = subprocess.run(
        [*command, "--runs", str(runs)], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _measure_here(folder: Path, name: str, runs: int) -> None:
    seconds, cpu, result = [], [], 0
    for _ in range(runs):
        began, used = time.perf_counter(), time.process_time()
        result = MEASURES[name](folder)
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    median = statistics.median
    found = {"seconds": median(seconds), "cpu": median(cpu), "result": result, "peak_mb": peak}
    print(json.dumps(found))


def copy_by_links(folder: Path, target: Path) -> None:
    """A history of its own with the same files: none is ever changed, only replaced."""

    def copy(source: str, copied: str) -> None:
        (os.link if source.endswith(".parquet") else shutil.copyfile)(source, copied)

    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target, copy_function=copy)


def _size_mb(folder: Path) -> tuple[int, float]:
    files = list((folder / DATA).glob("**/*.parquet"))
    return len(files), sum(path.stat().st_size for path in files) / 1e6


def run(folder: Path, size: float, runs: int, with_reports: bool) -> None:
    """Generate, measure, print."""
    if not Manifest(folder).exists():
        began = time.perf_counter()
        generate(folder, size)
        _say(f"generated in {time.perf_counter() - began:.0f} s, by SQL, not by the stream")
    rows: Counter[str] = Counter()
    for file in Manifest(folder).files():
        rows[file.table] += file.rows
    _say(", ".join(f"{name} {count:,}" for name, count in rows.items()) + " rows as sealed")
    before = {name: measure(folder, name, max(runs // 2, 1)) for name in ("month", "two_years")}
    copy = folder.with_name(f"{folder.name}-compacted")
    copy_by_links(folder, copy)
    before_files, before_mb = _size_mb(copy)
    compacted = measure(copy, "compaction", 1)
    files, mb = _size_mb(copy)
    _say(
        f"compaction, with files of work: {_told(compacted)}, "
        f"{compacted['result'] / compacted['seconds']:,.0f} rows/s, "
        f"{before_files:,} files of {before_mb:,.0f} MB → {files:,} of {mb:,.0f} MB"
    )
    for name in ("month", "two_years"):
        here, plain = measure(copy, name, runs), measure(copy, f"plain_{name}", runs)
        assert before[name]["result"] == here["result"] == plain["result"]
        _say(
            f"report agents, {name.replace('_', ' ')}: {_told(here)}; "
            f"not compacted {_told(before[name])}; plain {_told(plain)}; ratio to plain "
            f"{here['seconds'] / plain['seconds']:.2f} ({here['cpu'] / plain['cpu']:.2f} CPU)"
        )
    exported = measure(copy, "export_year", 1)
    _say(f"export of a year: {_told(exported)}, {exported['result']} files")
    if with_reports:
        for name in OTHERS:
            try:
                _say(f"{name}: {_told(measure(copy, name, 1))}")
            except subprocess.CalledProcessError:
                _say(f"{name}: failed, see above")


def _say(line: str) -> None:
    """A line as soon as it is known: the whole takes long."""
    print(line, flush=True)


def _told(found: dict[str, Any]) -> str:
    """Seconds by the clock, and of the processor, which other work hardly changes; the memory."""
    return f"{found['seconds']:.2f} s ({found['cpu']:.2f} s CPU, peak {found['peak_mb']:,.0f} MB)"


def main() -> None:
    """Run all, or one measure for the process that runs all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=1.0, help="1 is 5 million conversations")
    parser.add_argument("--runs", type=int, default=5, help="of each report")
    parser.add_argument("--folder", type=Path, help="keep the history here, or go on with it")
    parser.add_argument("--reports", action="store_true", help="measure every report")
    parser.add_argument("--measure", choices=tuple(MEASURES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        _measure_here(given.folder, given.measure, given.runs)
    elif given.folder is not None:
        run(given.folder, given.size, given.runs, given.reports)
    else:
        with tempfile.TemporaryDirectory() as folder:
            run(Path(folder, "history"), given.size, given.runs, given.reports)


if __name__ == "__main__":
    main()
