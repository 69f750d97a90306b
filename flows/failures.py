"""What first went wrong in a process, as it was raised.

On several processes the engine forgets it: whatever a source, a step or a sink raises, what comes
out is the panic of a thread that found its connection closed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

X = TypeVar("X")
P = ParamSpec("P")

_CALLED = ("next_batch", "on_batch", "write_batch", "snapshot")
"""What the engine calls of a part again and again."""


class Failures:
    """Keeps the first exception that leaves anything it notes."""

    def __init__(self) -> None:
        self.first: BaseException | None = None

    def note(self, call: Callable[P, X]) -> Callable[P, X]:
        """`call`, with what it raises kept."""

        @wraps(call)
        def noted(*arguments: P.args, **options: P.kwargs) -> X:
            try:
                return call(*arguments, **options)
            except StopIteration:
                raise
            except BaseException as error:
                self.first = self.first or error
                raise

        return noted

    def note_parts(self, build: Callable[P, X]) -> Callable[P, X]:
        """`build`, noted, which makes a part whose calls are noted."""

        def built(*arguments: P.args, **options: P.kwargs) -> X:
            part: Any = build(*arguments, **options)
            for name in _CALLED:
                if hasattr(part, name):
                    setattr(part, name, self.note(getattr(part, name)))
            return part  # type: ignore[no-any-return]

        return self.note(built)

    def note_partitions(self, of: X) -> X:
        """A source or a sink whose partitions are noted."""
        whole: Any = of
        whole.build_part = self.note_parts(whole.build_part)
        return of
