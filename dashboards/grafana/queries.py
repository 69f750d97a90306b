"""PromQL of the boards, from the catalogue's names: a name that isn't in it is an error here."""

from __future__ import annotations

from dataclasses import dataclass

from replywatch.metrics.catalogue import CATALOGUE, SCOPE

BY_SCOPE = "brand, channel, queue"
SCOPE_LEGEND = "{{brand}} · {{channel}} · {{queue}}"
RESPONSES = "~first_response|next_response"
"""The SLAs of somebody who waits; a resolution can be overdue with nobody waiting."""
RATE = "$__rate_interval"


@dataclass(frozen=True)
class Query:
    """One question to Prometheus. `legend` names its series and may use `{{label}}`."""

    expr: str
    legend: str = ""


def of(metric: str, part: str = "", /, **labels: str) -> str:
    """The series of `metric` that the board's variables choose.

    `part` is `bucket`, `sum` or `count` of a histogram. A label's value that starts with `~` is a
    regular expression.
    """
    known = CATALOGUE[metric].labels
    chosen = [f'{name}=~"${name}"' for name in SCOPE if name in known]
    for name, value in labels.items():
        if name not in known:
            raise KeyError(f"{metric} has no label {name}")
        sign, text = ("=~", value[1:]) if value.startswith("~") else ("=", value)
        chosen.append(f'{name}{sign}"{text}"')
    series = f"{metric}_{part}" if part else metric
    return f"{series}{{{','.join(chosen)}}}" if chosen else series


def total(metric: str, by: str = "", **labels: str) -> str:
    """The sum of a gauge over the chosen scopes, for each of the labels `by`."""
    return f"sum{_by(by)}({of(metric, **labels)})"


def increase(metric: str, over: str, by: str = "", part: str = "", **labels: str) -> str:
    """How much a counter grew, summed."""
    return f"sum{_by(by)}(increase({of(metric, part, **labels)}[{over}]))"


def rate(metric: str, by: str = "", over: str = RATE, part: str = "", **labels: str) -> str:
    """How much a counter grows a second, summed."""
    return f"sum{_by(by)}(rate({of(metric, part, **labels)}[{over}]))"


def quantile(ratio: float, histogram: str, over: str, by: str = "") -> str:
    """A quantile of a histogram in seconds; no value where nothing was observed."""
    inner = increase(histogram, over, by=f"le, {by}" if by else "le", part="bucket")
    return f"histogram_quantile({ratio}, {inner})"


def mean(histogram: str, over: str, by: str = "") -> str:
    """The mean of a histogram in seconds; no value where nothing was observed."""
    total_seconds = increase(histogram, over, by=by, part="sum")
    return f"{total_seconds} / ({increase(histogram, over, by=by, part='count')} > 0)"


def attainment(over: str, by: str = "", **labels: str) -> str:
    """Met ÷ (met + missed) of the clocks that ended; no value where none did."""
    name = "care_sla_outcomes_total"
    met = increase(name, over, by=by, outcome="met", **labels)
    ended = increase(name, over, by=by, outcome="~met|missed", **labels)
    return f"{met} / ({ended} > 0)"


def age(instant: str) -> str:
    """Whole seconds since an exported instant."""
    return f"floor(time() - {instant})"


def _by(labels: str) -> str:
    return f" by ({labels}) " if labels else ""
