"""The examples in the docstrings of the rules, by their installed names."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from replywatch import metrics

MODULES = sorted(found.name for found in pkgutil.iter_modules(metrics.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_are_true(name: str) -> None:
    """Each runs by itself; a module without one has nothing to prove."""
    module = importlib.import_module(f"replywatch.metrics.{name}")
    assert 0 == doctest.testmod(module).failed


def test_there_are_examples() -> None:
    """They are found under the installed name."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [importlib.import_module(f"replywatch.metrics.{name}") for name in MODULES]
    found = [test.name for module in modules for test in finder.find(module) if test.examples]
    expected = "replywatch.metrics.calendar.Calendar"
    assert expected in found
