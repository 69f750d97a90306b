"""The metrics of this process, as Prometheus scrapes them.

The flow hands over what it counted (`LiveMetrics.take`); a scrape reads it. Counters start with
the process. Instants are exported, never ages: an age would freeze and look healthy when the
stream stalls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from replywatch.flows.exporter_tls import Tls
from replywatch.flows.live import LiveMetrics
from replywatch.flows.series import Buckets, ScopeSeries
from replywatch.metrics import catalogue as names
from replywatch.metrics.board import ScopeBoard
from replywatch.metrics.catalogue import CATALOGUE
from replywatch.metrics.cells import (
    ANSWERED,
    CLOSED,
    EXPIRED,
    MET,
    MISSED,
    NEGATIVE,
    OPENED,
    POSITIVE,
    POSTS,
    REPLIES,
    SCORED,
    SURVEYED,
    VOID,
)
from replywatch.metrics.policy import SLAS, PolicyBook, Scope
from replywatch.metrics.times import NEVER, SECOND


def families(live: LiveMetrics) -> list[Metric]:
    """All metric families as they stand."""
    with live.lock:
        return [*_process_families(live), *_scope_families(live)]


class _LiveCollector(Collector):
    def __init__(self, live: LiveMetrics) -> None:
        self._live = live

    def collect(self) -> Iterable[Metric]:
        return families(self._live)


def _family(name: str) -> Metric:
    """An empty family of the catalogue."""
    metric = CATALOGUE[name]
    kind: type[Metric] = {
        "counter": CounterMetricFamily,
        "gauge": GaugeMetricFamily,
        "histogram": HistogramMetricFamily,
    }[metric.kind]
    return kind(name, metric.help, labels=metric.labels)  # type: ignore[call-arg]


Samples = Iterator[tuple[tuple[str, ...], float | Buckets | None]]


def _filled(name: str, samples: Iterable[tuple[tuple[str, ...], float | Buckets | None]]) -> Metric:
    family = _family(name)
    for labels, value in samples:
        if isinstance(value, Buckets):
            family.add_metric(labels, value.cumulative(), value.sum)  # type: ignore[attr-defined]
        elif value is not None:
            family.add_metric(labels, value)  # type: ignore[attr-defined]
    return family


def _process_families(live: LiveMetrics) -> Iterator[Metric]:
    watermark = live.watermark
    seconds = None if watermark is None else watermark / SECOND
    yield _filled("care_events_rejected_total", (((r,), n) for r, n in live.rejected.items()))
    yield _filled("care_agents", (((state,), n) for state, n in live.agents.items()))
    yield _filled("care_events_late_total", [((), live.late)])
    yield _filled("care_scopes_folded_total", [((), live.folded)])
    yield _filled("care_event_delay_seconds", [((), live.delay)])
    yield _filled("care_pipeline_heartbeat_timestamp_seconds", [((), live.heartbeat)])
    yield _filled("care_pipeline_watermark_timestamp_seconds", [((), seconds)])
    yield _filled("care_pipeline_info", [((live.version, live.mode), 1.0)])
    yield _filled("care_export_last_success_timestamp_seconds", [((), live.exported_at)])
    exported = (((kind,), at) for kind, at in sorted(live.wfm_exported_at.items()))
    yield _filled("care_wfm_export_last_success_timestamp_seconds", exported)


def _scope_families(live: LiveMetrics) -> Iterator[Metric]:
    series = live.scopes
    per_scope: dict[str, Callable[[Scope, ScopeSeries], Samples]] = {
        "care_messages_total": _messages,
        "care_conversations_opened_total": lambda s, one: iter([(s, one.counts[OPENED])]),
        "care_conversations_closed_total": _ends,
        "care_sla_outcomes_total": _outcomes,
        "care_first_response_seconds": lambda s, one: iter([(s, one.first_response)]),
        "care_response_seconds": lambda s, one: iter([(s, one.response)]),
        "care_handle_active_seconds": lambda s, one: iter([(s, one.handle_active)]),
        "care_resolution_seconds": lambda s, one: iter([(s, one.resolution)]),
        "care_surveys_sent_total": _surveys,
        "care_survey_answers_total": _answers,
        "care_posts_scored_total": _moods,
    }
    for name, samples in per_scope.items():
        yield _filled(name, (x for scope, one in series.items() for x in samples(scope, one)))
    for name, gauges in _GAUGES.items():
        yield _filled(name, (x for scope, one in series.items() for x in gauges(scope, one)))
    yield from _targets(series, live.policy)


def _messages(scope: Scope, one: ScopeSeries) -> Samples:
    for direction, index in zip(names.DIRECTIONS, (POSTS, REPLIES), strict=True):
        yield (*scope, direction), one.counts[index]


def _ends(scope: Scope, one: ScopeSeries) -> Samples:
    for outcome, index in zip(names.ENDS, (CLOSED, EXPIRED), strict=True):
        yield (*scope, outcome), one.counts[index]


def _outcomes(scope: Scope, one: ScopeSeries) -> Samples:
    for index, sla in enumerate(SLAS):
        for outcome, base in zip(names.OUTCOMES, (MET, MISSED, VOID), strict=True):
            yield (*scope, sla, outcome), one.counts[base + index]


def _surveys(scope: Scope, one: ScopeSeries) -> Samples:
    for survey, index in SURVEYED.items():
        yield (*scope, survey), one.counts[index]


def _answers(scope: Scope, one: ScopeSeries) -> Samples:
    for (survey, outcome), index in ANSWERED.items():
        yield (*scope, survey, outcome), one.counts[index]


def _moods(scope: Scope, one: ScopeSeries) -> Samples:
    negative, positive = one.counts[NEGATIVE], one.counts[POSITIVE]
    neutral = one.counts[SCORED] - negative - positive
    for mood, count in zip(names.SENTIMENTS, (negative, neutral, positive), strict=True):
        yield (*scope, mood), count


def _total(field: str) -> Callable[[Scope, ScopeSeries], Samples]:
    """A gauge that adds up over the scopes folded into one."""

    def samples(scope: Scope, one: ScopeSeries) -> Samples:
        yield scope, sum(getattr(board, field) for board in one.boards.values())

    return samples


def _least(field: str) -> Callable[[Scope, ScopeSeries], Samples]:
    """An instant of which the earliest counts; no sample where there is none."""

    def samples(scope: Scope, one: ScopeSeries) -> Samples:
        found = [at for b in one.boards.values() if (at := getattr(b, field)) is not None]
        yield scope, min(found) / SECOND if found else None

    return samples


def _of_sla(
    pick: Callable[[list[ScopeBoard], str], float | None], slas: tuple[str, ...]
) -> Callable[[Scope, ScopeSeries], Samples]:
    def samples(scope: Scope, one: ScopeSeries) -> Samples:
        for sla in slas:
            yield (*scope, sla), pick(list(one.boards.values()), sla)

    return samples


def _next_due(boards: list[ScopeBoard], sla: str) -> float | None:
    found = [board.next_due_at[sla] for board in boards if sla in board.next_due_at]
    return min(found) / SECOND if found else None


def _worst_attainment(boards: list[ScopeBoard], sla: str) -> float | None:
    found = [share for board in boards if (share := board.attainment.get(sla)) is not None]
    return min(found, default=None)


def _maybe(field: str) -> Callable[[Scope, ScopeSeries], Samples]:
    """A gauge that may be unknown, added up where it is known."""

    def samples(scope: Scope, one: ScopeSeries) -> Samples:
        found = [value for b in one.boards.values() if (value := getattr(b, field)) is not None]
        yield scope, sum(found) if found else None

    return samples


def _spikes(scope: Scope, one: ScopeSeries) -> Samples:
    for kind in names.SPIKE_KINDS:
        is_active = any(getattr(board, f"is_{kind}") for board in one.boards.values())
        yield (*scope, kind), float(is_active)


def _largest(field: str) -> Callable[[Scope, ScopeSeries], Samples]:
    """A gauge of which the largest counts; no sample where it is unknown."""

    def samples(scope: Scope, one: ScopeSeries) -> Samples:
        found = [value for b in one.boards.values() if (value := getattr(b, field)) is not None]
        yield scope, max(found, default=None)

    return samples


_GAUGES: dict[str, Callable[[Scope, ScopeSeries], Samples]] = {
    "care_conversations_waiting": _total("waiting"),
    "care_conversations_unassigned": _total("unassigned"),
    "care_backlog": _total("backlog"),
    "care_volume_window_posts": _total("window_posts"),
    "care_oldest_waiting_timestamp_seconds": _least("oldest_wait_at"),
    "care_volume_expected_posts": _maybe("posts_expected"),
    "care_volume_spike_score": _largest("spike_score"),
    "care_volume_spike_severity_days": _largest("spike_severity"),
    "care_volume_spike_active": _spikes,
    "care_conversations_overdue": _of_sla(
        lambda boards, sla: sum(board.overdue.get(sla, 0) for board in boards), SLAS
    ),
    "care_conversations_at_risk": _of_sla(
        lambda boards, sla: sum(board.at_risk.get(sla, 0) for board in boards), SLAS
    ),
    "care_next_deadline_timestamp_seconds": _of_sla(_next_due, SLAS),
    "care_sla_window_attainment_ratio": _of_sla(_worst_attainment, SLAS),
    "care_sla_window_breached": _of_sla(
        lambda boards, sla: float(any(board.is_breached.get(sla) for board in boards)),
        SLAS,
    ),
}


def _targets(series: dict[Scope, ScopeSeries], policy: PolicyBook) -> Iterator[Metric]:
    targets, objectives = _family("care_sla_target_seconds"), _family("care_sla_objective_ratio")
    for scope in series:
        in_force = policy.rule_for(NEVER, scope, "normal")
        for index, sla in enumerate(SLAS):
            target = in_force.targets[index]
            if target is not None:
                labels = (*scope, sla)
                targets.add_metric(labels, target / SECOND)  # type: ignore[attr-defined]
                ratio = in_force.rule.objective.ratio
                objectives.add_metric(labels, ratio)  # type: ignore[attr-defined]
    yield from (targets, objectives)


def register(live: LiveMetrics, registered: CollectorRegistry) -> None:
    """Let `registered` export `live`."""
    registered.register(_LiveCollector(live))


class ExporterError(Exception):
    """`/metrics` can't be served; the message says where and why."""


def serve(
    live: LiveMetrics, host: str, port: int, tls: Tls | None = None
) -> tuple[str, Callable[[], None]]:
    """Serve `/metrics` on `host`:`port` (0 takes a free one); its URL, and what stops it."""
    options = {} if tls is None else tls.options()
    registered = CollectorRegistry()
    register(live, registered)
    try:
        server, thread = start_http_server(port, addr=host, registry=registered, **options)
    except OSError as error:
        raise ExporterError(
            f"can't serve /metrics on {host}:{port}: {(error.strerror or str(error)).lower()}; "
            "stop what listens there or choose another port"
        ) from None

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    scheme = "http" if tls is None else "https"
    return f"{scheme}://{host}:{server.server_port}/metrics", stop
