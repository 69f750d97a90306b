"""Each system's file has the columns that it asks for, in order, and cells that it can read."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from pathlib import Path

import pytest
from worked_day import CHAT, export, lines, opened, worked_day
from written_history import Writer, at, row

from replywatch.flows.cli import main
from replywatch.sql.exports.formats import FORMATS
from replywatch.sql.exports.queues import QueueError, Queues, queue_name, queue_number


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The day of `worked_day`."""
    return worked_day(tmp_path / "work")


INSTANT = r"\d{4}-\d\d-\d\dT\d\d:(00|15|30|45):00Z"
ANY_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
NAME = r"'?[^=+\-@\t\r].*"
WHOLE = r"\d+"

SCHEMAS: dict[str, dict[str, str]] = {
    "genesys": {
        "Interval Start UTC Date": INSTANT, "Queue": NAME,
        "Media Type": "chat|email|voice|message", "Skill Set": "", "Language": "",
        "Offered": WHOLE, "Interactions Handled": WHOLE, "Total Handle Time": WHOLE,
    },
    "amazon-connect": {
        "QueueName": NAME, "QueueId": NAME, "ChannelType": "CHAT|VOICE", "TimeStamp": INSTANT,
        "IntervalDuration": "15mins", "IncomingContactVolume": WHOLE,
        "AverageHandleTime": WHOLE, "ContactsHandled": WHOLE,
    },
    "teleopti": {
        "interval": "15|30", "date": r"\d{8}", "time": r"\d\d:(00|15|30|45)", "queue": WHOLE,
        "queue_name": NAME,
        **dict.fromkeys(
            (
                "offd_direct_call_cnt", "overflow_in_call_cnt", "aband_call_cnt",
                "overflow_out_call_cnt", "answ_call_cnt", "queued_and_answ_call_dur",
                "queued_and_aband_call_dur", "talking_call_dur", "wrap_up_dur",
                "queued_answ_longest_que_dur", "queued_aband_longest_que_dur",
                "avg_avail_member_cnt", "ans_servicelevel_cnt", "wait_dur",
                "aband_short_call_cnt", "aband_within_sl_cnt",
            ),
            WHOLE,
        ),
    },
    "assembled": {
        "Created at": ANY_INSTANT, "Import ID": NAME, "Channel": "chat|email",
        "Status": "open|solved", "First responded at": rf"({ANY_INSTANT})?",
        "Handle time": rf"({WHOLE})?", "Solved at": rf"({ANY_INSTANT})?", "Queue": NAME,
    },
}  # fmt: skip


@pytest.mark.parametrize("fmt", SCHEMAS)
def test_a_format_has_the_columns_that_its_system_asks_for(work: Path, fmt: str) -> None:
    """Names, order, number and the look of every cell; UTF-8; nothing more."""
    text = export(work, fmt, date(2026, 6, 1), date(2026, 6, 1))
    made = FORMATS[fmt]
    cells = list(csv.reader(io.StringIO(text), delimiter=made.delimiter))
    wanted = SCHEMAS[fmt]
    assert list(wanted) == list(made.columns)
    if made.has_header:
        assert list(wanted) == cells.pop(0)
    assert 5 <= len(cells)
    for line in cells:
        assert len(wanted) == len(line)
        for (name, pattern), cell in zip(wanted.items(), line, strict=True):
            assert re.fullmatch(pattern, cell), (name, cell)
    text.encode("utf-8")


def test_genesys_gets_total_seconds_of_what_was_handled(work: Path) -> None:
    """The line of the quarter-hour in which one chat closed after five minutes of work."""
    text = export(work, "genesys", date(2026, 6, 1), date(2026, 6, 1))
    assert "2026-06-01T10:15:00Z,acme/chat/tier1,chat,,,1,1,300\n" in text


def test_amazon_gets_whole_seconds_a_contact(work: Path) -> None:
    """The same interval of thirty minutes: one offered with the two that closed in it."""
    text = export(work, "amazon-connect", date(2026, 6, 1), date(2026, 6, 1), minutes=30)
    assert "acme/chat/tier1,acme/chat/tier1,CHAT,2026-06-01T10:00:00Z,30mins,3,300,1\n" in text


def test_amazon_gets_days_apart(work: Path) -> None:
    """The same columns, one line a day and queue at its midnight, of days that are over."""
    Writer.again(work).seal("2026-06-02", windows=[opened(at("2026-06-02"), CHAT)])
    text = export(work, "amazon-connect", date(2026, 6, 1), date(2026, 6, 2), minutes=0)
    assert text.splitlines() == [
        ",".join(SCHEMAS["amazon-connect"]),
        "acme/chat/tier1,acme/chat/tier1,CHAT,2026-06-01T00:00:00Z,daily,4,300,2",
        "acme/email/=tier2,acme/email/=tier2,CHAT,2026-06-01T00:00:00Z,daily,1,0,0",
    ]


