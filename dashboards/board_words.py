"""A board in words: totals over all scopes, durations, shares, and the plain line for a pipe.

Pure: everything is computed from the `Board` passed in, so the same board gives the same words.
Instants are integer microseconds since the epoch, UTC; durations are seconds. `None` ("no data")
reads as a dash, never 0, and a zero is written as a word ("nobody waiting").
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from replywatch.metrics.board import Board, ScopeBoard

__all__ = [
    "NO_DATA",
    "Totals",
    "attainment_words",
    "board_line",
    "due_seconds",
    "duration_words",
    "expected_words",
    "instant_utc",
    "overdue_count",
    "progress_words",
    "safe_words",
    "scope_name",
    "sla_words",
    "spike_words",
    "totals_of",
    "wait_seconds",
    "worst_first",
]

NO_DATA = "\N{EN DASH}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Totals:
    """The numbers of all scopes together; `None` means that no scope has data."""

    waiting: int
    unassigned: int
    backlog: int
    overdue: Counter[str]  # SLA name -> conversations past its deadline
    next_due_seconds: float | None  # to the earliest deadline still ahead
    longest: ScopeBoard | None  # the scope of the longest running wait
    met: int
    missed: int
    posts: int
    expected: float | None  # summed over the scopes that have an expectation
    learning: int  # scopes that have none yet
    spikes: tuple[ScopeBoard, ...]  # largest against its expectation first


def instant_utc(at: int) -> datetime:
    """The instant `at` (microseconds since the epoch) as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def duration_words(seconds: float | None) -> str:
    """`42s`, `4m 03s`, `1h 12m` or `2d 03h`: full units only, never rounded up; a dash for None."""
    if seconds is None:
        return NO_DATA
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3600:02d}h"


def attainment_words(met: int, missed: int) -> str:
    """The share met as `71%`; a dash when there is no outcome.

    `100%` and `0%` are kept for all and none: 999 of 1,000 reads `99%`, 1 of 1,000 `1%`.
    """
    if met + missed == 0:
        return NO_DATA
    percent = round(100 * met / (met + missed))
    if met and missed:
        percent = min(99, max(1, percent))
    return f"{percent}%"


def expected_words(expected: float | None) -> str:
    """An expected count: one decimal under 10 (`0.4`), whole from there (`13`), a dash for None."""
    if expected is None:
        return NO_DATA
    return f"{expected:.1f}".removesuffix(".0") if expected < 9.95 else f"{expected:,.0f}"


def progress_words(progress_ratio: float | None) -> str:
    """A replay's progress as `62%`, `100%` only at its end; `live` for None."""
    if progress_ratio is None:
        return "live"
    return f"{int(100 * min(1.0, max(0.0, progress_ratio)) + 1e-9)}%"


def safe_words(text: str) -> str:
    """`text` from outside, unprintable characters replaced by U+FFFD.

    A brand or queue named with an escape sequence must not be able to drive the terminal.
    """
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def scope_name(scope: ScopeBoard) -> str:
    """`brand/channel/queue`, safe to print."""
    return safe_words(f"{scope.brand}/{scope.channel}/{scope.queue}")


def sla_words(sla: str) -> str:
    """An SLA's name in words: `first_response` reads `first response`."""
    return safe_words(sla.replace("_", " "))


def overdue_count(scope: ScopeBoard) -> int:
    """Running clocks past their deadline in this scope, all SLAs together."""
    return sum(scope.overdue.values())


def wait_seconds(scope: ScopeBoard, as_of: int) -> float | None:
    """Age of the scope's longest running wait at `as_of`; None when nobody waits."""
    if scope.oldest_wait_at is None:
        return None
    return max(0, as_of - scope.oldest_wait_at) / _MICROSECONDS


def due_seconds(scope: ScopeBoard, as_of: int) -> float | None:
    """Time left to the scope's earliest deadline still ahead; None when no clock runs."""
    if not scope.next_due_at:
        return None
    return max(0, min(scope.next_due_at.values()) - as_of) / _MICROSECONDS


