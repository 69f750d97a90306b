"""Models: the SQL views that turn the history's tables into what people ask for.

A model is a file: `staging/stg_*.sql` renames and casts one table, `marts/*.sql` has one row per
something that its `.yml` names. What several models and reports share is a macro: of a value here,
of rows in `macros/`. The tables themselves lie in the schema `raw`; one without a mart of its name
is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from graphlib import TopologicalSorter
from importlib import resources
from pathlib import Path

import duckdb

from replywatch.metrics.policy import Policy
from replywatch.metrics.satisfaction import NPS, NpsScale
from replywatch.sql.schemas import TABLES
from replywatch.sql.views import Restating
from replywatch.sql.work import work_views

FOLDERS, MACROS = ("staging", "marts"), "macros"
_REFERENCE = re.compile(r"\b(?:from|join)\s+([a-z_]+)\b(?!\.)")
_TABLE = re.compile(r"\b(?:from|join)\s+(?:raw|rest)\.([a-z_]+)\b")
_COMMENT = re.compile(r"--.*")

_LOWER_RANKS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.43, 0.45, 0.47, 0.48, 0.49, 0.495)
_RANKS = [*_LOWER_RANKS, 0.5, *(round(1 - rank, 3) for rank in reversed(_LOWER_RANKS))]
"""Shares at which the sorted values are looked at; the next one further out is taken."""

_MACROS = (
    # Wilson's score interval, 95 %, of a share of `hits` in `n`; null over nothing. Its ends at
    # no hit and at nothing but hits are 0 and 1, which rounding would miss by a hair.
    """create macro wilson_low(hits, n) as case when n > 0 then if(hits = 0, 0,
        (hits + 1.9208 - 1.96 * sqrt(hits * (1 - hits / n) + 0.9604)) / (n + 3.8416)
    ) end""",
    """create macro wilson_high(hits, n) as case when n > 0 then if(hits = n, 1,
        (hits + 1.9208 + 1.96 * sqrt(hits * (1 - hits / n) + 0.9604)) / (n + 3.8416)
    ) end""",
    # The median's interval by order statistics, which assumes no shape and covers it in 95 % of
    # cases or more: `median_ranks` of the values give it with their number, none under eight.
    f"create macro median_ranks(value) as quantile_disc(value, {_RANKS})",
    f"""create macro median_low(ranks, n) as case when n >= 8 then ranks[
        len(list_filter({_RANKS}, lambda p: p <= floor((n - 1.96 * sqrt(n)) / 2) / n + 1e-9))
    ] end""",
    # Of ten values the highest share is enough, though none lies further out.
    f"""create macro median_high(ranks, n) as case when n >= 8 then ranks[least(
        {len(_RANKS)},
        1 + len(list_filter({_RANKS}, lambda p: p <= ceil((n + 1.96 * sqrt(n)) / 2) / n + 1e-9))
    )] end""",
    # Days without a new contact until a first contact has resolved; see the policy's fcr_days.
    "create macro fcr_days() as 7",
    # Whether customers were erased: windows, which name nobody, count them still.
    "create macro is_erased_from() as false",
    # Who is credited with a close: nobody with a bot's; and what a reply of a person is.
    """create macro closer(closed_by, assigned_agent, closing_agent) as
        case when closed_by is null then assigned_agent else closing_agent end""",
    "create macro is_human(direction, agent) as direction = 'outbound' and agent is not null",
    # Fewer than this is too little to judge anybody by.
    "create macro is_small_sample(n) as coalesce(n, 0) < 30",
    # Seconds in whole microseconds, whose sum and mean are the same whatever the order of the rows.
    "create macro whole_us(seconds) as (seconds * 1e6)::bigint",
    "create macro sum_seconds(us) as sum(us) / 1e6",
    "create macro mean_seconds(us) as avg(us) / 1e6",
    # Whether an instant lies in a period; an open side is null.
    """create macro is_within(instant, since, until) as
        instant >= coalesce(since::timestamptz, '-infinity')
        and instant < coalesce(until::timestamptz, 'infinity')""",
    # The first UTC midnight that an instant doesn't lie after.
    """create macro next_midnight(instant) as
        date_trunc('day', (instant::timestamptz at time zone 'UTC')
            + interval 1 day - interval 1 microsecond) at time zone 'UTC'""",
    # The counts of work, which are 0 where nothing was done; the other figures are null then.
    """create macro work_counts() as [
        'agents', 'conversations', 'replies', 'first_responses', 'responses',
        'assigned_responses', 'met', 'missed', 'missed_unassigned', 'closed', 'reopened', 'handled',
        'csat_answered', 'csat_positive', 'nps_answered', 'promoters', 'detractors',
        'started_negative', 'sentiment_converted'
    ]""",
    # Days and quarters of an hour by whole numbers: DuckDB's calendar takes several times as long.
    "create macro rounded_down(n, step) as n - (n % step + step) % step",
    "create macro utc_date(us) as make_date((rounded_down(us, 86400000000) // 86400000000)::int)",
    "create macro midnight_of(utc_date) as make_timestamptz(epoch_us(utc_date))",
    """create macro quarter_of(instant) as
        make_timestamptz(rounded_down(epoch_us(instant), 900000000))""",
    # The day that holds an instant, as the zone's wall clock has it.
    """create macro day_of(instant, tz) as
        if(tz = 'UTC', utc_date(epoch_us(instant)), cast(instant at time zone tz as date))""",
    # The UTC days into which a span reaches; its end is out.
    """create macro days_between(started_at, ended_at) as if(
        utc_date(epoch_us(started_at)) = utc_date(epoch_us(ended_at) - 1),
        [utc_date(epoch_us(started_at))],
        generate_series(
            utc_date(epoch_us(started_at)), utc_date(epoch_us(ended_at) - 1), interval 1 day
        )::date[]
    )""",
    # The hour that holds an instant, on the hour of the zone's wall clock, as an instant.
    """create macro hour_of(instant, tz) as
        instant - ((instant at time zone tz) - date_trunc('hour', instant at time zone tz))""",
)


@cache
def _read(*folders: str) -> dict[str, str]:
    """The SQL of each file of some folders, each after those that it reads."""
    found = {
        file.name.removesuffix(".sql"): file.read_text(encoding="utf-8")
        for folder in folders
        for file in sorted((resources.files(__package__) / folder).iterdir(), key=lambda f: f.name)
        if file.name.endswith(".sql")
    }
    reads = {
        name: {
            other
            for other in _REFERENCE.findall(_COMMENT.sub("", query))
            if other in found and other != name
        }
        for name, query in found.items()
    }
    return {name: found[name] for name in TopologicalSorter(reads).static_order()}


def read_models() -> dict[str, str]:
    """The SQL of each model by name, in an order in which each comes after those it reads."""
    macros = _read(MACROS)
    return {name: query for name, query in _read(*FOLDERS, MACROS).items() if name not in macros}


@cache
def tables_behind(query: str) -> frozenset[str]:
    """The tables of the history that a query reads, also through models and macros."""
    text, found = _COMMENT.sub("", query), _read(*FOLDERS, MACROS)
    names = set(_REFERENCE.findall(text))
    tables = frozenset((set(_TABLE.findall(text)) | (names - found.keys())) & TABLES.keys())
    return tables.union(*(tables_behind(found[name]) for name in names & found.keys()))


def create_models(con: duckdb.DuckDBPyConnection) -> None:
    """Create the models, and the tables that have none, as views over the schema `raw`."""
    con.execute("create schema rest")
    for statement in work_views([], [], Restating([]), Path()):
        con.execute(statement)
    for macro in (*_MACROS, nps_macro([])):
        con.execute(macro)
    macros, found = _read(MACROS), _read(*FOLDERS, MACROS)
    for name in TABLES:
        if name not in found:
            con.execute(f"create view {name} as select * from raw.{name}")
    for name, query in found.items():
        con.execute(query if name in macros else f"create view {name} as {query}")


def nps_macro(policies: Sequence[Policy]) -> str:
    """The macro that says what group an NPS answer is in: by the scales of the policy in force.

    `policies` are the versions, oldest first; before the first, and without any, 0 to 10 is mapped
    as everywhere, and an answer on an unmapped scale is in no group.
    """

    def groups(scales: Mapping[str, NpsScale]) -> str:
        whens = " ".join(
            f"when {float(top)} then case when score >= {scale.promoter_from} then 'promoter' "
            f"when score >= {scale.passive_from} then 'passive' else 'detractor' end"
            for top, scale in {"10": NPS, **scales}.items()
        )
        return f"case coalesce(scale_max, 10.0) {whens} end"

    versions = "".join(
        f" when instant >= timestamptz '{policy.effective_from.isoformat()}' "
        f"then {groups(policy.surveys.nps)}"
        for policy in reversed(policies)
    )
    return (
        "create or replace macro nps_group(instant, score, scale_max) as "
        f"case when score is null then null{versions} else {groups({})} end"
    )
