"""Change one thing in `metrics/`, run the tests, and see that one of them fails.

    make mutants SAMPLE=10 SEED=1 MODULES="life clocks:120"

No file is touched, and nothing outlives a mutant: it is a forked process with the change in place
of the module's code. First it is told the timelines of `stories`, whose answers are known. What
tells them well meets the tests that reach its line, those first that killed others of its module;
the first failure ends it. What outlives the tests of the first seconds is put aside, and meets the
rest when all mutants have met theirs. A mutant that takes several times as long as usual counts as
killed.
"""

from __future__ import annotations

import argparse
import gc
import os
import pickle
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import bytewax.dataflow  # noqa: F401  what every test imports is loaded once, before the forks
import duckdb  # noqa: F401
import hypothesis
import hypothesis.strategies
import pyarrow.parquet  # noqa: F401
import pytest
from _pytest.runner import runtestprotocol
from mutation.forks import SURVIVED, ends, fork, limit
from mutation.patching import import_instead, patch
from mutation.plan import Case, Plan, read_plan
from mutation.reach import METRICS, ROOT, Lines, Test, Tracer, measure

TOLD_WELL, LEFT = "told well", "left"
STORIES = 3.0  # seconds for all of them, about
OPTIONS = ["-x", "-q", "-s", "--disable-warnings", "-p", "no:cacheprovider"]
OPTIONS += ["--hypothesis-seed=0", f"--rootdir={ROOT}"]

Tell = Callable[[Case, Sequence[int]], int]
"""Lets a mutant tell the stories of these places in a process of its own."""

Start = Callable[[Case, Sequence[Test], Path], int]
"""Lets a mutant meet tests in a process of its own; the last one's name is put into the folder."""


def tell_anew(case: Case, places: Sequence[int]) -> int:
    """Let a mutant of what runs at import tell stories: this process hasn't imported the module."""

    def is_well() -> bool:
        import_instead(case.module, case.mutant.source)
        from mutation import stories, storybook

        limit(STORIES)
        told = storybook.load()
        return stories.are_told_well(told[place] for place in places)

    return fork(is_well)


def tell_within() -> Tell:
    """Lets mutants of functions tell stories; this process has imported and read all."""
    from mutation import stories, storybook

    told = storybook.load()
    gc.collect()
    gc.freeze()

    def tell(case: Case, places: Sequence[int]) -> int:
        def is_well() -> bool:
            patch(case.module, case.original, case.mutant.source)
            limit(STORIES)
            return stories.are_told_well(told[place] for place in places)

        return fork(is_well)

    return tell


def reach_of_stories() -> list[Lines]:
    """The lines that each reaches. Exits if the unchanged rules tell one of them wrong."""
    with tempfile.NamedTemporaryFile() as file:

        def is_well() -> bool:
            from mutation import storybook

            reach = []
            for story in storybook.load():
                with Tracer().watch() as (_, lines):
                    if not story.is_told_well():
                        return False
                reach.append(lines)
            Path(file.name).write_bytes(pickle.dumps(reach))
            return True

        if os.waitpid(fork(is_well), 0)[1]:
            raise SystemExit("stories are told wrong without any change")
        found: list[Lines] = pickle.load(file)
        return found


def start_anew(case: Case, tests: Sequence[Test], _told: Path) -> int:
    """Start a mutant of what runs at import: this process hasn't imported the module."""

    def is_well() -> bool:
        import_instead(case.module, case.mutant.source)
        limit(sum(test.seconds for test in tests))
        return pytest.main([*OPTIONS, *(test.id for test in tests)]) == 0

    return fork(is_well)


def start_within(session: pytest.Session) -> Start:
    """Starts mutants of functions in a process that has collected all tests: much quicker."""
    collected = {item.nodeid: item for item in session.items}

    def start(case: Case, tests: Sequence[Test], told: Path) -> int:
        def is_well() -> bool:
            patch(case.module, case.original, case.mutant.source)
            items = [collected[test.id] for test in tests]
            for test, item, following in zip(tests, items, [*items[1:], None], strict=True):
                limit(test.seconds)
                (told / str(os.getpid())).write_text(test.id)
                reports = runtestprotocol(item, log=False, nextitem=following)
                if any(report.failed for report in reports):
                    return False
            return True

        return fork(is_well)

    return start


def is_reached(case: Case, lines: Lines) -> bool:
    """Whether who reaches these lines meets it; what runs at import, whoever reaches its module."""
    if own := {(case.module, line) for line in case.mutant.lines}:
        return not own.isdisjoint(lines)
    return any(module == case.module for module, _ in lines)


