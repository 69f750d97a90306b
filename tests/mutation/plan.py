"""What is to be done: the mutants of each module, the tests they meet, and those that are kept."""

from __future__ import annotations

import ast
import random
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mutation.mutations import Mutant, mutants
from mutation.reach import METRICS, ROOT

Name = tuple[str, str, str, str]
"""A mutant by its module, the text of its line (after the one above, where it is a way out alone),
and what is changed into what: stable as long as the line is. One name is for all such lines."""


class Case(NamedTuple):
    """A mutant of a module."""

    module: str
    text: str  # of its line
    mutant: Mutant
    original: str  # the module's source, as `ast.unparse` writes it

    @property
    def name(self) -> Name:
        """What it is kept under."""
        return self.module, self.text, self.mutant.before, self.mutant.after

    def __str__(self) -> str:
        line, before, after = self.mutant[:3]
        return f"metrics/{self.module}.py:{line}: {before}  →  {after}"


class Plan(NamedTuple):
    """The configuration beside this file."""

    examples: int  # of each comparison with the batch recomputation
    tests: list[str]  # files whose tests run in the process itself
    near: dict[str, list[str]]  # of those, the files nearest to a module
    kept: list[Name]  # of `survivors.toml`: known to survive, each for a reason

    def choose(self, modules: Sequence[str], size: int, seed: int) -> tuple[list[Case], str]:
        """`size` mutants of each module (0: all), the same for a seed, but none that is kept; and
        how many of many. `life:27` is line 27 alone."""
        found: list[Case] = []
        texts = []
        kept = set(self.kept)
        for module in modules:
            name, _, line = module.partition(":")
            every = [case for case in cases([name]) if not line or str(case.mutant.line) == line]
            new = [case for case in every if case.name not in kept]
            some = random.Random(f"{seed} {name}").sample(new, min(size or len(new), len(new)))
            found += sorted(some, key=lambda case: case.mutant[:3])
            texts.append(f"{module} {len(some)}/{len(every)}")
        return found, ", ".join(texts)

    def outdated(self, modules: Iterable[str]) -> list[Name]:
        """What is kept of these modules but not made any more, since its line has changed."""
        names = {module.partition(":")[0] for module in modules}
        made = {case.name for case in cases(sorted(names))}
        return [name for name in self.kept if name[0] in names and name not in made]


def read_plan() -> Plan:
    """`mutation.toml` and `survivors.toml`."""
    folder = ROOT / "tests" / "mutation"
    kept: list[Name] = []
    for one in tomllib.loads((folder / "survivors.toml").read_text())["kept"]:
        if not one["reason"]:
            raise SystemExit(f"survivors.toml: no reason for {one['mutants']}")
        kept += ((one["module"], *mutant) for mutant in one["mutants"])
    told = tomllib.loads((folder / "mutation.toml").read_text())
    near = {module: one["tests"] for one in told["near"] for module in one["modules"]}
    return Plan(told["examples"], told["tests"], near, kept)


def cases(modules: Iterable[str]) -> Iterator[Case]:
    """Every mutant of these modules."""
    for module in modules:
        source = (METRICS / f"{module}.py").read_text()
        lines, original = source.splitlines(), ast.unparse(ast.parse(source))
        for mutant in mutants(source):
            text = lines[mutant.line - 1].strip()
            if text in ("break", "continue", "return"):
                text = f"{lines[mutant.line - 2].strip()} {text}"
            yield Case(module, text, mutant, original)