def test_teleopti_is_in_order_of_time_with_waits_of_what_was_handled(work: Path) -> None:
    """No header, semicolons, zeros for nothing; one handled within target, one abandoned at 8 s."""
    text = export(work, "teleopti", date(2026, 6, 1), date(2026, 6, 1))
    number = queue_number("acme/chat/tier1")
    assert (
        f"15;20260601;10:15;{number};acme/chat/tier1;1;0;1;0;1;600;8;300;0;600;8;0;1;0;1;1\n"
        in text
    )
    times = [tuple(line.split(";")[1:3]) for line in text.splitlines()]
    assert times == sorted(times)


def test_assembled_gets_a_line_a_conversation(work: Path) -> None:
    """Opened, answered and solved as instants; what isn't yet is empty."""
    found = lines(export(work, "assembled", date(2026, 6, 1), date(2026, 6, 1)))
    assert 5 == len(found)
    assert ("c1@20260601T100000000000Z", "solved", "300") == tuple(
        found[0][name] for name in ("Import ID", "Status", "Handle time")
    )
    assert ("open", "", "") == tuple(
        found[2][name] for name in ("Status", "First responded at", "Solved at")
    )


@pytest.mark.parametrize("fmt", FORMATS)
def test_no_cell_is_a_formula(tmp_path: Path, fmt: str) -> None:
    """Text that a spreadsheet would run is quoted in each format."""
    writer = Writer(tmp_path / "bad")
    scope = {"brand": "=cmd|' /C calc'!A0", "channel": "@SUM(1)", "queue": "+1"}
    writer.seal(
        "2026-06-01",
        windows=[opened(at("2026-06-01"), scope)],
        conversations=[
            row("conversations", conversation_id="=1+1", opened_at=at("2026-06-01"), **scope)
        ],
    )
    text = export(writer.folder, fmt, date(2026, 6, 1), date(2026, 6, 1))
    for line in csv.reader(io.StringIO(text), delimiter=FORMATS[fmt].delimiter):
        assert [] == [cell for cell in line if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert "'=" in text


NAMES = {"acme/chat/tier1": "Chat, first line", "acme/email/=tier2": "Mail"}
TARGETS = ("genesys", "amazon-connect", "teleopti", "assembled")


@pytest.mark.parametrize("fmt", TARGETS)
def test_queues_go_by_the_names_that_the_system_knows(work: Path, fmt: str) -> None:
    """Names and ids of the configuration, and a queue with an empty name is left out."""
    queues = Queues(NAMES, {"acme/chat/tier1": "7", "acme/email/=tier2": "8"})
    day = date(2026, 6, 1)
    plain, named = (export(work, fmt, day, day, queues=q) for q in (Queues(), queues))
    assert "acme/" in plain
    assert "acme/" not in named
    assert "Mail" in named
    assert plain.count("\n") == named.count("\n")
    assert ("7" in re.split("[;,]", named)) == (fmt in ("amazon-connect", "teleopti"))
    without = export(work, fmt, day, day, queues=Queues(NAMES | {"acme/email/=tier2": ""}))
    assert "tier2" not in without
    assert "Chat, first line" in without
    assert without.count("\n") < plain.count("\n")


@pytest.mark.parametrize(
    ("queues", "said"),
    [
        (Queues({"acme/chat/tier1": "Chat"}), r"'acme/email/=tier2' isn't in \[queue_names\]"),
        (Queues({}, {"acme/chat/tier1": "7"}), r"'acme/email/=tier2' isn't in \[queue_ids\]"),
        (Queues(dict.fromkeys(NAMES, "All")), r"calls both .*tier1' and .*tier2' 'All'"),
    ],
)
def test_a_queue_that_the_system_cannot_know_is_an_error(
    work: Path, queues: Queues, said: str
) -> None:
    """One that has no name or no id while others do, and two of one name; other files don't ask."""
    day = date(2026, 6, 1)
    with pytest.raises(QueueError, match=said):
        export(work, "amazon-connect", day, day, queues=queues)
    export(work, "canonical", day, day, queues=queues)


def test_the_command_says_which_queue_is_missing(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, and no file where there was none."""
    config = tmp_path / "replywatch.toml"
    config.write_text(f'history = "{work}"\n[queue_names]\n"acme/chat/tier1" = "Chat"\n')
    target = tmp_path / "genesys.csv"
    common = ["export", "wfm", "--format", "genesys", "--config", str(config)]
    assert 1 == main([*common, "--output", str(target)])
    assert "'acme/email/=tier2' isn't in [queue_names]" in capsys.readouterr().err
    assert not target.exists()


def test_queues_of_different_scopes_have_different_names() -> None:
    """A slash inside a name can't make two queues one."""
    names = {
        queue_name({"brand": brand, "channel": "c", "queue": queue})
        for brand, queue in (("a/b", "q"), ("a", "b/q"), ("a%2Fb", "q"))
    }
    assert 3 == len(names)
