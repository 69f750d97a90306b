"""Which lines of `metrics/` each test reaches, and how long it takes.

A mutant needs to meet only the tests that reach its line. What was measured is kept in `build/`
for as long as neither the rules nor the file of tests changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
METRICS = ROOT / "metrics"
CACHE = ROOT / "build" / "reach"

Lines = set[tuple[str, int]]


class Test(NamedTuple):
    """A test's id, its seconds of CPU time, and the lines (module, number) that it reaches."""

    id: str
    seconds: float
    lines: Lines

    @property
    def file(self) -> str:
        """The file that it stands in."""
        return Path(self.id.partition("::")[0]).name


class Tracer:
    """A plugin of pytest that watches each test; fixtures shared by tests count for all of them."""

    def __init__(self) -> None:
        self.tests: list[Test] = []
        self.shared: dict[str, tuple[float, Lines]] = {}
        self.lines: Lines = set()
        self.depth = 0
        self.modules = {str(path.resolve()): path.stem for path in METRICS.glob("*.py")}
        self.files: dict[str, str | None] = {}

    def _enter(self, frame: FrameType, _event: str, _what: Any) -> Any:
        file = frame.f_code.co_filename
        if file not in self.files:
            self.files[file] = self.modules.get(os.path.realpath(file))
        module = self.files[file]
        if module is None:
            return None
        lines = self.lines

        def step(frame: FrameType, _event: str, _what: Any) -> Any:
            lines.add((module, frame.f_lineno))
            return step

        return step(frame, "", None)

    @contextmanager
    def watch(self) -> Generator[list[Any]]:
        """Seconds, once it is over, and the lines reached meanwhile."""
        before, self.lines = self.lines, set()
        found: list[Any] = [0.0, self.lines]
        started = time.process_time()
        self.depth += 1
        sys.settrace(self._enter)
        threading.settrace(self._enter)
        try:
            yield found
        finally:
            found[0] = time.process_time() - started
            self.lines = before
            self.depth -= 1
            if not self.depth:
                sys.settrace(None)
                threading.settrace(None)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Watch a shared fixture apart."""
        if fixturedef.scope == "function":
            return (yield)
        with self.watch() as found:
            answer = yield
        self.shared[fixturedef.argname] = found[0], found[1]
        return answer

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Function) -> Generator[None, Any, Any]:
        """Watch a test with its set-up."""
        with self.watch() as found:
            answer = yield
        seconds, lines = found
        for name in item.fixturenames:
            more, shared = self.shared.get(name, (0.0, set()))
            lines |= shared
            seconds += more
        self.tests.append(Test(item.nodeid, seconds, lines))
        return answer


def measure(files: Iterable[str], options: list[str], jobs: int) -> list[Test]:
    """The tests of these files, with what they reach. Exits if one of them fails unchanged."""
    CACHE.mkdir(parents=True, exist_ok=True)
    rules = hashlib.sha256()
    for path in sorted(METRICS.glob("*.py")):
        rules.update(path.read_bytes())
    kept = {}
    running: set[int] = set()
    for file in files:
        key = rules.copy()
        key.update((ROOT / "tests" / file).read_bytes())
        kept[file] = CACHE / f"{Path(file).stem}-{key.hexdigest()[:16]}.json"
        if kept[file].exists():
            continue
        while len(running) >= jobs:
            running -= {_wait()}
        if pid := os.fork():
            running.add(pid)
        else:
            _measure(file, kept[file], options)
    while running:
        running -= {_wait()}
    return [
        Test(id, seconds, {(module, line) for module, lines in reached.items() for line in lines})
        for path in kept.values()
        for id, seconds, reached in json.loads(path.read_text())
    ]


def _wait() -> int:
    pid, status = os.wait()
    if status:
        raise SystemExit("the tests fail without any change")
    return pid


def _measure(file: str, kept: Path, options: list[str]) -> None:
    tracer = Tracer()
    code = 1
    try:
        code = pytest.main([*options, f"tests/{file}"], plugins=[tracer])
        told = []
        for test in tracer.tests:
            reached: dict[str, list[int]] = defaultdict(list)
            for module, line in sorted(test.lines):
                reached[module].append(line)
            told.append((test.id, test.seconds, reached))
        if code == 0:
            for old in CACHE.glob(f"{Path(file).stem}-*.json"):
                old.unlink()
            kept.write_text(json.dumps(told))
    finally:
        os._exit(code)
