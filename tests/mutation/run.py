"""Change one thing in `metrics/`, run the tests, and see that one of them fails.

    make mutants SAMPLE=10 SEED=1 MODULES="life clocks:120"

No file is touched, and nothing outlives a mutant: it is a forked process with the change in place
of the module's code. It meets the tests nearest to its module first; what outlives them is told the
timelines of `stories`, whose answers are known; and what tells those well meets all other tests
that reach its line, those first that killed others of its module. The first failure ends it. A
mutant that takes several times as long as usual counts as killed.
"""

from __future__ import annotations

import argparse
import gc
import os
import pickle
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
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

NEAR, STORIES, REST = "near tests", "stories", "all other tests"
SECONDS_OF_STORIES = 3.0  # all of them, about
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

        limit(SECONDS_OF_STORIES)
        told = storybook.load()
        return stories.are_told_well(told[place] for place in places)

    return fork(is_well)


def tell_within() -> Tell:
    """Lets mutants of functions tell stories; this process has imported and read all."""
    from mutation import stories, storybook

    told = storybook.load()

    def tell(case: Case, places: Sequence[int]) -> int:
        def is_well() -> bool:
            patch(case.module, case.original, case.mutant.source)
            limit(SECONDS_OF_STORIES)
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
    gc.collect()
    gc.freeze()  # else the first collection of each mutant goes through all of it

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
    """Whether who reaches these lines meets it; what runs at import, everybody does."""
    own = {(case.module, line) for line in case.mutant.lines}
    return not own or not own.isdisjoint(lines)


class Runner:
    """Lets mutants meet tests and tell stories, several at once, and says how each ended."""

    def __init__(self, plan: Plan, jobs: int) -> None:
        self.plan, self.jobs = plan, jobs
        self.killers: Counter[tuple[str, str]] = Counter()  # by module and test
        self.counts: Counter[str] = Counter()
        self.within: list[Case] = []  # mutants of functions

    def run(self, todo: list[Case]) -> None:
        """Let all of these meet and tell what there is."""
        self.within = [case for case in todo if case.mutant.lines]
        # First those of what runs at import: until they are through, this process imports nothing.
        self._run([case for case in todo if not case.mutant.lines], start_anew, lambda: tell_anew)
        if self.within:
            files = (f"tests/{file}" for file in self.plan.tests)
            pytest.main([*OPTIONS, *files], plugins=[self])

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """All tests are collected: now mutants of functions can start within."""
        self._run(self.within, start_within(session), tell_within)
        return True

    def _run(self, todo: list[Case], start: Start, telling: Callable[[], Tell]) -> None:
        """Each stage takes what outlived the one before."""
        left = self._meet(todo, start, NEAR)
        if left and (left := self._tell(left, telling())):
            self._meet(left, start, REST)

    def _meet(self, todo: list[Case], start: Start, stage: str) -> list[Case]:
        """Those of these mutants that outlive the tests near them, or all others."""
        near = {case.module: self.plan.near.get(case.module, []) for case in todo}
        files = {file for some in near.values() for file in some}
        tests = measure(files if stage == NEAR else self.plan.tests, OPTIONS, self.jobs)

        def start_some(case: Case) -> int | None:
            found = [
                test
                for test in tests
                if (test.file in near[case.module]) == (stage == NEAR)
                and is_reached(case, test.lines)
            ]
            found.sort(key=lambda test: (-self.killers[case.module, test.id], test.seconds))
            return start(case, found, folder) if found else None

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            return self._outliving(stage, ends(todo, start_some, self.jobs), folder)

    def _tell(self, todo: list[Case], tell: Tell) -> list[Case]:
        """Those of these mutants that tell all stories well."""
        reach = reach_of_stories()

        def tell_some(case: Case) -> int | None:
            places = [place for place, lines in enumerate(reach) if is_reached(case, lines)]
            return tell(case, places) if places else None

        return self._outliving(STORIES, ends(todo, tell_some, self.jobs))

    def _outliving(
        self, stage: str, ends: Iterable[tuple[Case, str, int]], folder: Path = Path()
    ) -> list[Case]:
        """Those that live on. Prints how each ended; the test that killed it is in the folder."""
        left = []
        for case, end, pid in ends:
            if end == SURVIVED:
                left.append(case)
                text = f"outlived {stage}" if stage != REST else SURVIVED
            else:
                text = f"{end} by {stage}"
                if (last := folder / str(pid)).exists():
                    self.killers[case.module, last.read_text()] += 1
            self.counts[text] += 1
            print(f"{text}: {case}", flush=True)
        return left


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
    runner = Runner(plan, asked.jobs)
    runner.run(todo)
    for module, text, before, after in (outdated := plan.outdated(modules)):
        print(f"kept, but not made any more: {module}: {text}: {before}  →  {after}")
    print(f"{len(todo)} mutants:", ", ".join(f"{n} {end}" for end, n in runner.counts.items()))
    return int(bool(runner.counts[SURVIVED] or outdated))


if __name__ == "__main__":
    sys.exit(main())
