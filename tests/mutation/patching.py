"""How a changed source takes the place of a module in a process.

A change within a function needs only that function's code: everything else is imported already.
What runs at import must be imported anew, so that process may not have the module yet.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import CodeType, FunctionType, ModuleType
from typing import Any

PACKAGE = "replywatch.metrics"


class Overlay(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module in a text instead of its file."""

    def __init__(self, module: str, source: str) -> None:
        self.name, self.source = f"{PACKAGE}.{module}", source

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """The module's spec, none for any other."""
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Runs the text as the module."""
        exec(compile(self.source, f"<mutant of {self.name}>", "exec"), module.__dict__)


def import_instead(module: str, source: str) -> None:
    """Let `source` be imported for a module that isn't yet."""
    assert f"{PACKAGE}.{module}" not in sys.modules
    sys.meta_path.insert(0, Overlay(module, source))


def patch(module: str, before: str, after: str) -> None:
    """Give the functions of an imported module the code that they have in `after`."""
    old = _functions(compile(before, module, "exec"))
    new = _functions(compile(after, module, "exec"))
    changed = [name for name in old if old[name] != new[name]]
    assert changed, f"{module}: nothing changed"
    for name in changed:
        _function(importlib.import_module(f"{PACKAGE}.{module}"), name).__code__ = new[name]


def _functions(code: CodeType) -> dict[str, CodeType]:
    """Code of functions and methods by their qualified names."""
    found: dict[str, CodeType] = {}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            is_function = bool(inner.co_flags & 1)  # a class body keeps no fast locals
            found |= {inner.co_qualname: inner} if is_function else _functions(inner)
    return found


def _function(module: ModuleType, name: str) -> FunctionType:
    found: Any = module
    for part in name.split("."):
        found = vars(found)[part]
    for wrapper in ("fget", "__func__", "__wrapped__"):
        found = getattr(found, wrapper, found)
    assert isinstance(found, FunctionType), name
    return found
