"""Change one thing in `metrics/`, run the tests, and see that one of them fails.

    make mutants SAMPLE=10 SEED=1 MODULES="life clocks:120"

No file is touched, and nothing outlives a mutant: it is a forked process with the change in place
of the module's code. It meets the tests that reach its line, those first that killed others of its
module; the first failure ends it. What outlives the tests of the first seconds is put aside, and
meets the rest when all mutants have met theirs. A mutant that takes several times as long as the
test usually does counts as killed.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import bytewax.dataflow  # noqa: F401  what every test imports is loaded once, before the forks
import duckdb  # noqa: F401
import hypothesis
import hypothesis.strategies
import pyarrow.parquet  # noqa: F401
import pytest
from _pytest.runner import runtestprotocol
from mutation.patching import import_instead, patch
from mutation.plan import Case, Plan, read_plan
from mutation.reach import METRICS, ROOT, Test, measure

KILLED, SURVIVED, OVERTIME, LEFT = "killed", "survived", "out of time", "left"
OPTIONS = ["-x", "-q", "-s", "--disable-warnings", "-p", "no:cacheprovider"]
OPTIONS += ["--hypothesis-seed=0", f"--rootdir={ROOT}"]


def limit(seconds: float) -> None:
    """Let this process live a multiple of that from now on; by the clock longer yet."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    whole = round(used.ru_utime + used.ru_stime + 5 + 4 * seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (whole, -1))
    signal.alarm(10 * whole)


class Start:
    """Starts a mutant of what runs at import, in a process that hasn't imported the module."""

    def __call__(self, case: Case, tests: Sequence[Test], told: Path) -> int:
        """The process id of a fork that exits with 0 if the mutant survives these tests."""
        if pid := os.fork():
            return pid
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        code = 1
        try:
            code = self.run(case, tests, told / str(os.getpid()))
        finally:
            os._exit(code)

    def run(self, case: Case, tests: Sequence[Test], told: Path) -> int:
        """Import the mutant, then run the tests."""
        import_instead(case.module, case.mutant.source)
        limit(sum(test.seconds for test in tests))
        return min(1, pytest.main([*OPTIONS, *(test.id for test in tests)]))


class StartWithin(Start):
    """Starts a mutant of a function in a process that has collected all tests: much quicker."""

    def __init__(self, session: pytest.Session) -> None:
        self.items = {item.nodeid: item for item in session.items}

    def run(self, case: Case, tests: Sequence[Test], told: Path) -> int:
        """Change the function's code, then run the tests; `told` keeps the last one's name."""
        patch(case.module, case.original, case.mutant.source)
        items = [self.items[test.id] for test in tests]
        for test, item, following in zip(tests, items, [*items[1:], None], strict=True):
            limit(test.seconds)
            told.write_text(test.id)
            reports = runtestprotocol(item, log=False, nextitem=following)
            if any(report.failed for report in reports):
                return 1
        return 0


def outcome(status: int) -> str:
    """What the end of the process says of the mutant."""
    if os.WIFSIGNALED(status):
        return OVERTIME
    return SURVIVED if os.WEXITSTATUS(status) == 0 else KILLED


