"""The adapter for Kaggle's "Customer Support on Twitter": hand-made files and the real one."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

import pytest

from replywatch.flows.twcs import Event, TwcsArchive, twcs_events
from replywatch.flows.twcs_rows import (
    RAW_LIMIT,
    Reject,
    TwcsError,
    TwcsRow,
    parse_created_at,
    read_twcs,
)

HEADER = b"tweet_id,author_id,inbound,created_at,text,response_tweet_id,in_response_to_tweet_id\n"
AT = b"Tue Oct 31 22:10:47 +0000 2017"


def tweet(number: int, author: str, minute: int, parent: int | str = "", text: str = "hi") -> bytes:
    """A row as the dataset has it: digits write as customers, names as brands."""
    at = f"Tue Oct 31 22:{minute:02}:00 +0000 2017"
    return f"{number},{author},{author.isdigit()},{at},{text},,{parent}\n".encode()


def write(folder: Path, *rows: bytes, header: bytes = HEADER) -> Path:
    """A CSV file of `rows` below `header`."""
    path = folder / "twcs.csv"
    path.write_bytes(header + b"".join(rows))
    return path


def read(path: Path) -> tuple[list[TwcsRow], list[Reject]]:
    """Rows and rejects of `path`."""
    rejects: list[Reject] = []
    return list(read_twcs(path, rejects.append)), rejects


def threads(path: Path) -> dict[str, str]:
    """Conversation of each tweet."""
    return {event["id"]: event["conversation"] for event in twcs_events(path)[0]}


def test_a_post_and_its_reply_become_events(tmp_path: Path) -> None:
    """A customer's tweet is a post, a brand's a reply, in the event contract's fields."""
    path = write(tmp_path, tweet(7, "AmazonHelp", 9, 5), tweet(5, "115712", 1))
    common = {"source": "twitter", "channel": "twitter", "visibility": "public"}
    expected = [
        {
            **common,
            "id": "7",
            "at": "2017-10-31T22:09:00Z",
            "kind": "reply",
            "conversation": "5",
            "in_reply_to": "5",
            "brand": "AmazonHelp",
            "agent": "AmazonHelp",
        },
        {
            **common,
            "id": "5",
            "at": "2017-10-31T22:01:00Z",
            "kind": "post",
            "conversation": "5",
            "brand": "AmazonHelp",
            "customer": "115712",
        },
    ]
    assert (expected, []) == twcs_events(path)


def test_a_thread_is_named_by_its_topmost_tweet_in_any_order_of_rows(tmp_path: Path) -> None:
    """Children before parents, branches and depth all lead to one root."""
    rows = [tweet(4, "1", 4, 3), tweet(2, "Brand", 2, 1), tweet(3, "1", 3, 2), tweet(1, "1", 1)]
    branch = tweet(9, "2", 5, 1)
    expected = dict.fromkeys(["1", "2", "3", "4", "9"], "1")
    assert expected == threads(write(tmp_path, *rows, branch))


def test_an_orphan_tops_its_own_part_and_keeps_its_parent(tmp_path: Path) -> None:
    """A tweet whose parent is absent is a root that shows it is not complete."""
    path = write(tmp_path, tweet(6, "Brand", 6, 5), tweet(5, "1", 5, 404))
    assert {"5": "5", "6": "5"} == threads(path)
    assert ["5", "404"] == [event["in_reply_to"] for event in twcs_events(path)[0]]


def test_a_thread_in_a_circle_is_named_by_its_smallest_id(tmp_path: Path) -> None:
    """Damaged parents end neither in a hang nor in names that depend on the order of rows."""
    rows = [tweet(3, "1", 1, 2), tweet(2, "1", 2, 4), tweet(4, "1", 3, 3), tweet(8, "1", 4, 4)]
    expected = {"2": "2", "3": "2", "4": "2", "8": "2", "9": "9"}
    alone = tweet(9, "1", 5, 9)
    assert expected == threads(write(tmp_path, *rows, alone))
    assert expected == threads(write(tmp_path, alone, *reversed(rows)))


