"""Four years of a real help desk: what its agents did in total, against SQL over the raw log.

A ticket's first row is taken for the customer's post; assigning it or taking it in charge assigns
it, `Wait` pauses it until the next row, resolving it is the answer, `Closed` closes it. Rows that
stand in the log twice get the same id.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from replays import replay, write_lines

from replywatch.sql.history import open_history

POLICY = """
version = "helpdesk"
effective_from = 2000-01-01T00:00:00Z
reopen_window = "365d"
expire_after = "never"
[[rules]]
name = "all"
pause_on = ["pending"]
targets = { first_response = 864000, resolution = 2592000 }
objective = { ratio = 0.9, window = "5m", min_outcomes = 5 }
"""

KINDS: dict[str, tuple[str, ...]] = {
    "Assign seriousness": ("assigned", "resumed"),
    "Take in charge ticket": ("assigned", "resumed"),
    "Resolve ticket": ("resumed", "reply"),
    "Wait": ("paused",),
    "Closed": ("resumed", "closed"),
}
OTHERS = ("resumed",)


def helpdesk_events(log: Path) -> Iterator[dict[str, Any]]:
    """The log's rows as events."""
    seen = set()
    with gzip.open(log, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in sorted(rows, key=lambda row: row["time:timestamp"]):
        case, at = row["case"], row["time:timestamp"]
        event = {"conversation": case, "at": at}
        if case not in seen:
            seen.add(case)
            yield {**event, "id": f"{case} opened", "kind": "post"}
        for kind in KINDS.get(row["Activity"], OTHERS):
            identity = f"{case} {at} {row['Activity']} {row['Resource']} {kind}"
            yield {**event, "id": identity, "kind": kind, "agent": row["Resource"]}


@pytest.fixture(scope="module")
def desk(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The history of the log's replay, and the log itself as table `log` in order of time."""
    folder = tmp_path_factory.mktemp("helpdesk")
    source = shared_data / "data/bpic/Helpdesk.csv.gz"
    policy = folder / "policy.toml"
    policy.write_text(POLICY, encoding="utf-8")
    events = write_lines(folder / "events.jsonl", helpdesk_events(source))
    history = open_history(replay(folder / "out", events, order="time", policy=policy))
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    for table in ("conversations", "responses", "messages", "sla"):
        found = history.sql(f"select * from {table}").to_arrow_table()
        con.register("found", found)
        con.execute(f"create table {table} as from found")
    history.close()
    con.execute(
        """
        create table log as
        with rows as (
            select distinct "case", Activity, Resource, epoch_us("time:timestamp") as at_us
            from read_csv(?)
        )
        select
            *,
            row_number() over (
                partition by "case"
                order by at_us, Activity = 'Closed', Activity = 'Wait', Activity = 'Resolve ticket',
                    Activity, Resource
            ) as n
        from rows
        """,
        [str(source)],
    )
    yield con
    con.close()


def test_every_ticket_is_a_conversation(desk: duckdb.DuckDBPyConnection) -> None:
    """As many as in the log, closed as often, no row twice."""
    found = desk.execute(
        """
        select count(*), count_if(closed_at is not null),
            (select count(*) from messages where direction = 'outbound')
        from conversations
        """
    ).fetchall()
    expected = desk.execute(
        """
        select count(distinct "case"), count(distinct "case") filter (Activity = 'Closed'),
            count_if(Activity = 'Resolve ticket')
        from log
        """
    ).fetchall()
    assert expected == found
    assert [(4580, 4559)] == [row[:2] for row in found]


def test_agents_answers_are_the_logs(desk: duckdb.DuckDBPyConnection) -> None:
    """Replies and first responses of each of the agents, and how long the first took in all."""
    found = desk.execute(
        """
        select
            agent,
            count(*),
            (select count(*) from conversations where first_agent = agent),
            (select sum(round(first_response_seconds * 1e6)::bigint) from conversations
             where first_agent = agent)
        from messages
        where direction = 'outbound'
        group by all order by all
        """
    ).fetchall()
    expected = desk.execute(
        """
        with firsts as (
            select
                "case",
                arg_min(Resource, n) filter (Activity = 'Resolve ticket') as agent,
                min(at_us) filter (Activity = 'Resolve ticket') - min(at_us) as took_us
            from log group by all
        )
        select
            Resource,
            count(*),
            (select count(*) from firsts where agent = Resource),
            (select sum(took_us) from firsts where agent = Resource)
        from log
        where Activity = 'Resolve ticket'
        group by all order by all
        """
    ).fetchall()
    assert expected == found
    assert len(found) > 15


def test_agents_handle_time_is_the_logs(desk: duckdb.DuckDBPyConnection) -> None:
    """Time open, assigned and not waiting, and from the first assignment to the last close."""
    found = desk.execute(
        """
        select
            closing_agent,
            count(*),
            sum(round(full_resolution_seconds * 1e6)::bigint),
            sum(round(handle_assigned_seconds * 1e6)::bigint)
        from conversations
        where closed_at is not null
        group by all order by all
        """
    ).fetchall()
    # nothing reopens a ticket, so its first close is its last
    expected = desk.execute(
        """
        with closes as (
            select "case", min(n) as n, min(at_us) as at_us, arg_min(Resource, n) as agent
            from log where Activity = 'Closed' group by all
        ),
        steps as (
            select
                log.*,
                lead(log.at_us) over in_order - log.at_us as lasted_us,
                count_if(Activity in ('Assign seriousness', 'Take in charge ticket')) over in_order
                    > 0 and Activity != 'Wait' as is_worked
            from log window in_order as (partition by "case" order by n)
        ),
        tickets as (
            select
                "case",
                closes.agent,
                closes.at_us - min(steps.at_us) as took_us,
                coalesce(sum(lasted_us) filter (is_worked and steps.n < closes.n), 0) as worked_us
            from steps inner join closes using ("case")
            group by "case", closes.agent, closes.at_us
        )
        select agent, count(*), sum(took_us), sum(worked_us) from tickets
        group by all order by all
        """
    ).fetchall()
    assert expected == found
    assert len(found) == 5
