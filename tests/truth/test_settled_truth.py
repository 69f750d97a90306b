"""What is known for sure a fortnight later: first contacts, cohorts, the executive figures."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from replywatch.sql.executive import read_week
from truth.told import Con, Pair, rounded, rows, told
from truth.uncertainty import wilson

CLOSED = """(
    select *, if(closed_by is null, assigned_agent, closing_agent) as agent
    from conversations
    left join (select conversation_id, opened_at, is_resolved_first_contact, is_final as is_judged
        from fcr) using (conversation_id, opened_at)
    where closed_at is not null
)"""
JUDGED = """count_if(is_judged),
    count_if(is_judged and is_resolved_first_contact) / nullif(count_if(is_judged), 0)"""


def with_wilson(found: list[tuple[Any, ...]], place: int) -> list[tuple[Any, ...]]:
    """Rows whose `place` has a count and the next a share of it, with the share's interval."""
    made = []
    for row in found:
        n, share = row[place], row[place + 1]
        made.append((*row, *(wilson(round(n * share), n) if n else (None, None))))
    return rounded(made)


@pytest.mark.parametrize("by", ["queue", "agent", "day"])
def test_first_contacts_are_judged_as_the_oracle_does(settled: Pair, by: str) -> None:
    """Resolved at the first contact, reopened, and how sure that is; customers did come back."""
    day = "closed_at::date as day, " if by == "day" else ""
    expected = told(
        settled.oracle,
        f"""select {by}, count_if(reopen_count > 0), count_if(reopen_count > 0) / count(*), {JUDGED}
        from (select {day} * from {CLOSED}) group by {by}""",
    )
    columns = f"{by} reopened reopened_ratio fcr_final fcr_ratio fcr_low_ratio fcr_high_ratio"
    assert with_wilson(expected, 3) == rows(settled.con, "resolution", columns, by=by)
    came_back = f"""select count(*) from {CLOSED}
        where is_judged and reopen_count = 0 and not is_resolved_first_contact"""
    assert told(settled.oracle, came_back) > [(10,)]


def test_first_contacts_are_open_on_the_day_itself(con: Con) -> None:
    """Before the days have passed nothing is judged, and no share is told."""
    found = rows(con, "resolution", "fcr_final fcr_ratio fcr_low_ratio", by="queue")
    assert {(0, None, None)} == set(found)


def test_what_became_of_a_cohort_is_the_oracles(settled: Pair) -> None:
    """Conversations opened in a period, by who answered first: times, closes, first contacts."""
    since, until = datetime(2026, 3, 3, 10, tzinfo=UTC), datetime(2026, 3, 4, 15, tzinfo=UTC)
    expected = told(
        settled.oracle,
        f"""with cohort as (
            select c.*, is_resolved_first_contact, fcr.is_final as is_judged
            from conversations as c left join fcr using (conversation_id, opened_at)
            where first_agent is not null and opened_at >= $since and opened_at < $until
        )
        select first_agent, count(*), count_if(closed_at is null), count_if(not is_final),
            avg(first_response_seconds), median(first_response_seconds),
            quantile_cont(first_response_seconds, 0.9), median(first_response_assigned_seconds),
            quantile_cont(first_response_assigned_seconds, 0.9), median(full_resolution_seconds),
            quantile_cont(full_resolution_seconds, 0.9), count_if(reopen_count > 0),
            count_if(transfer_count > 0), {JUDGED},
            count(csat_is_positive),
            count_if(csat_is_positive) / nullif(count(csat_is_positive), 0), count(*) < 30
        from cohort group by first_agent""",
        {"since": since, "until": until},
    )
    columns = (
        "agent conversations open provisional published_mean_seconds published_median_seconds "
        "published_p90_seconds assigned_median_seconds assigned_p90_seconds "
        "resolution_median_seconds resolution_p90_seconds reopened transferred fcr_final fcr_ratio "
        "csat_answered csat_ratio is_small_sample"
    )
    found = rows(settled.con, "agents", columns, by="cohort", since=since, until=until)
    assert expected == found
    assert {True, False} == {row[-1] for row in found}


FIGURES = {
    "opened": "count(*) from conversations where opened_at {inside}",
    "abandoned": "count(*) from conversations "
    "where is_abandoned and coalesce(closed_at, final_at) {inside}",
    "closed": "count(*) from conversations where closed_at {inside}",
    "resolution_median_seconds": "median(full_resolution_seconds) from conversations "
    "where closed_at {inside}",
    "reopened_ratio": "avg((reopen_count > 0)::int) from conversations where closed_at {inside}",
    "bot_contained_ratio": "avg(bot_contained::int) from conversations "
    "where bot_outcome != 'no_bot' and closed_at {inside}",
    "fcr_final": "count(*) from fcr where is_final and closed_at {inside}",
    "fcr_ratio": "avg(is_resolved_first_contact::int) from fcr where is_final "
    "and closed_at {inside}",
    "posts": "count(*) from stg_states where kind = 'post' and {at}",
    "replies": "count(*) from stg_states where kind = 'reply' and agent is not null and {at}",
    "first_median_seconds": "median(first_response_seconds) from conversations "
    "where first_reply_at {inside}",
    "first_p90_seconds": "quantile_cont(first_response_seconds, 0.9) from conversations "
    "where first_reply_at {inside}",
    "next_median_seconds": "median(response_seconds) from responses "
    "where kind = 'next' and replied_at {inside}",
    "met": "count(*) from sla where outcome = 'met' and ended_at {inside}",
    "missed": "count(*) from sla where outcome = 'missed' and due_at {inside}",
    "attainment": "avg((outcome = 'met')::int) from sla where outcome in ('met', 'missed') "
    "and ended_at {inside}",
    "active_seconds": "sum(handle_active_seconds) from handling where replied_at {inside}",
    "csat_answered": "count(is_positive) from (select {survey}) where {at}",
    "csat_ratio": "avg(is_positive::int) from (select {survey}) where {at}",
    "nps_answered": "count(nps_group) from (select {survey}) where {at}",
    "nps_ratio": "avg(case nps_group when 'promoter' then 1 when 'detractor' then -1 "
    "when 'passive' then 0 end) from (select {survey}) where {at}",
}
"""What each figure of the page is, over the oracle's tables."""
SURVEY = (
    "survey.*, at_us from stg_surveys as survey "
    "join stg_states using (conversation_id, event_no) where survey.kind = 'survey_answered'"
)


def figures(oracle: Con, since: datetime, until: datetime) -> dict[str, Any]:
    """Each of `FIGURES` over what happened at or after `since` and before `until`."""
    inside = f"between '{since}' and timestamptz '{until}' - interval 1 microsecond"
    words = {"inside": inside, "at": f"make_timestamptz(at_us) {inside}", "survey": SURVEY}
    return {
        name: told(oracle, "select " + query.format(**words))[0][0]
        for name, query in FIGURES.items()
    }


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_the_executive_figures_are_the_oracles(settled: Pair, zone: str) -> None:
    """The second day, the one before, and both by day of the zone: every figure of the page."""
    day, since = timedelta(days=1), datetime(2026, 3, 4, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    week = read_week(settled.con, since=since, until=since + day, tz=zone)
    now = figures(settled.oracle, since, since + day)
    before = figures(settled.oracle, since - day, since)
    assert None not in now.values()
    assert now == plain(week.now)
    assert before == plain(week.then)
    assert {date(2026, 3, 3): before, date(2026, 3, 4): now} == {
        when: plain(found) for when, found in week.days.items()
    }


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """The figures rounded as `told` rounds."""
    return dict(zip(found, rounded([tuple(found.values())])[0], strict=True))
