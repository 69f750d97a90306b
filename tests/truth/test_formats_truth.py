"""The files for planning systems, line by line, by SQL over the oracle's tables.

On the sample days, on customers who left, and on days of 92, 96 and 100 quarter-hours.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from oracle.oracle import run_oracle
from replays import replay, write_lines
from worked_day import BERLIN, UTC_ZONE, export

from replywatch.sql.exports.formats import FORMATS
from replywatch.sql.exports.queues import queue_number
from truth.told import POLICY, Con

# What came, what was closed and what was left, each at its instant: what came in the queue it came
# in, the others in the one where they ended.
HAPPENED = """
with clocks as (
    select conversation_id, opened_at, arg_min(outcome, started_at) as outcome,
        arg_min(target_seconds, started_at) as target
    from sla where sla = 'first_response' group by all
),
busy as (
    select conversation_id, opened_at, sum(handle_active_seconds) as seconds
    from handling group by all
)
select make_timestamptz(at_us) as "at", brand, channel, queue, 'offered' as what,
    null::double as waited, null::double as seconds, false as is_soon, false as is_short
from stg_states where is_opening
union all
select closed_at, brand, channel, queue, 'handled', first_response_seconds, seconds,
    outcome = 'met', false
from conversations
left join clocks using (conversation_id, opened_at)
left join busy using (conversation_id, opened_at)
where closed_at is not null and first_response_seconds is not null
union all
select coalesce(closed_at, final_at) as gone_at, brand, channel, queue, 'abandoned',
    epoch(gone_at) - epoch(opened_at) as lasted, null, lasted <= target, lasted <= 10
from conversations left join clocks using (conversation_id, opened_at)
where is_abandoned
"""

Sums = dict[str, float]
Key = tuple[datetime, str, str]  # an interval's start, a queue's name, its channel
NAMES = (
    *("offered", "handled", "waited", "longest", "seconds", "soon", "abandoned", "left"),
    *("left_longest", "left_soon", "left_short"),
)


class Told(NamedTuple):
    """A history, and the oracle's tables of the same events."""

    history: Path
    oracle: Con


