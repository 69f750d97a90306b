"""What agents and teams did, by SQL over the oracle's tables alone."""

from __future__ import annotations

import pytest

from truth.told import Con, rows, told

WORK = (
    "conversations replies handle_active_seconds closed reopened handled "
    "handle_elapsed_mean_seconds handle_elapsed_median_seconds csat_answered csat_ratio "
    "nps_answered nps_ratio started_negative sentiment_converted_ratio"
)


def work_told(oracle: Con, by: str) -> list[tuple[object, ...]]:
    """The columns `WORK` by `by`: a bot's close is nobody's, a survey is whose it was when sent."""
    return told(
        oracle,
        f"""with sent as (
            select {by}, count(distinct (conversation_id, opened_at)) as conversations,
                count(*) as replies
            from messages where direction = 'outbound' and agent is not null group by {by}
        ), busy as (
            select {by}, sum(handle_active_seconds) as active from handling group by {by}
        ), closes as (
            select {by}, count(*) as closed, count_if(reopen_count > 0) as reopened,
                count(handle_elapsed_seconds) as handled, avg(handle_elapsed_seconds) as mean,
                median(handle_elapsed_seconds) as median,
                count_if(sentiment_count > 1 and sentiment_start < 0) as negative,
                count_if(sentiment_count > 1 and sentiment_start < 0 and sentiment_end >= 0)
                    / nullif(negative, 0) as converted
            from (select *, if(closed_by is null, assigned_agent, closing_agent) as agent
                from conversations where closed_at is not null)
            group by {by}
        ), asked as (
            select {by}, count(is_positive) as csat,
                count_if(is_positive) / nullif(csat, 0) as liked,
                count(nps_group) as nps,
                avg((nps_group = 'promoter')::int - (nps_group = 'detractor')::int) as net
            from (select survey.*, credited_agent as agent, brand, channel, queue
                from stg_surveys as survey
                join (select * exclude agent from stg_states) using (conversation_id, event_no)
                where survey.kind = 'survey_answered')
            group by {by}
        )
        select {by}, coalesce(conversations, 0), coalesce(replies, 0), active,
            coalesce(closed, 0), coalesce(reopened, 0), coalesce(handled, 0), mean, median,
            coalesce(csat, 0), liked, coalesce(nps, 0), net, coalesce(negative, 0), converted
        from sent full join busy using ({by}) full join closes using ({by})
        full join asked using ({by})
        where {by} is not null""",
    )


@pytest.mark.parametrize("by", ["queue", "channel"])
def test_teams_work_is_the_oracles(con: Con, oracle: Con, by: str) -> None:
    """Conversations, replies, handle times, closes and answers to surveys, nobody's included."""
    expected = work_told(oracle, by)
    assert len(expected) > 1
    assert expected == rows(con, "teams", f"{by} {WORK}", by=by)


def test_agents_work_is_the_oracles(con: Con, oracle: Con) -> None:
    """The same by agent, without what is nobody's."""
    assert work_told(oracle, "agent") == rows(con, "agents", f"agent {WORK}")


def test_the_agents_of_a_team_are_who_replied(con: Con, oracle: Con) -> None:
    """Each counted once a queue, whatever else they did."""
    query = """select queue, count(distinct agent) from messages
        where direction = 'outbound' group by queue"""
    assert told(oracle, query) == rows(con, "teams", "queue agents")


@pytest.mark.parametrize("by", ["queue", "agent"])
def test_satisfaction_is_the_oracles(con: Con, oracle: Con, by: str) -> None:
    """Surveys when they were sent and answered, moods when the conversation was closed."""
    expected = told(
        oracle,
        f"""with asked as (
            select {by}, count_if(survey = 'csat' and kind = 'survey_sent') as csat_sent,
                count_if(survey = 'csat' and kind != 'survey_sent') as csat_answered,
                count_if(is_positive) as positive,
                count_if(is_positive) / nullif(count(is_positive), 0) as ratio,
                count_if(survey = 'nps' and kind = 'survey_sent') as nps_sent,
                count(nps_group) as nps_answered, count_if(nps_group = 'promoter') as promoters,
                count_if(nps_group = 'passive') as passives,
                count_if(nps_group = 'detractor') as detractors
            from (select survey.*, credited_agent as agent, queue from stg_surveys as survey
                join (select * exclude agent from stg_states) using (conversation_id, event_no))
            group by {by}
        ), felt as (
            select {by}, count_if(sentiment_start < 0) as bad,
                count_if(sentiment_start < 0 and sentiment_end >= 0) as converted,
                count_if(sentiment_start >= 0) as fine,
                count_if(sentiment_start >= 0 and sentiment_end < 0) as soured
            from (select *, if(closed_by is null, assigned_agent, closing_agent) as agent
                from conversations where closed_at is not null and sentiment_count > 1)
            group by {by}
        )
        select coalesce(asked.{by}, felt.{by}), coalesce(csat_sent, 0), coalesce(csat_answered, 0),
            coalesce(positive, 0), ratio, coalesce(nps_sent, 0), coalesce(nps_answered, 0),
            coalesce(promoters, 0), coalesce(passives, 0), coalesce(detractors, 0),
            coalesce(bad, 0), coalesce(converted, 0), coalesce(fine, 0), coalesce(soured, 0)
        from asked full join felt on asked.{by} is not distinct from felt.{by}""",
    )
    columns = (
        f"{by} csat_sent csat_answered csat_positive csat_ratio nps_sent nps_answered promoters "
        "passives detractors started_negative converted started_fine soured"
    )
    assert expected == rows(con, "satisfaction", columns, by=by)