def test_a_deep_thread_needs_no_recursion(tmp_path: Path) -> None:
    """A chain of 5,000 tweets has one root."""
    rows = [tweet(number, "1", 1, number - 1 if number > 1 else "") for number in range(1, 5001)]
    assert {"1"} == set(threads(write(tmp_path, *reversed(rows))).values())


def test_the_brand_is_the_author_of_the_first_outbound_tweet(tmp_path: Path) -> None:
    """First by time, then by the id as a number; the same for all of the conversation."""
    path = write(
        tmp_path,
        tweet(1, "5", 1),
        tweet(30, "Late", 9, 1),
        tweet(10, "Tenth", 3, 1),
        tweet(9, "Ninth", 3, 1),
    )
    assert ["Ninth"] * 4 == [event["brand"] for event in twcs_events(path)[0]]


def test_a_conversation_without_outbound_tweet_has_no_brand(tmp_path: Path) -> None:
    """Nobody answered, so nothing says whose it was."""
    events, _ = twcs_events(write(tmp_path, tweet(1, "5", 1)))
    assert "brand" not in events[0]


def test_a_repeated_tweet_is_emitted_again_in_the_first_ones_thread(tmp_path: Path) -> None:
    """What counts once is the stream's to decide; the repetition moves no thread and no brand."""
    again = tweet(2, "Other", 0, 77)
    path = write(tmp_path, tweet(1, "5", 1), tweet(2, "Brand", 2, 1), again)
    events, rejects = twcs_events(path)
    assert ([("1", "1"), ("2", "1"), ("2", "1")], []) == (
        [(event["id"], event["conversation"]) for event in events],
        rejects,
    )
    assert {"Brand"} == {event["brand"] for event in events}


@pytest.mark.parametrize(
    "text",
    [
        b'"two\nlines, and a comma"',
        b'"say ""please"" &amp; wait"',
        b"a bare\rcarriage return",
        b'"a bare\r\rcarriage return\r\nin quotes"',
        b'a quote " in the middle',
        "žluťoučký 🤥".encode(),
        b"bytes \xff\xfe that are not UTF-8",
        b"nul \x00 byte",
        b'"\n999,Brand,False,' + AT + b',a row inside a text,,\n"',
        b"",
    ],
)
def test_no_text_breaks_a_row(tmp_path: Path, text: bytes) -> None:
    """Whatever a text holds, its tweet and the next one are read."""
    path = write(tmp_path, b"5,1,True," + AT + b"," + text + b",,\n", tweet(6, "1", 1))
    rows, rejects = read(path)
    assert ([5, 6], []) == ([row.tweet_id for row in rows], rejects)


