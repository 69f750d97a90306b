"""Change one thing in `metrics/`, run the tests, and see that one of them fails.

    make mutants SAMPLE=10 SEED=1 MODULES="life clocks"

No file is touched: each mutant is a forked process that imports the changed source in place of the
module, so several run at once. The tests nearest to the module come first, then those of the rules
and the comparison with the batch recomputation; the first failure ends it. CPU time is limited,
and a mutant that uses it up counts as killed.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.util
import os
import random
import resource
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import bytewax.dataflow  # noqa: F401  what every test imports is loaded once, before the forks
import duckdb  # noqa: F401
import hypothesis
import pyarrow.parquet  # noqa: F401
import pytest
from mutation.mutations import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
KILLED, SURVIVED, OVERTIME = "killed", "survived", "out of time"


class Plan(NamedTuple):
    """The configuration beside this file."""

    cpu_seconds: int
    examples: int
    general: list[list[str]]  # stages for every module
    modules: dict[str, list[str]]  # the tests nearest to each module, which come first


class Overlay(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module in a text instead of its file."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source = name, source

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """The module's spec, none for any other."""
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Runs the text as the module."""
        exec(compile(self.source, f"<mutant of {self.name}>", "exec"), module.__dict__)


def read_plan() -> Plan:
    """The plan in `mutation.toml`."""
    return Plan(**tomllib.loads((ROOT / "tests/mutation/mutation.toml").read_text()))


def stages(plan: Plan, module: str) -> list[list[str]]:
    """Lists of test files, nearest first; none twice."""
    near = plan.modules[module]
    rest = [[file for file in stage if file not in near] for stage in plan.general]
    return [stage for stage in (near, *rest) if stage]


def run_tests(plan: Plan, module: str, source: str) -> bool:
    """Whether every test passes with `source` as the module."""
    sys.meta_path.insert(0, Overlay(f"replywatch.metrics.{module}", source))
    options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", f"--rootdir={ROOT}"]
    return all(
        pytest.main([*options, *(f"tests/{file}" for file in stage)]) == pytest.ExitCode.OK
        for stage in stages(plan, module)
    )


def start(plan: Plan, module: str, source: str) -> int:
    """The process id of a fork that exits with 0 if the mutant survives."""
    if pid := os.fork():
        return pid
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (plan.cpu_seconds, plan.cpu_seconds))
    code = 1
    try:
        code = 0 if run_tests(plan, module, source) else 1
    finally:
        os._exit(code)


def outcome(status: int) -> str:
    """What the end of the process says of the mutant."""
    if os.WIFSIGNALED(status):
        return OVERTIME
    return SURVIVED if os.WEXITSTATUS(status) == 0 else KILLED


def chosen(modules: Sequence[str], size: int, seed: int) -> tuple[list[tuple[str, Mutant]], str]:
    """`size` mutants of each module (0: all of them), the same for a seed; and how many of many."""
    found: list[tuple[str, Mutant]] = []
    texts = []
    for module in modules:
        every = mutants((ROOT / "metrics" / f"{module}.py").read_text())
        some = random.Random(f"{seed} {module}").sample(every, min(size or len(every), len(every)))
        found += [(module, one) for one in some]
        texts.append(f"{module} {len(some)}/{len(every)}")
    return found, ", ".join(texts)


def main() -> int:
    """Prints each survivor and the count of each outcome; 1 if a mutant survived."""
    plan = read_plan()
    parser = argparse.ArgumentParser(description="Change metrics/ and see the tests fail.")
    parser.add_argument("modules", nargs="*", metavar="module")
    parser.add_argument("--sample", type=int, default=10, help="mutants a module; 0 = all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    os.chdir(ROOT)
    os.environ["REPLYWATCH_EXAMPLES"] = str(plan.examples)
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]  # a failure needn't be small
    hypothesis.settings.register_profile("mutants", phases=phases, database=None)
    hypothesis.settings.load_profile("mutants")

    modules = asked.modules or list(plan.modules)
    if unknown := set(modules) - set(plan.modules):
        parser.error(f"no such module in mutation.toml: {', '.join(sorted(unknown))}")
    for module in modules:
        same = ast.unparse(ast.parse((ROOT / "metrics" / f"{module}.py").read_text()))
        if outcome(os.waitpid(start(plan, module, same), 0)[1]) != SURVIVED:
            print(f"{module}: the tests fail without any change", file=sys.stderr)
            return 2
    todo, sizes = chosen(modules, asked.sample, asked.seed)
    print(sizes, flush=True)
    running: dict[int, tuple[str, Mutant]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    while todo or running:
        while todo and len(running) < asked.jobs:
            module, mutant = todo.pop(0)
            running[start(plan, module, mutant.source)] = module, mutant
        pid, status = os.wait()
        module, (line, before, after, _) = running.pop(pid)
        counts[module, end := outcome(status)] += 1
        print(f"{end}: metrics/{module}.py:{line}: {before}  →  {after}", flush=True)
    for module in modules:
        print(module, *(f"{end} {counts[module, end]}" for end in (KILLED, OVERTIME, SURVIVED)))
    return int(any(end == SURVIVED and n for (_, end), n in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
