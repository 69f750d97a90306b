"""Answers, deadlines, volume and what was refused, by SQL over the oracle's tables alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from oracle.oracle import run_oracle
from replays import replay

from replywatch.sql.history import open_history
from replywatch.sql.reports import run_report
from truth.told import POLICY, Con, Rows, rows, told

LATE = """(
    select clock.*, finish.at_us as answered_us, finish.agent as answered_by
    from stg_sla as clock
    join stg_clocks using (conversation_id, incarnation, sla, started_no)
    left join stg_states as finish on clock.conversation_id = finish.conversation_id
        and finish_no = finish.event_no and finish.kind = 'reply' and finish.agent is not null
    where outcome = 'missed'
)"""
"""Missed clocks, and the person's reply that ended the wait after all."""


@pytest.mark.parametrize("by", ["kind", "channel", "agent"])
def test_responses_are_the_oracles(con: Con, oracle: Con, by: str) -> None:
    """First and next answers apart and together: means, quantiles, shares in so many minutes."""
    kept = "kind" if by == "kind" else f"{by}, kind"
    expected = told(
        oracle,
        f"""select {kept}, count(*), avg(response_seconds), median(response_seconds),
            quantile_cont(response_seconds, 0.9), median(response_business_seconds),
            quantile_cont(response_business_seconds, 0.9), count(response_assigned_seconds),
            median(response_assigned_seconds), quantile_cont(response_assigned_seconds, 0.9),
            count_if(response_seconds <= 300) / count(*),
            count_if(response_seconds <= 900) / count(*),
            count_if(response_seconds <= 3600) / count(*), avg(posts_answered)
        from (select * from responses union all select * replace ('all' as kind) from responses)
        group by all""",
    )
    columns = (
        f"{kept.replace(',', '')} n mean_seconds median_seconds p90_seconds "
        "business_median_seconds business_p90_seconds assigned_n assigned_median_seconds "
        "assigned_p90_seconds within_5m_ratio within_15m_ratio within_60m_ratio posts_answered_mean"
    )
    assert len(expected) > 2
    assert expected == rows(con, "responses", columns, by=by)


@pytest.mark.parametrize("by", ["channel", "priority"])
def test_conversations_are_judged_as_the_oracle_does(con: Con, oracle: Con, by: str) -> None:
    """The row `all`: missed if any clock was, else met if any was, else void."""
    expected = told(
        oracle,
        f"""select {by}, count_if(worst = 1), count_if(worst = 2), count_if(worst = 0) from (
            select {by}, conversation_id, opened_at,
                max(case outcome when 'missed' then 2 when 'met' then 1 else 0 end) as worst
            from sla where outcome != 'running' group by all
        ) group by {by}""",
    )
    found = rows(con, "sla", f"sla {by} met missed void", by=by)
    assert expected == [row[1:] for row in found if row[0] == "all"]


LEFT_OR_LATE = (
    "answered_late worst_late_seconds abandoned short_abandoned flow_outs service_level_ratio"
)


def left_or_late(oracle: Con, by: str) -> Rows:
    """The columns `LEFT_OR_LATE` of the first response, by `by`."""
    return told(
        oracle,
        f"""with late as (
            select {by}, count(answered_us) as late, max(answered_us - due_us) / 1e6 as worst
            from {LATE} where sla = 'first_response' group by {by}
        ), met as (
            select {by}, count_if(outcome = 'met') as met from sla
            where sla = 'first_response' and outcome != 'running' group by {by}
        ), gone as (
            select {by}, count(*) as gone, count_if(full_resolution_seconds <= 10) as short
            from conversations where is_abandoned group by {by}
        ), moved as (
            select was.{by} as {by}, count(*) as moved
            from stg_states as state join stg_first_responses using (conversation_id, incarnation)
            where kind = 'transferred' and was.queue != queue
                and coalesce(event_no < reply_no, true)
            group by 1
        )
        select {by}, coalesce(late, 0), worst, coalesce(gone, 0), coalesce(short, 0),
            coalesce(moved, 0), met / (met + coalesce(late, 0) + coalesce(gone, 0))
        from met left join late using ({by}) left join gone using ({by})
        left join moved using ({by})""",
    )


def left_or_late_shown(con: Con, by: str) -> Rows:
    """The same of the report."""
    found = rows(con, "sla", f"sla {by} {LEFT_OR_LATE}", by=by)
    return [row[1:] for row in found if row[0] == "first_response"]


@pytest.mark.parametrize("by", ["channel", "queue"])
def test_those_who_came_late_or_were_moved_are_the_oracles(con: Con, oracle: Con, by: str) -> None:
    """Answered late and moved away before an answer, and the service level of these."""
    expected = left_or_late(oracle, by)
    assert all(sum(row[n] for row in expected) for n in (1, 5))
    assert expected == left_or_late_shown(con, by)


def test_breaches_tell_what_the_oracle_does(con: Con, oracle: Con) -> None:
    """Each with its deadline, whose it was, and the reply that came after all."""
    expected = told(
        oracle,
        f"""select conversation_id, sla, started_us, due_us,
            answered_us, (answered_us - due_us) / 1e6, target_us / 1e6, brand, channel, queue,
            priority, agent, answered_by from {LATE}""",
    )
    columns = (
        "conversation_id sla started_at due_at answered_at late_by_seconds target_seconds "
        "brand channel queue priority agent answered_by"
    )
    assert len(expected) > 1
    assert expected == rows(con, "breaches", columns)


