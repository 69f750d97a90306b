"""The models over the sample days: they add up, and say so where they don't."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from small_history import ACME_CHAT, Row, answer, at, clock, conversation, history
from written_history import Writer, row

from replywatch.flows import cli_check
from replywatch.flows.cli import main
from replywatch.flows.members import claim
from replywatch.metrics.policy import Policy
from replywatch.metrics.satisfaction import NpsScale, SurveyScales
from replywatch.sql.checks import check_history, list_checks, look_again, read_descriptions
from replywatch.sql.history import DATABASE, open_history
from replywatch.sql.models import nps_macro, read_models

UNITS = {
    *("id", "text", "instant", "date", "seconds", "business seconds", "count", "days", "ratio"),
    *("flag", "score", "score −1…1", "ratio −1…1", "mean waits", "list of text"),
    *("list of seconds", "list of business seconds", "microseconds"),
}


@pytest.fixture(scope="module")
def con(sample_history: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The history of the sample days."""
    with open_history(sample_history) as opened:
        yield opened


def test_every_model_is_described() -> None:
    """Beside each SQL file stands a `.yml` with its grain, and each column has a known unit."""
    descriptions = read_descriptions()
    assert list(read_models()) == list(descriptions)
    units = {
        (name, column): facts["unit"]
        for name, description in descriptions.items()
        for column, facts in description.columns.items()
    }
    assert {} == {place: unit for place, unit in units.items() if unit not in UNITS}
    assert [] == [name for name, of in descriptions.items() if not of.grain.startswith("one row")]


def test_the_sample_days_pass_every_check(con: duckdb.DuckDBPyConnection) -> None:
    """Keys, values, references and identities hold in each table and mart."""
    assert [] == [str(failure) for failure in check_history(con)]
    assert con.sql("select * from duckdb_tables() where temporary").fetchall() == []


@pytest.mark.parametrize(
    ("bounded", "mart", "dated_by"),
    [
        ("breaches_between({})", "breaches", "missed_at"),
        ("first_contacts({}, 'closed')", "fcr", "closed_at"),
        ("first_contacts({}, 'opened')", "fcr", "opened_at"),
    ],
)
def test_what_is_asked_of_a_period_is_the_mart_in_it(
    con: duckdb.DuckDBPyConnection, bounded: str, mart: str, dated_by: str
) -> None:
    """Reading only what bears on a period changes no row of it."""
    since, until = "timestamptz '2026-03-03 09:30+00'", "timestamptz '2026-03-04 11:00+00'"
    inside = con.sql(f"from {mart} where is_within({dated_by}, {since}, {until}) order by all")
    expected = inside.to_arrow_table()
    assert 0 < expected.num_rows < con.sql(f"from {mart}").to_arrow_table().num_rows
    found = con.sql(f"from {bounded.format(f'{since}, {until}')} order by all")
    assert expected == found.to_arrow_table()


def test_spans_of_a_period_are_those_of_all_cut_to_it(con: duckdb.DuckDBPyConnection) -> None:
    """Time by state and by waits in hand, though what lies before the period isn't read."""
    since, until = "timestamptz '2026-03-03 09:30+00'", "timestamptz '2026-03-03 11:00+00'"
    cut = f"""select agent, state, waits_in_hand, sum(epoch_us(
            least(ended_at, {until}) - greatest(started_at, {since}))) as us
        from {{}} where started_at < {until} and ended_at > {since} group by all order by all"""
    expected = con.sql(cut.format("agent_spans")).to_arrow_table()
    assert expected.num_rows > 12
    assert expected == con.sql(cut.format(f"spans_between({since}, {until})")).to_arrow_table()


SLICES = [
    tuple(f"timestamptz '2026-03-{day} {time}+00'" for time in times)
    for day in ("03", "04")
    for times in (("07:20", "10:50"), ("09:20", "12:50"), ("12:20", "15:50"), ("15:20", "18:50"))
]