def _spike_ratio(scope: ScopeBoard) -> float | None:
    """Posts of the running window against those expected for a whole one; None without any."""
    return scope.window_posts / scope.posts_expected if scope.posts_expected else None


def spike_words(scope: ScopeBoard) -> str:
    """`SPIKE x12`, `CRISIS x12` or `SURGE x2.1` by what goes on, `normal`, or `learning` while
    nothing is expected yet."""
    if not (scope.is_spike or scope.is_surge):
        return "learning" if scope.posts_expected is None else "normal"
    kind = "CRISIS" if scope.is_crisis else "SPIKE" if scope.is_spike else "SURGE"
    ratio = _spike_ratio(scope)
    if ratio is None:
        return kind
    return f"{kind} x{ratio:,.0f}" if ratio >= 9.95 else f"{kind} x{ratio:.1f}"


def worst_first(board: Board) -> list[ScopeBoard]:
    """Scopes by spike, then overdue, then longest wait, waiting and posts; ties by name."""

    def badness(scope: ScopeBoard) -> tuple[int, int, float, int, int, str]:
        longest = wait_seconds(scope, board.as_of) or 0.0
        return (
            -int(scope.is_spike),
            -overdue_count(scope),
            -longest,
            -scope.waiting,
            -scope.window_posts,
            scope_name(scope),
        )

    return sorted(board.scopes, key=badness)


def totals_of(board: Board) -> Totals:
    """All scopes of `board` together."""
    scopes = board.scopes
    overdue: Counter[str] = Counter()
    for scope in scopes:
        overdue.update(scope.overdue)
    waits = [scope for scope in worst_first(board) if scope.oldest_wait_at is not None]
    dues = [due for scope in scopes if (due := due_seconds(scope, board.as_of)) is not None]
    expected = [s.posts_expected for s in scopes if s.posts_expected is not None]
    spikes = [scope for scope in worst_first(board) if scope.is_spike]
    return Totals(
        waiting=sum(scope.waiting for scope in scopes),
        unassigned=sum(scope.unassigned for scope in scopes),
        backlog=sum(scope.backlog for scope in scopes),
        overdue=overdue,
        next_due_seconds=min(dues, default=None),
        longest=min(waits, key=lambda scope: scope.oldest_wait_at or 0, default=None),
        met=sum(scope.met_last_hour for scope in scopes),
        missed=sum(scope.missed_last_hour for scope in scopes),
        posts=sum(scope.window_posts for scope in scopes),
        expected=sum(expected) if expected else None,
        learning=len(scopes) - len(expected),
        spikes=tuple(sorted(spikes, key=lambda scope: -(_spike_ratio(scope) or 0.0))),
    )


def _spike_line(totals: Totals) -> str:
    if totals.spikes:
        first = totals.spikes[0]
        more = f" and {len(totals.spikes) - 1} more" if len(totals.spikes) > 1 else ""
        return f"{spike_words(first)} {scope_name(first)}{more}"
    return "learning" if totals.expected is None else "normal"


def board_line(board: Board) -> str:
    """The board as one plain line for a pipe or a log: event time in UTC, no escape codes."""
    totals = totals_of(board)
    overdue = totals.overdue.total()
    outcomes = totals.met + totals.missed
    longest = wait_seconds(totals.longest, board.as_of) if totals.longest else None
    share = attainment_words(totals.met, totals.missed)
    return "  ".join(
        (
            f"{instant_utc(board.as_of):%Y-%m-%d %H:%M}" if board.as_of else "no events yet",
            f"{progress_words(board.progress_ratio):>4}",
            f"waiting {totals.waiting:,}" if totals.waiting else "nobody waiting",
            f"overdue {overdue:,}" if overdue else "none overdue",
            f"longest {duration_words(longest)}",
            f"in target {share} (n={outcomes:,})" if outcomes else f"in target {share}",
            f"posts {totals.posts:,}/{expected_words(totals.expected)}",
            _spike_line(totals),
        )
    )