def test_damaged_copies_read_alike(tmp_path: Path) -> None:
    """Ids as floats, `nan` parents, CRLF, a byte order mark and other column orders are the same.

    Columns not needed may be absent.
    """
    header = b"\xef\xbb\xbfinbound,tweet_id,in_response_to_tweet_id,author_id,created_at\r\n"
    path = write(
        tmp_path,
        b"true,523365.0,nan,115712.0," + AT + b"\r\n\r\n",
        b"FALSE, 523366 ,523365.0,Brand,2017-10-31 23:10:47+01:00",
        header=header,
    )
    at = 1_509_487_847_000_000
    expected = [
        TwcsRow(2, 523365, "115712", True, at, None),
        TwcsRow(4, 523366, "Brand", False, at, 523365),
    ]
    assert (expected, []) == read(path)


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        (b",1,True," + AT + b",x,,\n", "invalid", "tweet_id is ''"),
        (b"1e5,1,True," + AT + b",x,,\n", "invalid", "tweet_id is '1e5'"),
        (b"9" * 19 + b",1,True," + AT + b",x,,\n", "invalid", f"tweet_id is '{'9' * 19}'"),
        (b"5,,True," + AT + b",x,,\n", "invalid", "author_id has 0 characters, not 1 to 256"),
        (b"5,\xff,True," + AT + b",x,,\n", "invalid", "author_id has bytes that are not UTF-8"),
        (b"5,1,maybe," + AT + b",x,,\n", "invalid", "inbound is 'maybe', not True or False"),
        (b"5,1,True,yesterday,x,,\n", "invalid", "created_at is 'yesterday'"),
        (b"5,1,True,\xff,x,,\n", "invalid", "created_at is '\\udcff'"),
        (b"5,1,True," + AT + b",x,,6;7\n", "invalid", "in_response_to_tweet_id is '6;7'"),
        (b"5,1,True," + AT + b",x\n", "malformed", "5 columns instead of 7"),
        (b"5,1,True," + AT + b",x,y,,\n", "malformed", "8 columns instead of 7"),
        (b'5,1,True,"' + AT + b'"x,x,,\n', "malformed", "',' expected after '\"'"),
    ],
)
def test_a_bad_row_is_kept_with_its_reason(
    tmp_path: Path, row: bytes, reason: str, detail: str
) -> None:
    """A row that can't be used is refused with its place and bytes; those around it are read."""
    path = write(tmp_path, tweet(3, "1", 1), row, tweet(6, "1", 1))
    rows, rejects = read(path)
    assert [3, 6] == [row.tweet_id for row in rows]
    assert [Reject(str(path), "line 3", reason, row, detail)] == rejects


def test_an_unclosed_quote_costs_its_own_row_only(tmp_path: Path) -> None:
    """The rows that the quote swallowed are read after all."""
    broken = b"5,1,True," + AT + b',"never closed,,\n'
    path = write(
        tmp_path, broken, tweet(6, "1", 1), tweet(7, "1", 1, text='"ok"'), tweet(8, "1", 1)
    )
    rows, rejects = read(path)
    assert [(3, 6), (4, 7), (5, 8)] == [(row.line, row.tweet_id) for row in rows]
    assert [("line 2", "malformed", broken)] == [(r.position, r.reason, r.raw) for r in rejects]


def test_a_torn_last_row_is_refused(tmp_path: Path) -> None:
    """A file cut inside a quoted text loses that row and no other."""
    torn = b"5,1,True," + AT + b',"cut he'
    rows, rejects = read(write(tmp_path, tweet(3, "1", 1), torn))
    assert [3] == [row.tweet_id for row in rows]
    assert [("line 3", torn)] == [(reject.position, reject.raw) for reject in rejects]


def test_raw_bytes_are_capped(tmp_path: Path) -> None:
    """A huge bad row is kept up to the limit, a multi-byte character cut or not."""
    huge = "x" + "é" * 200_000 + "\n"
    _, rejects = read(write(tmp_path, huge.encode()))
    assert [huge.encode()[:RAW_LIMIT]] == [reject.raw for reject in rejects]


@pytest.mark.parametrize("header", [b"", b"a,b\n", b'"\n', b"\xff\xfet\x00w\x00", b"[1]\n"])
def test_a_file_that_is_not_the_dataset_is_named(tmp_path: Path, header: bytes) -> None:
    """Without the header's columns the file is refused in one line that says what is missing."""
    path = write(tmp_path, header=header)
    with pytest.raises(TwcsError, match=r"twcs\.csv: no column 'tweet_id' in line 1"):
        list(read_twcs(path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tue Oct 31 22:10:47 +0000 2017", "2017-10-31T22:10:47+00:00"),
        ("Thu Feb 29 00:00:00 +0530 2024", "2024-02-28T18:30:00+00:00"),
        ("Wed Dec 31 23:59:59 -0100 2014", "2015-01-01T00:59:59+00:00"),
        ("2017-10-31T22:10:47.5Z", "2017-10-31T22:10:47.500000+00:00"),
        ("2017-10-31 22:10:47", None),
        ("Tue Feb 30 22:10:47 +0000 2017", None),
        ("Tue Foo 30 22:10:47 +0000 2017", None),
        ("Tue Oct 31 24:00:00 +0000 2017", None),
        ("Tue Oct 31 22:10:60 +0000 2017", None),
        ("Tue Oct 31 22:10:47 +0000 0001", None),
        ("Tue Oct 31 22:10:47 +0000 9999", None),
        ("Tue Oct ٣١ 22:10:47 +0000 2017", None),
        ("", None),
    ],
)
def test_created_at_is_an_instant(text: str, expected: str | None) -> None:
    """The dataset's dates and RFC 3339 give microseconds in UTC; what is no instant gives None."""
    instant = parse_created_at(text)
    shown = instant if instant is None else datetime.fromtimestamp(instant / 1e6, UTC).isoformat()
    assert expected == shown


