"""Templates of Prometheus for the texts of alerts, and the same in promtool's expectations."""

from __future__ import annotations

from collections.abc import Sequence

from replywatch.alerts.model import SCOPE, SCOPE_SLA

WHERE = "{{ $labels.queue }} ({{ $labels.brand }}, {{ $labels.channel }})"
"""The scope of an alert, the queue first: it is what a reader looks for."""


def number(query: str, by: Sequence[str], how: str = "", before: str = "", after: str = "") -> str:
    """The value of a query for the labels `by` of the alert; nothing where it has no sample.

    In `query`, each `$` stands for the selector of those labels. `how` is a function of
    Prometheus's templates such as `humanizeDuration`; `before` and `after` stand around the value.
    """
    shown = f" | {how}" if how else ""
    return when(query, by, f"{before}{{{{ . | first | value{shown} }}}}{after}")


def when(query: str, by: Sequence[str], text: str) -> str:
    """`text` where a query has a sample for the labels `by` of the alert."""
    chosen = "{" + ",".join(f"{label}=%q" for label in by) + "}" if by else ""
    labels = [f"$labels.{label}" for label in by] * query.count("$")
    asked = " ".join(["printf", f"`{query.replace('$', chosen)}`", *labels])
    return f"{{{{ with {asked} | query }}}}{text}{{{{ end }}}}"


def duration(length: int) -> str:
    """Seconds as Prometheus's `humanizeDuration` writes them."""
    minutes, left = divmod(length, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (left, "s")]
    while len(parts) > 1 and not parts[0][0]:
        del parts[0]
    return " ".join(f"{value}{unit}" for value, unit in parts)


OBJECTIVE = number("max(care_sla_objective_ratio$)", SCOPE_SLA, "humanizePercentage")
"""The share of clocks to be met, of an alert by scope and SLA."""


def percent(ratio: float) -> str:
    """0.3 as 30%."""
    return f"{ratio * 100:.10g}%"


def label_values(by: Sequence[str]) -> dict[str, str]:
    """Labels of an example's series: everywhere the same value."""
    known = {"brand": "acme", "channel": "chat", "queue": "tier1", "sla": "first_response"}
    return {name: known[name] for name in by}


def selector(by: Sequence[str] = SCOPE, **more: str) -> str:
    """The labels of an example's series, and some `more`, as a selector."""
    labels = {**label_values(by), **more}
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def held(step: int, *phases: tuple[float, int]) -> str:
    """A series in promtool's notation: each value for so many seconds, a sample every `step`."""
    return " ".join(f"{value:.15g}x{max(length // step, 1) - 1}" for value, length in phases)


def until_stop(step: int, stop: int, length: int) -> str:
    """An instant that follows the clock up to `stop` and then stands still for `length` seconds."""
    return f"0+{step}x{stop // step} {stop}x{max(length // step, 1) - 1}"