class Runner:
    """Lets mutants tell stories and meet tests, several at once, and says how each ended."""

    def __init__(self, plan: Plan, jobs: int, is_only_told: bool) -> None:
        self.plan, self.jobs, self.is_only_told = plan, jobs, is_only_told
        self.tests: list[Test] = []
        self.killers: Counter[tuple[str, str]] = Counter()  # by module and test
        self.met: dict[Case, set[str]] = {}
        self.counts: Counter[str] = Counter()
        self.within: list[Case] = []  # mutants of functions that told all well

    def run(self, todo: list[Case]) -> None:
        """Let all of these tell and meet what there is."""
        self.reach_of_stories = reach_of_stories()
        # First those of what runs at import: until they are through, this process imports nothing.
        at_import = self._tell([case for case in todo if not case.mutant.lines], tell_anew)
        if not self.is_only_told:
            self.tests = measure(self.plan.tests, OPTIONS, self.jobs)
            self._meet(at_import, start_anew)
        self.within = self._tell([case for case in todo if case.mutant.lines], tell_within())
        if self.within and not self.is_only_told:
            files = (f"tests/{file}" for file in self.plan.tests)
            pytest.main([*OPTIONS, *files], plugins=[self])

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """All tests are collected: now mutants of functions can start within."""
        self._meet(self.within, start_within(session))
        return True

    def _tell(self, todo: list[Case], tell: Tell) -> list[Case]:
        """Those of these mutants that told all stories well."""
        left: list[Case] = []

        def tell_some(case: Case) -> int | None:
            places = [
                place
                for place, lines in enumerate(self.reach_of_stories)
                if is_reached(case, lines)
            ]
            return tell(case, places) if places else None

        for case, end, _ in ends(todo, tell_some, self.jobs):
            if end == SURVIVED:
                left.append(case)
            self._say(case, TOLD_WELL if end == SURVIVED else f"{end} by stories")
        return left

    def _meet(self, todo: list[Case], start: Start) -> None:
        """Let these mutants meet the tests of the first seconds, then those left all others."""
        left = []
        for case, end in self._run(todo, start, self.plan.first_seconds):
            if end == SURVIVED:
                left.append(case)
            self._say(case, LEFT if end == SURVIVED else end)
        for case, end in self._run(left, start, float("inf")):
            self._say(case, end if end == SURVIVED else f"{end} later")

    def _say(self, case: Case, end: str) -> None:
        self.counts[end] += 1
        print(f"{end}: {case}", flush=True)

    def _choose(self, case: Case, seconds: float) -> list[Test]:
        """The tests of so many seconds that it hasn't met yet: likely killers, then quick ones."""
        met = self.met.setdefault(case, set())
        tests = [test for test in self.tests if test.id not in met and is_reached(case, test.lines)]
        tests.sort(key=lambda test: (-self.killers[case.module, test.id], test.seconds))
        found: list[Test] = []
        for test in tests:
            seconds -= test.seconds
            if seconds < 0 and found:
                break
            found.append(test)
        met.update(test.id for test in found)
        return found

    def _run(self, todo: list[Case], start: Start, seconds: float) -> Iterator[tuple[Case, str]]:
        """Each mutant with its end after tests of so many seconds, as it comes."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)

            def start_some(case: Case) -> int | None:
                tests = self._choose(case, seconds)
                return start(case, tests, folder) if tests else None

            for case, end, pid in ends(todo, start_some, self.jobs):
                last = folder / str(pid)
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
    parser.add_argument("--tests", nargs="+", metavar="FILE", help="files of tests; all by default")
    parser.add_argument("--told", action="store_true", help="tell stories and run no test")
    asked = parser.parse_args()
    modules = asked.modules or every
    if unknown := {module.partition(":")[0] for module in modules} - set(every):
        parser.error(f"no such module in metrics/: {', '.join(sorted(unknown))}")
    plan = read_plan()
    if asked.tests:
        plan = plan._replace(tests=asked.tests)
    prepare(plan)
    todo, sizes = plan.choose(modules, asked.sample, asked.seed)
    print(sizes, flush=True)
    runner = Runner(plan, asked.jobs, asked.told)
    runner.run(todo)
    for module, text, before, after in (outdated := plan.outdated(modules)):
        print(f"kept, but not made any more: {module}: {text}: {before}  →  {after}")
    print(f"{len(todo)} mutants:", ", ".join(f"{n} {end}" for end, n in runner.counts.items()))
    return int(bool(runner.counts[SURVIVED] or outdated))


if __name__ == "__main__":
    sys.exit(main())