def test_events_come_by_time_when_asked(tmp_path: Path) -> None:
    """Equal times are ordered by id as a number."""
    rows = [tweet(10, "1", 2), tweet(9, "1", 2), tweet(11, "1", 1)]
    archive = TwcsArchive(write(tmp_path, *rows))
    assert ["11", "9", "10"] == [event["id"] for event in archive.events(in_time_order=True)]


@pytest.fixture(scope="module")
def real(shared_data: Path) -> tuple[list[Event], list[Reject]]:
    """Events and rejects of the real file's first 5,000 rows."""
    return twcs_events(shared_data / "data" / "twcs" / "twcs_head5000.csv")


def first_responses(events: list[Event], brand: str | None = None) -> list[float]:
    """Seconds from root to first reply of each complete conversation, from the events alone."""
    conversations: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if brand in (None, event["brand"]):
            conversations[event["conversation"]].append(event)
    answers = []
    for name, members in conversations.items():
        root = next(event for event in members if event["id"] == name)
        if root["kind"] == "post" and "in_reply_to" not in root:
            replied = min(event["at"] for event in members if event["kind"] == "reply")
            waited = datetime.fromisoformat(replied) - datetime.fromisoformat(root["at"])
            answers.append(waited.total_seconds())
    return answers


def test_the_real_file_threads_as_known(real: tuple[list[Event], list[Reject]]) -> None:
    """5,000 events, 1,312 conversations, 76 brands, 6 orphans, nothing refused."""
    events, rejects = real
    ids = {event["id"] for event in events}
    orphans = [event for event in events if event.get("in_reply_to", event["id"]) not in ids]
    amazon = {event["conversation"] for event in events if event["brand"] == "AmazonHelp"}
    posts = sum(event["kind"] == "post" for event in events)
    conversations = {event["conversation"] for event in events}
    brands = {event["brand"] for event in events}
    assert (5000, 2778, 1312, 76, 6, 103, []) == (
        len(ids),
        posts,
        len(conversations),
        len(brands),
        len(orphans),
        len(amazon),
        rejects,
    )


@pytest.mark.parametrize(
    ("brand", "count", "median", "p90"),
    [
        (None, 1285, 813.0, 31_926.6),
        ("AmazonHelp", 102, 746.0, 5_413.4),
        ("VerizonSupport", 22, 223.5, 1_753.3),
        ("TMobileHelp", 49, 321.0, 47_067.8),
    ],
)
def test_the_real_file_gives_the_known_first_responses(
    real: tuple[list[Event], list[Reject]],
    brand: str | None,
    count: int,
    median: float,
    p90: float,
) -> None:
    """First responses of complete conversations, computed from the events in plain sight."""
    answers = first_responses(real[0], brand)
    tenths = quantiles(answers, n=10, method="inclusive")
    assert (count, median) == (len(answers), tenths[4])
    assert p90 == pytest.approx(tenths[8])


def test_the_real_file_is_answered_in_the_known_shares(
    real: tuple[list[Event], list[Reject]],
) -> None:
    """Within 5, 15 and 60 minutes, of all complete conversations."""
    answers = first_responses(real[0])
    shares = [
        round(sum(answer <= 60 * minutes for answer in answers) / len(answers), 4)
        for minutes in (5, 15, 60)
    ]
    assert [0.2078, 0.5113, 0.7206] == shares