class Runner:
    """Lets mutants meet tests, several at once, and says how each ended."""

    def __init__(self, plan: Plan, tests: list[Test], jobs: int) -> None:
        self.tests, self.jobs, self.first_seconds = tests, jobs, plan.first_seconds
        self.order = {
            test.id: (plan.tests.index(test.id.split("::")[0].removeprefix("tests/")), test.seconds)
            for test in tests
        }
        self.killers: Counter[tuple[str, str]] = Counter()  # by module and test
        self.met: dict[Case, set[str]] = {}
        self.counts: Counter[str] = Counter()
        self.within: list[Case] = []  # mutants of functions

    def take(self, todo: list[Case], start: Start) -> None:
        """Let these mutants meet the tests of the first seconds, then those left all others."""
        left = []
        for case, end in self._run(todo, start, self.first_seconds):
            if end == SURVIVED:
                left.append(case)
            self._tell(case, LEFT if end == SURVIVED else end)
        for case, end in self._run(left, start, float("inf")):
            self._tell(case, end if end == SURVIVED else f"{end} later")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """All tests are collected: now mutants of functions can start within."""
        self.take(self.within, StartWithin(session))
        return True

    def _tell(self, case: Case, end: str) -> None:
        self.counts[end] += 1
        print(f"{end}: {case}", flush=True)

    def _meets(self, case: Case) -> list[Test]:
        """Tests that reach it; what runs at import is met by all that reach its module."""
        if lines := {(case.module, line) for line in case.mutant.lines}:
            return [test for test in self.tests if not lines.isdisjoint(test.lines)]
        return [test for test in self.tests if any(name == case.module for name, _ in test.lines)]

    def _choose(self, case: Case, seconds: float) -> list[Test]:
        """The tests of so many seconds that it hasn't met yet, likely killers first."""
        met = self.met.setdefault(case, set())
        tests = [test for test in self._meets(case) if test.id not in met]
        tests.sort(key=lambda test: (-self.killers[case.module, test.id], *self.order[test.id]))
        found: list[Test] = []
        for test in tests:
            seconds -= test.seconds
            if seconds < 0 and found:
                break
            found.append(test)
        met.update(test.id for test in found)
        return found

    def _run(
        self, todo: Iterable[Case], start: Start, seconds: float
    ) -> Iterator[tuple[Case, str]]:
        """Each mutant with its end after tests of so many seconds, as it comes."""
        running: dict[int, Case] = {}
        waiting = iter(todo)
        with tempfile.TemporaryDirectory() as folder:
            while True:
                while len(running) < self.jobs and (case := next(waiting, None)):
                    if tests := self._choose(case, seconds):
                        running[start(case, tests, Path(folder))] = case
                    else:
                        yield case, SURVIVED
                if not running:
                    return
                pid, status = os.wait()
                case, end = running.pop(pid), outcome(status)
                last = Path(folder, str(pid))
                if end != SURVIVED and last.exists():
                    self.killers[case.module, last.read_text()] += 1
                yield case, end


def prepare(plan: Plan) -> None:
    """What all processes inherit: few examples, no shrinking, files in memory."""
    os.chdir(ROOT)
    os.environ["REPLYWATCH_EXAMPLES"] = str(plan.examples)
    if Path("/dev/shm").is_dir():
        os.environ.setdefault("TMPDIR", "/dev/shm")
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile("mutants", phases=phases, database=None)
    hypothesis.settings.load_profile("mutants")


def main() -> int:
    """Prints each end and the count of each; 1 if a mutant survived that isn't kept."""
    every = sorted(path.stem for path in METRICS.glob("*.py") if path.stem != "__init__")
    parser = argparse.ArgumentParser(description="Change metrics/ and see the tests fail.")
    parser.add_argument("modules", nargs="*", metavar="module[:line]")
    parser.add_argument("--sample", type=int, default=10, help="mutants a module; 0 = all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    modules = asked.modules or every
    if unknown := {module.partition(":")[0] for module in modules} - set(every):
        parser.error(f"no such module in metrics/: {', '.join(sorted(unknown))}")
    plan = read_plan()
    prepare(plan)
    todo, sizes = plan.choose(modules, asked.sample, asked.seed)
    print(sizes, flush=True)
    runner = Runner(plan, measure(plan.tests, OPTIONS, asked.jobs), asked.jobs)
    runner.within = [case for case in todo if case.mutant.lines]
    runner.take([case for case in todo if not case.mutant.lines], Start())
    pytest.main([*OPTIONS, *(f"tests/{file}" for file in plan.tests)], plugins=[runner])
    for module, text, before, after in (outdated := plan.outdated(modules)):
        print(f"kept, but not made any more: {module}: {text}: {before}  →  {after}")
    print(f"{len(todo)} mutants:", ", ".join(f"{n} {end}" for end, n in runner.counts.items()))
    return int(bool(runner.counts[SURVIVED] or outdated))


if __name__ == "__main__":
    sys.exit(main())