def summed(oracle: Con, starts: list[datetime], step: timedelta) -> dict[Key, Sums]:
    """What happened in intervals of length `step`, one after the other, in each queue; zeros too.

    Only those that are over: the last window of all has ended, or a clock was judged later.
    """
    oracle.execute(f"create or replace temp table happened as {HAPPENED}")
    first, last = starts[0], starts[-1] + step
    [(until,)] = oracle.execute(
        """select epoch(max(until)) from (select max(window_start) + interval 5 minutes as until
        from windows union all select max(ended_at) from sla)"""
    ).fetchall()
    scopes = oracle.execute(
        """select distinct brand, channel, queue from stg_states
        where status != 'none' and at_us < epoch_us($1) order by all""",
        [last],
    ).fetchall()
    found = {
        (start, "/".join(scope), scope[1]): dict.fromkeys(NAMES, 0.0)
        for start in starts
        for scope in scopes
        if (start + step).timestamp() <= until
    }
    happened = oracle.execute(
        """select epoch_us("at"), * exclude ("at") from happened
        where "at" >= $1 and "at" < $2""",
        [first, last],
    ).fetchall()
    for at, brand, channel, queue, what, waited, seconds, is_soon, is_short in happened:
        start = starts[(at - round(first.timestamp() * 1e6)) // round(step.total_seconds() * 1e6)]
        sums = found[start, f"{brand}/{channel}/{queue}", channel]
        sums[what] += 1
        if what == "handled":
            sums["waited"] += waited
            sums["longest"] = max(sums["longest"], waited)
            sums["seconds"] += seconds or 0
            sums["soon"] += bool(is_soon)
        elif what == "abandoned":
            sums["left"] += waited
            sums["left_longest"] = max(sums["left_longest"], waited)
            sums["left_soon"] += bool(is_soon)
            sums["left_short"] += bool(is_short)
    return found


def genesys(key: Key, length: str, one: Sums) -> list[object]:
    """A line of Genesys Cloud's file."""
    start, queue, channel = key
    media = "chat" if channel == "chat" else "message"
    return [f"{start:%FT%TZ}", queue, media, "", "", *map(
        round, (one["offered"], one["handled"], one["seconds"]))]  # fmt: skip


def amazon_connect(key: Key, length: str, one: Sums) -> list[object]:
    """A line of Amazon Connect's file."""
    mean = one["seconds"] / one["handled"] if one["handled"] else 0
    named = [key[1], key[1], "CHAT", f"{key[0]:%FT%TZ}"]
    length = length if length == "daily" else f"{length}mins"
    return [*named, length, *map(round, (one["offered"], mean, one["handled"]))]


def teleopti(key: Key, length: str, one: Sums) -> list[object]:
    """A line of Calabrio's file."""
    start, queue, _ = key
    told = [length, f"{start:%Y%m%d}", f"{start:%H:%M}", queue_number(queue), queue]
    return [*told, *map(round, (
        one["offered"], 0, one["abandoned"], 0, one["handled"], one["waited"], one["left"],
        one["seconds"], 0, one["longest"], one["left_longest"], 0, one["soon"], 0,
        one["left_short"], one["left_soon"],
    ))]  # fmt: skip


MADE = {"genesys": genesys, "amazon-connect": amazon_connect, "teleopti": teleopti}


def read(told: Told, fmt: str, day: date, zone: ZoneInfo, minutes: int) -> list[list[str]]:
    """The lines of a day's file, without the header."""
    text = export(told.history, fmt, day, day, zone, minutes)
    lines = list(csv.reader(io.StringIO(text), delimiter=FORMATS[fmt].delimiter))
    return lines[1:] if FORMATS[fmt].has_header else lines


def compare(told: Told, fmt: str, day: date, zone: ZoneInfo, minutes: int = 15) -> dict[Key, Sums]:
    """Hold a day's file to the oracle; what it was held to. Days are of `minutes` 0."""
    bounds = [datetime.combine(day + timedelta(days=n), datetime.min.time(), zone) for n in (0, 1)]
    first, last = (at.astimezone(UTC) for at in bounds)
    step = timedelta(minutes=minutes) if minutes else last - first
    starts = [first + n * step for n in range((last - first) // step)]
    expected = summed(told.oracle, starts, step)
    length = str(minutes) if minutes else "daily"
    lines = [list(map(str, MADE[fmt](key, length, one))) for key, one in expected.items()]
    assert lines == read(told, fmt, day, zone, minutes)
    return expected


@pytest.fixture
def sample(sample_history: Path, oracle: Con) -> Told:
    """The two sample days."""
    return Told(sample_history, oracle)


@pytest.mark.parametrize("minutes", [15, 30])
@pytest.mark.parametrize("fmt", MADE)
def test_each_line_is_the_oracles(sample: Told, fmt: str, minutes: int) -> None:
    """Of a busy day, with spikes and late answers, and of the one after it as far as it is told."""
    for day in (date(2026, 3, 3), date(2026, 3, 4)):
        held = compare(sample, fmt, day, UTC_ZONE, minutes)
        assert sum(one["handled"] for one in held.values()) > 300


def test_lines_of_conversations_are_the_oracles(sample: Told) -> None:
    """Assembled gets each once: when it was opened, answered and closed, and what it took."""
    expected = sample.oracle.sql(
        """select strftime(opened_at, '%Y-%m-%dT%H:%M:%SZ'),
            conversation_id || strftime(opened_at, '@%Y%m%dT%H%M%S%fZ'), channel,
            if(closed_at is null, 'open', 'solved'),
            coalesce(strftime(first_reply_at, '%Y-%m-%dT%H:%M:%SZ'), ''),
            coalesce(round_even(seconds, 0)::bigint::varchar, ''),
            coalesce(strftime(closed_at, '%Y-%m-%dT%H:%M:%SZ'), ''),
            concat_ws('/', brand, channel, queue)
        from conversations left join (
            select conversation_id, opened_at, sum(handle_active_seconds) as seconds
            from handling group by all) using (conversation_id, opened_at)
        where opened_at::date = '2026-03-04' order by opened_at, conversation_id"""
    ).fetchall()
    assert len(expected) > 1000
    assert list(map(list, expected)) == read(sample, "assembled", date(2026, 3, 4), UTC_ZONE, 15)


SYDNEY = ZoneInfo("Australia/Sydney")
CHANGES = {
    92: (BERLIN, date(2026, 3, 29), "2026-03-29T00:30:00Z"),
    96: (BERLIN, date(2026, 3, 31), "2026-03-31T00:30:00Z"),
    100: (SYDNEY, date(2026, 4, 5), "2026-04-04T15:30:00Z"),
}
"""Days by their quarter-hours, and when an hour begins in them in which clocks may change."""
UNTIL = 1_775_433_600  # 2026-04-06T00:00:00Z


@pytest.fixture(scope="module")
def changes(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """An hour of the sample in each of `CHANGES`; beside it three customers leave unanswered."""
    folder = tmp_path_factory.mktemp("changes")
    hour = (repository / "sample_data/first_hour.jsonl").read_text("utf-8").splitlines()
    told = [json.loads(line) for line in hour]
    gone = {"conversation": "gone", "channel": "chat", "queue": "support", "brand": "acme"}
    for number, lasted in enumerate((5, 70, 1000)):
        for kind, after in (("post", 0), ("closed", lasted)):
            clock = f"2026-03-03T08:{20 + after // 60:02}:{after % 60:02}Z"
            name = f"gone-{number}"
            told.append({**gone, "id": f"{name}-{kind}", "at": clock, "kind": kind}
                        | {"conversation": name, "customer": name})  # fmt: skip
    moved = []
    for length, (_, _, begin) in CHANGES.items():
        by = datetime.fromisoformat(begin) - datetime(2026, 3, 3, 8, tzinfo=UTC)
        for event in told:
            at = (datetime.fromisoformat(event["at"]) + by).isoformat()
            names = ("id", "conversation", "in_reply_to")
            own = {name: f"{event[name]}-{length}" for name in names if name in event}
            moved.append({k: v for k, v in event.items() if k != "arrived_at"} | own | {"at": at})
    later = {"id": "later", "kind": "post", "at": "2026-04-05T23:00:00Z"}  # so that all are over
    events = write_lines(folder / "changes.jsonl", [*moved, gone | later])
    history = replay(folder / "out", events, until=UNTIL)
    with run_oracle([events], POLICY, UNTIL * 1_000_000, None) as oracle:
        yield Told(history, oracle)


@pytest.mark.parametrize("fmt", MADE)
def test_days_of_any_length_have_it_all(changes: Told, fmt: str) -> None:
    """Each line of 92, 96 and 100 quarter-hours, and the same in all as in the events."""
    for length, (zone, day, _) in CHANGES.items():
        held = compare(changes, fmt, day, zone)
        assert length == len({start for start, _, _ in held})
        totals = [sum(one[name] for one in held.values()) for name in ("offered", "abandoned")]
        query = """select count(*), count_if(is_abandoned) from conversations
            where conversation_id like $1"""
        assert totals == list(changes.oracle.execute(query, [f"%-{length}"]).fetchall()[0])


def test_days_as_a_whole_are_the_oracles(changes: Told) -> None:
    """Amazon's daily lines, of 23, 24 and 25 hours."""
    for zone, day, _ in CHANGES.values():
        held = compare(changes, "amazon-connect", day, zone, minutes=0)
        assert sum(one["offered"] for one in held.values()) > 20


def test_days_of_any_length_have_each_conversation(changes: Told) -> None:
    """Assembled's lines, once each, whatever the clocks do."""
    for length, (zone, day, _) in CHANGES.items():
        query = "select count(*) from conversations where conversation_id like $1"
        [(expected,)] = changes.oracle.execute(query, [f"%-{length}"]).fetchall()
        names = {line[1] for line in read(changes, "assembled", day, zone, 15)}
        assert expected == len([name for name in names if f"-{length}@" in name])