@pytest.mark.parametrize(("since", "until"), SLICES)
def test_assignments_of_a_period_are_those_of_all(
    con: duckdb.DuckDBPyConnection, since: str, until: str
) -> None:
    """And so are the claims that passed others over, whatever had begun before."""
    taken = f"from taken_between({since}, {until})"
    inside = f"where is_within(assigned_at, {since}, {until}) order by all"
    found = con.sql(f"select * exclude (step, free_from, is_passing_over) {taken} order by all")
    expected = con.sql(f"select * exclude (reply_count) from assignments {inside}")
    assert 0 < len(expected)
    assert expected.to_arrow_table() == found.to_arrow_table()
    claims = "select conversation_id, opened_at, assigned_at, free_from, is_passing_over"
    found = con.sql(f"{claims} {taken} where is_passing_over is not null order by all")
    expected = con.sql(f"{claims} from claimed_waits {inside}")
    assert expected.to_arrow_table() == found.to_arrow_table()


def test_habits_of_a_day_are_those_of_all(con: duckdb.DuckDBPyConnection) -> None:
    """Day by day, though conversations and waits reach over midnight."""
    days = con.sql("select distinct day from agent_behaviours order by all").fetchall()
    assert len(days) > 1
    for (day,) in days:
        expected = con.sql(f"from agent_behaviours where day = '{day}' order by all")
        midnight = f"timestamptz '{day} 00:00+00'"
        found = con.sql(
            f"from behaviours_between({midnight}, {midnight} + interval 1 day) order by all"
        )
        assert expected.to_arrow_table() == found.to_arrow_table()


def test_no_mart_of_the_sample_days_is_empty(con: duckdb.DuckDBPyConnection) -> None:
    """So that the checks had something to check; only collisions never happen there."""
    empty = [
        name
        for name in read_models()
        if con.sql(f"select count(*) from {name}").fetchall() == [(0,)]
    ]
    assert ["collisions"] == empty


