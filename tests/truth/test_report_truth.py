"""Reports against the oracle: the same figures by other SQL, from the same two days of events."""

from __future__ import annotations

import pytest

from replywatch.sql.reports import run_report
from truth.told import Con, rounded, rows, told


def test_agents_answers_are_the_oracles(con: Con, oracle: Con) -> None:
    """Counts, means and quantiles of each agent, from published and from assigned."""
    expected = told(
        oracle,
        """select agent, count(*), count(*) filter (kind = 'first'), mean(response_seconds),
            quantile_cont(response_seconds, 0.5), quantile_cont(response_seconds, 0.9),
            count(response_assigned_seconds), quantile_cont(response_assigned_seconds, 0.5)
        from responses group by agent""",
    )
    columns = (
        "agent responses first_responses published_mean_seconds published_median_seconds "
        "published_p90_seconds assigned_responses assigned_median_seconds"
    )
    assert 12 == len(expected)
    assert expected == rows(con, "agents", columns)


def test_agents_replies_are_the_events(con: Con, oracle: Con) -> None:
    """Replies of each agent, counted in the file of events."""
    query = "select agent, count(*) from told where kind = 'reply' and agent is not null group by 1"
    assert told(oracle, query) == rows(con, "agents", "agent replies")


@pytest.mark.parametrize("by", ["queue", "channel"])
def test_teams_are_their_agents_and_nobodys_work(con: Con, oracle: Con, by: str) -> None:
    """Answers and clocks by queue and by channel, those with nobody assigned included."""
    expected = told(
        oracle,
        f"""select {by}, answers.n, p90, met, missed from
            (select {by}, count(*) as n, quantile_cont(response_seconds, 0.9) as p90
                from responses group by 1) as answers
            join (select {by}, count(*) filter (outcome = 'met') as met,
                count(*) filter (outcome = 'missed') as missed from sla group by 1) using ({by})""",
    )
    columns = f"{by} responses published_p90_seconds met missed"
    assert expected == rows(con, "teams", columns, by=by)


def test_sla_clocks_are_the_oracles(con: Con, oracle: Con) -> None:
    """Met, missed, void and attainment by SLA and channel."""
    expected = told(
        oracle,
        """select sla, channel, count(*) filter (outcome = 'met') as met,
            count(*) filter (outcome = 'missed') as missed, count(*) filter (outcome = 'void'),
            met / (met + missed) from sla where outcome <> 'running' group by all""",
    )
    found = rows(con, "sla", "sla channel met missed void attainment", by="channel")
    assert expected == [row for row in found if row[0] != "all"]


def test_breaches_are_the_oracles_missed_clocks(con: Con, oracle: Con) -> None:
    """Each missed clock once, with its deadline as the instant of the breach."""
    query = "select conversation_id, sla, due_at::varchar from sla where outcome = 'missed'"
    found = con.sql("select conversation_id, sla, due_at::varchar from breaches").fetchall()
    assert told(oracle, query) == rounded(found)
    assert len(found) == run_report(con, "breaches").num_rows


def test_volume_is_the_oracles(con: Con, oracle: Con) -> None:
    """Posts, replies, openings and closes by day and queue."""
    expected = told(
        oracle,
        """select window_start::date, queue, sum(posts)::bigint, sum(replies)::bigint,
            sum(opened)::bigint, sum(closed)::bigint from windows group by all
            having sum(posts + replies + opened + closed) > 0""",
    )
    found = rows(con, "volume", "day queue posts replies opened closed", by="day,queue")
    assert expected == [row for row in found if any(row[2:])]


@pytest.mark.parametrize("by", ["queue", "agent", "resolution"])
def test_resolution_is_the_oracles(con: Con, oracle: Con, by: str) -> None:
    """Closed conversations: how long they took, what they took, and what became of them."""
    expected = told(
        oracle,
        f"""select {by}, count(*), count_if(not is_final), median(first_resolution_seconds),
            avg(full_resolution_seconds), median(full_resolution_seconds),
            quantile_cont(full_resolution_seconds, 0.9), median(full_resolution_business_seconds),
            median(resolution_active_seconds), count_if(reopen_count > 0),
            count_if(is_one_touch) / count(*), count_if(transfer_count > 0),
            sum(transfer_count)::bigint, count_if(in_channel) / count(in_channel),
            count_if(is_closed_in_public) / nullif(count(is_closed_in_public), 0),
            avg(messages_to_resolution),
            count_if(bot_contained) / nullif(count_if(bot_outcome != 'no_bot'), 0),
            median(handle_elapsed_seconds), median(handle_assigned_seconds), count(active),
            avg(active)
        from (select *, if(closed_by is null, assigned_agent, closing_agent) as agent
            from conversations where closed_at is not null)
        left join (select conversation_id, opened_at, sum(handle_active_seconds) as active
            from handling group by all) using (conversation_id, opened_at)
        group by {by}""",
    )
    columns = (
        f"{by} closed provisional first_median_seconds full_mean_seconds full_median_seconds "
        "full_p90_seconds business_median_seconds active_median_seconds reopened one_touch_ratio "
        "transferred transfers in_channel_ratio closed_in_public_ratio messages_mean "
        "bot_contained_ratio handle_elapsed_median_seconds handle_assigned_median_seconds handled "
        "handle_active_mean_seconds"
    )
    assert len(expected) > 1
    assert expected == rows(con, "resolution", columns, by=by)


def test_satisfaction_is_the_events(con: Con, oracle: Con) -> None:
    """Answers as they stand in the file: four stars or five are positive, NPS by its groups."""
    [expected] = told(
        oracle,
        """select count(*) filter (survey = 'csat'),
            count(*) filter (survey = 'csat' and score >= 4),
            count(*) filter (survey = 'nps' and score >= 9),
            count(*) filter (survey = 'nps' and score <= 6)
        from told where kind = 'survey_answered'""",
    )
    found = rows(con, "satisfaction", "csat_answered csat_positive promoters detractors")
    assert expected == tuple(map(sum, zip(*found, strict=True)))


def test_states_are_the_events(con: Con, oracle: Con) -> None:
    """Time available, from one event of an agent to the next of the same."""
    expected = told(
        oracle,
        """select agent, sum(epoch(until - since)) from (
            select agent, state, "at" as since,
                lead("at") over (partition by agent order by "at") as until
            from told where kind = 'agent_state'
        ) where state = 'available' and until is not null group by 1""",
    )
    found = con.sql(
        "select agent, sum(agent_spans.seconds) from agent_spans join agent_states using (agent) "
        "where agent_spans.state = 'available' and agent_states.state = 'available' "
        "and agent_spans.started_at >= agent_states.started_at "
        "and agent_spans.started_at < agent_states.ended_at group by 1"
    ).fetchall()
    assert expected == [(agent, round(seconds, 3)) for agent, seconds in rounded(found)]