def test_breached_windows_are_the_oracles(con: Con, oracle: Con) -> None:
    """Those under the objective, with what was met, missed and waiting."""
    columns = "brand channel queue met missed attainment posts answered waiting oldest_wait_seconds"
    query = f"select {columns.replace(' ', ', ')} from windows where is_breached"
    expected = told(oracle, query)
    assert len(expected) > 1
    assert expected == rows(con, "breaches", columns, by="window")


@pytest.mark.parametrize("by", ["channel", "queue"])
def test_traffic_is_counted_in_the_oracles_events(con: Con, oracle: Con, by: str) -> None:
    """Posts, replies, answers, openings and closes by hour, from single events."""
    expected = told(
        oracle,
        f"""select epoch_us(date_trunc('hour', "at")), {by}, count_if(what = 'post'),
            count_if(what = 'reply'), count_if(what = 'opened'), count_if(what = 'closed'),
            count_if(what = 'answered') from (
            select "at", {by}, if(direction = 'inbound', 'post', 'reply') as what from messages
            union all select make_timestamptz(at_us), {by}, 'opened' from stg_states
                where is_opening
            union all select make_timestamptz(at_us), {by}, 'closed' from stg_states
                where is_closing
            union all select replied_at, {by}, 'answered' from responses
        ) group by all""",
    )
    columns = f"hour {by} posts replies opened closed answered"
    found = rows(con, "volume", columns, by=f"hour,{by}")
    assert expected == [row for row in found if any(row[2:])]


def test_the_busiest_window_is_the_oracles(con: Con, oracle: Con) -> None:
    """Most posts in five minutes over all scopes, from single posts."""
    query = """select day, max(posts) from (
        select "at"::date as day, time_bucket(interval 5 minutes, "at"), count(*) as posts
        from messages where direction = 'inbound' group by all) group by day"""
    assert told(oracle, query) == rows(con, "volume", "day max_window_posts")


def test_most_waiting_is_the_oracles(con: Con, oracle: Con) -> None:
    """By scope at the end of its windows, and in all at the end of any, from single waits."""
    query = "select brand, channel, queue, max(waiting) from windows group by all"
    columns = "brand channel queue max_waiting"
    assert told(oracle, query) == rows(con, "volume", columns, by="brand,channel,queue")
    query = """select (ended_at - interval 5 minutes)::date as day, max(waiting) from (
        select ended_at, count(*) as waiting
        from (select unnest(generate_series(timestamptz '2026-03-03 00:05Z',
            timestamptz '2026-03-05 00:00Z', interval 5 minutes)) as ended_at)
        join stg_waits on started_us < epoch_us(ended_at)
            and coalesce(ended_us >= epoch_us(ended_at), true)
        group by ended_at) group by day"""
    assert told(oracle, query) == rows(con, "volume", "day max_waiting")


def test_episodes_have_the_oracles_posts(con: Con, oracle: Con) -> None:
    """The posts of its fullest window, and those scored in all its windows, from single posts.

    Where an episode begins and ends is the stream's own judgement.
    """
    found = run_report(con, "spikes").to_pylist()
    assert found
    for episode in found:
        bounds = "(?, ?, ?, ?, ?)"
        [expected] = oracle.execute(
            f"""with bounds as (select * from (values {bounds}) as
                bounds (since, until, brand, channel, queue))
            select max(posts), sum(scored), sum(bad) / sum(scored) from (
                select count(*) as posts, count(sentiment) as scored, count_if(sentiment < 0) as bad
                from messages join bounds using (brand, channel, queue)
                where direction = 'inbound' and "at" < until
                    and "at" >= time_bucket(interval 5 minutes, since::timestamptz)
                group by time_bucket(interval 5 minutes, "at"))""",
            [episode[name] for name in ("started_at", "ended_at", "brand", "channel", "queue")],
        ).fetchall()
        names = ("peak_posts", "scored_posts", "negative_ratio")
        assert expected == tuple(episode[name] for name in names)
    counted = Counter(episode["kind"] for episode in found)
    assert sorted(counted.items()) == rows(con, "spikes", "kind episodes", by="kind")


def test_refused_are_the_lines_that_the_oracle_leaves_out(repository: Path, tmp_path: Path) -> None:
    """Good and bad lines in one file: each bad one is told once, at its byte, good ones never."""
    good = (repository / "sample_data/first_hour.jsonl").read_bytes().splitlines(keepends=True)
    bad = (repository / "sample_data/bad.jsonl").read_bytes().splitlines(keepends=True)
    mixed = [*good[:40], *bad[:5], *good[40:], *bad[5:]]
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b"".join(mixed))
    with run_oracle([path], POLICY, None, None) as oracle:
        [(taken,)] = oracle.sql("select count(*) from stg_events").fetchall()
    with open_history(replay(tmp_path / "out", path)) as con:
        listed = run_report(con, "rejected").to_pylist()
        counted = rows(con, "rejected", "reason events", by="reason")
    starts = [sum(map(len, mixed[:number])) for number in range(len(mixed))]
    expected = sorted(start for start, line in zip(starts, mixed, strict=True) if line in bad)
    assert expected == sorted(int(row["position"]) for row in listed)
    assert len(mixed) - taken == sum(events for _, events in counted) == len(bad)
