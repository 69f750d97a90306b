"""The intervals for workforce management, by SQL over the oracle's tables, one by one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from worked_day import BERLIN, UTC_ZONE, export, lines

from truth.told import Con, Rows, rounded

SCOPE = ("brand", "channel", "queue")
FIRST, LAST = date(2026, 3, 3), date(2026, 3, 4)

EXPECTED = """
with grid as (
    select brand, channel, queue, since, since + to_minutes($minutes) as until
    from (select distinct brand, channel, queue from stg_states where status != 'none')
    cross join (select unnest(generate_series(
        $first::timestamptz, $last::timestamptz - to_minutes($minutes), to_minutes($minutes)
    )) as since)
),
happenings as (
    select make_timestamptz(at_us) as "at", brand, channel, queue, 'offered' as what, 1 as n
    from stg_states where is_opening
    union all
    select "at", brand, channel, queue, if(direction = 'inbound', 'posts', 'replies'), 1
    from messages
    union all
    select replied_at, brand, channel, queue, 'responses', 1 from responses
    union all
    select ended_at, brand, channel, queue, outcome, 1 from sla where sla = 'first_response'
    union all
    select closed_at, brand, channel, queue, 'handled', 1
    from conversations where closed_at is not null and first_response_seconds is not null
    union all
    select closed_at, brand, channel, queue, 'seconds', handle_active_seconds
    from conversations
    join (select * exclude (brand, channel, queue) from handling) using (conversation_id, opened_at)
    where closed_at is not null and first_response_seconds is not null
    union all
    select coalesce(closed_at, final_at), brand, channel, queue, 'abandoned', 1
    from conversations where is_abandoned
    union all
    select replied_at, brand, channel, queue, 'busy', handle_active_seconds from handling
    union all
    select replied_at, r.brand, r.channel, r.queue, 'attended', if(
        handle_active_method = 'focus', handle_active_seconds,
        epoch(replied_at) - epoch(handling_started_at))
    from handling
    join responses as r using (conversation_id, opened_at, wait_started_at, replied_at)
),
-- from one event of a conversation to its next, in the queue that it is in at last
stretches as (
    select last.brand, last.channel, last.queue, make_timestamptz(state.at_us) as opened_at,
        coalesce(make_timestamptz(coalesce(state.next_us, expired_us)), 'infinity') as ended_at
    from stg_states as state
    join stg_incarnations as life using (conversation_id, incarnation)
    join stg_states as last
        on last.conversation_id = life.conversation_id and last.event_no = life.last_no
    where state.status = 'open'
),
sums as (
    select brand, channel, queue, since,
        {counts},
        sum(n) filter (what = 'attended') / sum(n) filter (what = 'busy') as concurrency
    from grid left join happenings using (brand, channel, queue)
    where "at" >= since and "at" < until
    group by all
),
standing as (
    select grid.brand, grid.channel, grid.queue, since,
        count_if(opened_at < since and ended_at >= since) as backlog_start,
        count_if(opened_at < until and ended_at >= until) as backlog_end
    from grid left join stretches using (brand, channel, queue) group by all
)
select strftime(since, '%Y-%m-%dT%H:%M:%SZ'), brand, channel, queue,
    {columns}, concurrency,
    coalesce(met, 0) / nullif(coalesce(met, 0) + coalesce(missed, 0), 0), backlog_start, backlog_end
from grid left join sums using (brand, channel, queue, since)
join standing using (brand, channel, queue, since)
"""
COUNTED = (
    *("offered", "posts", "replies", "responses", "handled", "abandoned", "met", "missed"),
    "seconds",
)
COLUMNS = (
    *("interval_start_utc", *SCOPE, *COUNTED[:-1], "handle_active_seconds"),
    *("concurrency", "service_level_ratio", "backlog_start", "backlog_end"),
)


def expected(oracle: Con, first: str, last: str, minutes: int) -> Rows:
    """The rows of every interval from `first` to before `last`, in the order of `COLUMNS`."""
    query = EXPECTED.replace(
        "{counts}", ", ".join(f"sum(n) filter (what = '{name}') as {name}" for name in COUNTED)
    ).replace("{columns}", ", ".join(f"coalesce({name}, 0)" for name in COUNTED))
    values = {"first": first, "last": last, "minutes": minutes}
    found = oracle.execute(query, values).fetchall()
    return rounded(
        [(*row[:4], *(None if n is None else float(n) for n in row[4:])) for row in found]
    )


def shown(text: str) -> Rows:
    """The rows of a canonical export."""
    found = [[line[name] for name in COLUMNS] for line in lines(text)]
    return rounded([(*row[:4], *(float(n) if n else None for n in row[4:])) for row in found])


@pytest.mark.parametrize("minutes", [15, 30])
def test_each_interval_is_the_oracles(oracle: Con, sample_history: Path, minutes: int) -> None:
    """Volume, handling, concurrency, outcomes and the backlog at both ends, zeros too."""
    found = shown(export(sample_history, "canonical", FIRST, LAST, UTC_ZONE, minutes))
    assert found == expected(oracle, "2026-03-03 00:00Z", "2026-03-05 00:00Z", minutes)


def test_days_of_another_zone_are_the_oracles(oracle: Con, sample_history: Path) -> None:
    """The second day of Berlin begins an hour earlier, with the backlog of that instant."""
    found = shown(export(sample_history, "canonical", LAST, LAST, BERLIN))
    assert found == expected(oracle, "2026-03-03 23:00Z", "2026-03-04 23:00Z", 15)