def test_check_names_a_sound_history(
    sample_history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`replywatch check DIR` counts its checks, finds nothing, and succeeds."""
    assert main(["check", str(sample_history)]) == 0
    checks = sum(len(list_checks(of)) for of in read_descriptions().values())
    models = len(read_models())
    expected = f"{sample_history}: a history, {checks} checks of {models} models, no faults\n"
    assert expected == capsys.readouterr().out


def test_check_names_what_does_not_add_up(tmp_path: Path) -> None:
    """A clock of a conversation that isn't there, twice, of an unknown SLA: each is told."""
    odd = clock("c9", ACME_CHAT, "resolutoin", "10:00", "10:05", "10:05", "missed")
    con = history(sla=[odd, odd])
    found = {
        (failure.check.model, failure.check.statement): failure for failure in check_history(con)
    }
    breaches = ("breaches", "(conversation_id, opened_at) is in conversations")
    assert {
        ("sla_days", "sla is one of first_response, next_response, resolution"),
        ("stg_sla", "(conversation_id, opened_at, sla, started_at, ended_at) is unique"),
        breaches,
    } <= set(found)
    example = "1 row breaks it, such as conversation_id = c9, opened_at = 2026-01-05 10:00:00+00:00"
    assert str(found[breaches]).endswith(example)


def test_a_second_look_counts_what_is_still_broken() -> None:
    """Of clocks without their conversation: one has it since, one is new, one still has none."""
    early, odd, late = (
        clock(name, ACME_CHAT, "first_response", "10:00", "10:05", "10:05", "missed")
        for name in ("early", "odd", "late")
    )
    statement = "(conversation_id, opened_at) is in conversations"
    before = history(sla=[early, odd])
    broken = [one for one in check_history(before) if one.check.statement == statement]
    assert [2] == [failure.count for failure in broken if failure.check.model == "breaches"]
    after = history(sla=[early, odd, late], conversations=[conversation("early", ACME_CHAT)])
    found = [one for one in look_again(after, broken) if one.check.model == "breaches"]
    assert [1] == [failure.count for failure in found]
    assert "conversation_id = odd" in found[0].example


def test_a_history_that_is_being_written_is_looked_at_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While a process holds it, what fails is asked once more; else it fails at once."""
    monkeypatch.setattr(cli_check, "AGAIN_AFTER", 0)
    folder = tmp_path / "history"
    opened = at("10:00")
    Writer(folder).seal("2026-01-05", messages=[row("messages", id="1", opened_at=opened)])
    assert main(["check", str(folder)]) == 1
    assert "is being written" not in capsys.readouterr().out
    with claim(folder):
        assert main(["check", str(folder)]) == 1
    assert f"{folder} is being written" in capsys.readouterr().out


def test_any_client_finds_the_marts(sample_history: Path) -> None:
    """The database file can be opened, or attached under any name, and its marts answer."""
    with duckdb.connect(str(sample_history / DATABASE), read_only=True) as con:
        direct = con.sql("select sum(replies) from agent_days").fetchall()
    with duckdb.connect() as con:
        con.execute(f"attach '{sample_history / DATABASE}' as care (read_only)")
        attached = con.sql("select sum(replies) from care.agent_days").fetchall()
    assert [(2759,)] == direct == attached


def wait(
    name: str, waiting_from: str, taken: str | None, queue: str = "default", agent: str = "ana"
) -> tuple[Row, list[Row]]:
    """A conversation whose customer waits from then on, and its claim."""
    scope = {**ACME_CHAT, "queue": queue}
    row = conversation(name, scope, waiting_since=at(waiting_from))
    if taken is None:
        return row, []
    claim = conversation(
        name,
        scope,
        id=name,
        source="test",
        at=at(taken),
        kind="assigned",
        agent=agent,
        wait_started_at=at(waiting_from),
    )
    return {**row, "assigned_agent": agent}, [claim]


def test_a_claim_passes_over_what_has_waited_longer_in_the_same_queue() -> None:
    """c2 was taken while c1 waited; c3 of another queue and c1 itself passed over nothing."""
    waits = [
        wait("c1", "10:00", "10:30"),
        wait("c2", "10:10", "10:20"),
        wait("c3", "10:15", "10:20", queue="other"),
        wait("c4", "10:40", None),
        wait("c5", "10:45", "10:46"),
    ]
    con = history(
        conversations=[row for row, _ in waits],
        actions=[a for _, actions in waits for a in actions],
    )
    found = con.sql("select conversation_id, is_passing_over from claimed_waits order by all")
    expected = [("c1", False), ("c2", True), ("c3", False), ("c5", True)]
    assert expected == found.fetchall()


@pytest.mark.parametrize("answered_at", [None, "10:30"])
def test_what_was_given_back_before_a_period_is_free_from_then_on(answered_at: str | None) -> None:
    """c1 was given back at 10:10: c2, which waited from 10:08 and was taken at 10:20, came first.

    Whether c1 is answered in the end, by somebody who never had it, or not.
    """
    given_back, [claim] = wait("c1", "10:00", "10:05")
    release = {**claim, "id": "r", "at": at("10:10"), "kind": "unassigned", "agent": None}
    taken, claims = wait("c2", "10:08", "10:20", agent="bo")
    given_back |= {"assigned_agent": None, "first_assigned_at": at("10:05")}
    answers: list[Row] = []
    if answered_at is not None:
        answers = [answer("c1", ACME_CHAT, "first", "10:00", answered_at, "cy")]
        given_back["waiting_since"] = None
    con = history(
        conversations=[given_back, taken], actions=[claim, release, *claims], responses=answers
    )
    for since in ("10:00", "10:15"):
        found = con.execute(
            "select conversation_id, free_from = ?, is_passing_over from taken_between(?, ?) "
            "where assigned_at = ?",
            [at("10:08"), at(since), at("11:00"), at("10:20")],
        )
        assert [("c2", True, False)] == found.fetchall()


@pytest.mark.parametrize("end", ["claimed", "answered by a stranger", "closed"])
@pytest.mark.parametrize("ended_at", ["10:12", "10:18", "10:30"])
def test_what_a_claim_passes_over_may_end_after_the_period(end: str, ended_at: str) -> None:
    """c2 was taken at 10:20, in the ten minutes asked for; c1 waited from 10:00 to `ended_at`."""
    first, [claim] = wait("c1", "10:00", ended_at)
    second, claims = wait("c2", "10:08", "10:20", agent="bo")
    answers = []
    if end == "answered by a stranger":
        answers = [answer("c1", ACME_CHAT, "first", "10:00", ended_at, "cy")]
    else:
        claims.append({**claim, "kind": "assigned" if end == "claimed" else "closed"})
    gone = {**first, "assigned_agent": None, "waiting_since": None}
    con = history(conversations=[gone, second], actions=claims, responses=answers)
    for since, until in (("10:00", "11:00"), ("10:15", "10:25")):
        found = con.execute(
            "select is_passing_over from taken_between(?, ?) where agent = 'bo'",
            [at(since), at(until)],
        )
        assert [(ended_at == "10:30",)] == found.fetchall()


def test_an_agents_time_is_cut_at_states_and_waits() -> None:
    """Two waits overlap by 5 of 20 minutes: concurrency 1.25; 40 minutes available, half idle."""
    spans = (
        ("available", "10:00", "10:40"),
        ("away", "10:40", "11:00"),
        ("offline", "11:00", "11:30"),
    )
    states = [
        {"agent": "ana", "state": s, "started_at": at(a), "ended_at": at(b), "source": "t", "id": a}
        for s, a, b in spans
    ]
    answers = [
        conversation(
            name, ACME_CHAT, agent="ana", handling_started_at=at(start), replied_at=at(end)
        )
        for name, start, end in (("c1", "10:05", "10:15"), ("c2", "10:10", "10:25"))
    ]
    con = history(agent_states=states, responses=answers)
    found = con.sql(
        "select available_seconds, away_seconds, idle_seconds, active_seconds, occupancy, "
        "concurrency from agent_days"
    )
    assert [(2400.0, 1200.0, 1200.0, 1200.0, 0.5, 1.25)] == found.fetchall()
    by_interval = con.sql("select sum(active_seconds), count(*) from agent_intervals").fetchall()
    assert [(1200.0, 4)] == by_interval


def test_a_wait_in_hand_at_midnight_is_of_both_days() -> None:
    """23:50 to 00:20 and, at once, 23:55 to 00:05: 10 and 20 minutes, of 15 and 25 in hand."""
    after = "2026-01-06"
    answers = [
        conversation(
            name, ACME_CHAT, agent="ana", handling_started_at=at(start), replied_at=at(end, after)
        )
        for name, start, end in (("c1", "23:50", "00:20"), ("c2", "23:55", "00:05"))
    ]
    con = history(responses=answers)
    found = con.sql("select day::varchar, active_seconds, concurrency from agent_days order by all")
    assert [("2026-01-05", 600.0, 1.5), (after, 1200.0, 1.25)] == found.fetchall()


def message(name: str, when: str, agent: str | None) -> Row:
    """A reply of `agent`, else a post."""
    return conversation(
        "c1",
        ACME_CHAT,
        id=name,
        at=at(when),
        agent=agent,
        direction="outbound" if agent else "inbound",
    )


def test_two_agents_collide_on_one_wait_within_two_minutes() -> None:
    """bo's reply follows ana's by 2 minutes, ana's bo's by one; after a post there is none."""
    con = history(
        messages=[
            message("m1", "10:00", None),
            message("m2", "10:05", "ana"),
            message("m3", "10:07", "bo"),
            message("m4", "10:08", None),
            message("m5", "10:09", "ana"),
            message("m6", "10:11:01", "bo"),
            message("m7", "10:12", "ana"),
        ]
    )
    con.execute("select first_agent, agent, gap_seconds from collisions order by all")
    assert [("ana", "bo", 120.0), ("bo", "ana", 59.0)] == con.fetchall()
    for since, until, count in (
        ("10:07", "10:08", 1),
        ("10:06", "10:07", 0),
        ("10:08", "11:00", 1),
        ("10:12:30", "11:00", 0),
    ):
        con.execute("select agent from collisions_between(?, ?)", [at(since), at(until)])
        assert len(con.fetchall()) == count


def test_a_first_contact_resolves_unless_the_customer_comes_back() -> None:
    """c1 was followed within seven days, c2 not, c3 was reopened; c2's days have not passed. Whose
    the others are isn't known, but that of c5 came back in the same thread is."""
    day = "2026-01-10"
    con = history(
        conversations=[
            conversation("c1", ACME_CHAT, customer_key="k", closed_at=at("11:00"), reopen_count=0),
            {
                **conversation("c2", ACME_CHAT, customer_key="k", reopen_count=0),
                "opened_at": at("10:00", day),
                "closed_at": at("11:00", day),
                "last_event_at": at("12:00", "2026-01-13"),
            },
            conversation("c3", ACME_CHAT, customer_key="l", closed_at=at("11:00"), reopen_count=1),
            conversation("c4", ACME_CHAT, closed_at=at("11:00"), reopen_count=0),
            conversation("c5", ACME_CHAT, closed_at=at("11:00"), reopen_count=0),
            {**conversation("c5", ACME_CHAT, reopen_count=0), "opened_at": at("10:00", day)},
        ]
    )
    found = con.sql(
        "select conversation_id, is_resolved_first_contact, is_final from fcr order by all"
    )
    assert [
        ("c1", False, True), ("c2", True, False), ("c3", False, True), ("c4", True, True),
        ("c5", False, True),
    ] == found.fetchall()  # fmt: skip


def test_nps_answers_are_grouped_by_the_scales_of_the_policy_in_force() -> None:
    """Four of five is a passive's by the second version; before it, the scale has no groups."""
    policies = [
        Policy("a", at("00:00", "2026-01-01"), ()),
        Policy("b", at("12:00"), (), surveys=SurveyScales(nps={"5": NpsScale(5, 4)})),
    ]
    answers = [
        conversation(
            f"c{n}", ACME_CHAT, id=f"a{n}", source="t", at=at(when), kind="survey_answered",
            survey="nps", score=score, scale_max=top, credited_agent="ana",
        )
        for n, (when, score, top) in enumerate(
            (("11:59", 4.0, 5.0), ("12:00", 4.0, 5.0), ("13:00", 3.0, 5.0), ("13:00", 9.0, None))
        )
    ]  # fmt: skip
    con = history(actions=answers)
    con.execute(nps_macro(policies))
    expected = [None, "passive", "detractor", "promoter"]
    for mart in ("surveys order by id", "agent_work order by worked_at, score"):
        assert [(group,) for group in expected] == con.sql(
            f"select nps_group from {mart}"
        ).fetchall()


def test_days_and_quarters_are_the_calendars() -> None:
    """By whole numbers, on every edge of them and before 1970, as DuckDB's calendar has them."""
    found = history().sql(
        """with edges as (
            select timestamptz '1969-12-28 00:00+00' + to_microseconds(n * 450000000 + beside) as t
            from range(2000) as n(n), (values (-1), (0), (1)) as b(beside)
        ),
        spans as (
            select t, t at time zone 'UTC' as utc, t + interval 36 hours as ends from edges
        )
        select
            count(*),
            bool_and(day_of(t, 'UTC') = cast(utc as date)),
            bool_and(midnight_of(day_of(t, 'UTC')) at time zone 'UTC' = date_trunc('day', utc)),
            bool_and(quarter_of(t) = time_bucket(interval 15 minutes, t)),
            bool_and(days_between(t, ends) = generate_series(
                cast(utc as date),
                cast(ends at time zone 'UTC' - interval 1 microsecond as date),
                interval 1 day
            )::date[])
        from spans"""
    )
    assert [(6000, True, True, True, True)] == found.fetchall()
