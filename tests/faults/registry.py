"""What a fault is: one function that does it, at a size and from a seed, and says what came of it.

A module of this folder lists its faults by decorating them:

    @fault("jsonl-kills")
    def kill_replays(size: Size, seed: int, folder: Path) -> Figures: ...

`folder` is empty and belongs to the fault. It raises `Unavailable` where this machine lacks what it
needs, and anything else only for a fault of the harness itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Size:
    """How much of each fault is done: `small` in minutes, `full` for a table to be quoted.

    `kills` overrides how often processes are killed, at either size. `breaks` names what is broken
    on purpose beforehand (`child.BREAKS`), to see that the faults show it.
    """

    is_full: bool = False
    kills: int | None = None
    breaks: tuple[str, ...] = ()

    def pick(self, small: int, full: int) -> int:
        """The number that belongs to this size."""
        return full if self.is_full else small

    def pick_kills(self, small: int, full: int) -> int:
        """How many kills to do."""
        return self.pick(small, full) if self.kills is None else self.kills


@dataclass
class Figures:
    """What came of a fault that was done `times`. Rows are those of all tables together.

    `lost`: rows that an undisturbed run has and this one hasn't, at the end. `doubled`: keys that
    a reader or the end saw twice. `retracted`: rows that a reader saw once and not again.
    `mismatches`: everything else that is not as it should be, a sentence each. `fresh`: seconds
    from each restart to the first news that a reader could see.
    """

    times: int = 0
    lost: int = 0
    doubled: int = 0
    retracted: int = 0
    mismatches: list[str] = field(default_factory=list)
    fresh: list[float] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether the fault did no harm, and was done at all."""
        harm = self.lost or self.doubled or self.retracted or self.mismatches
        return self.times > 0 and not harm


class Unavailable(Exception):
    """This machine can't do the fault: the name of what is missing, and a sentence."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


Fault = Callable[[Size, int, Path], Figures]

FAULTS: dict[str, Fault] = {}
"""Every fault by name, in the order in which they are done."""


def fault(name: str) -> Callable[[Fault], Fault]:
    """List a function as the fault `name`."""

    def listed(function: Fault) -> Fault:
        assert name not in FAULTS, f"two faults are named {name}"
        FAULTS[name] = function
        return function

    return listed


def all_faults() -> dict[str, Fault]:
    """Every fault of every module in this folder."""
    package = importlib.import_module("faults")
    for module in sorted(found.name for found in pkgutil.iter_modules(package.__path__)):
        if not module.startswith(("_", "test_")):
            importlib.import_module(f"faults.{module}")
    return FAULTS
