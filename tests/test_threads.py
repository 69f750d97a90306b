"""Which conversation a message belongs to, where only `in_reply_to` says it."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from replays import Line, policy_text, replay, write_lines

from replywatch.sql.history import open_history

DAY = 86_400_000_000


def message(name: str, minute: float, parent: str | None = None, **fields: Any) -> dict[str, Any]:
    """A post that names its parent at most."""
    second = round(minute * 60)
    at = f"2026-03-03T08:{second // 60:02}:{second % 60:02}Z"
    event = {"id": name, "at": at, "kind": "post", **fields}
    return event if parent is None else {**event, "in_reply_to": parent}


def threads(folder: Path, line: Line) -> dict[str, str]:
    """Conversation of each message."""
    con = line.history(folder)
    found = con.execute("select id, conversation_id from messages").fetchall()
    con.close()
    return dict(found)


def test_a_reply_at_any_depth_joins_the_roots_conversation(tmp_path: Path) -> None:
    """The root's own id names it, whatever the order of arrival within the lateness."""
    chain = [message("m0", 0), *(message(f"m{n}", n, f"m{n - 1}") for n in range(1, 6))]
    line = Line(policy_text(), lateness=600).feed(*reversed(chain)).end()
    assert dict.fromkeys((f"m{n}" for n in range(6)), "m0") == threads(tmp_path, line)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_named_parent_gives_its_conversation_to_unnamed_children(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    """In every order of arrival the children join the conversation their parent names."""
    family = [
        message("top", 0, conversation="c9"), message("mid", 1, "top"), message("low", 2, "mid"),
    ]  # fmt: skip
    line = Line(policy_text(), lateness=600)
    for position in order:
        line.feed(family[position])
    assert dict.fromkeys(("top", "mid", "low"), "c9") == threads(tmp_path, line.end())


def test_siblings_of_a_parent_never_seen_meet(tmp_path: Path) -> None:
    """They join the conversation named after it, as does the parent when it comes after all."""
    line = Line(policy_text(), lateness=60)
    line.feed(message("s1", 10, "gone"), message("s2", 11, "gone"))
    line.feed(message("later", 30), message("gone", 5))  # long after its children were passed on
    expected = {"s1": "gone", "s2": "gone", "gone": "gone", "later": "later"}
    assert expected == threads(tmp_path, line.end())


@pytest.mark.parametrize("seed", range(20))
def test_a_late_message_stays_in_the_conversation_it_names(tmp_path: Path, seed: int) -> None:
    """However the steps take turns: what has a name is known to the threading, not threaded."""
    line = Line(policy_text(), lateness=60, shuffle=random.Random(seed))
    for minute in range(20, 30):
        line.feed(message(f"on{minute}", minute, conversation="c"))
        line.feed(message(f"late{minute}", minute - 15, conversation="c"))
    line.feed(message("k", 40, "late29"))
    found = threads(tmp_path, line.end())
    assert ({"c"}, 21) == (set(found.values()), len(found))


def test_a_ring_of_replies_leaves_each_alone(tmp_path: Path) -> None:
    """Messages that answer each other have no root; nothing hangs and nothing is lost."""
    ring = [message("a", 0, "c"), message("b", 0, "a"), message("c", 0, "b"), message("d", 1, "d")]
    line = Line(policy_text(), lateness=600).feed(*ring).end()
    assert {"a": "a", "b": "b", "c": "c", "d": "d"} == threads(tmp_path, line)


def test_parents_are_sought_in_the_childs_source(tmp_path: Path) -> None:
    """An equal id in another source is another message."""
    line = Line(policy_text(), lateness=600)
    line.feed(
        message("1", 0, conversation="cx", source="x"),
        message("1", 0, conversation="cy", source="y"),
        message("2", 1, "1", source="x"),
        message("3", 1, "1", source="y"),
    )
    found = threads(tmp_path, line.end())
    assert ("cx", "cy") == (found["2"], found["3"])


def test_the_default_source_needs_not_be_written(tmp_path: Path) -> None:
    """A child that names the source `default` finds the parent that leaves it out."""
    line = Line(policy_text(), lateness=600)
    line.feed(message("1", 0, conversation="c"), message("2", 1, "1", source="default"))
    assert {"1": "c", "2": "c"} == threads(tmp_path, line.end())


def test_a_duplicate_of_a_threaded_message_counts_once(tmp_path: Path) -> None:
    """Within the lateness and long after it."""
    line = Line(policy_text(), lateness=60)
    root, child = message("r", 0), message("k", 1, "r")
    line.feed(root, child, child).feed(message("other", 30)).feed(child, root).end()
    assert {"r": "r", "k": "r", "other": "other"} == threads(tmp_path, line)
    assert len(line.rows["messages"]) == 3


def test_a_snapshot_between_parent_and_child_changes_nothing(tmp_path: Path) -> None:
    """What is known of parents, and children that are held back, outlive a crash."""
    line = Line(policy_text(), lateness=60, shuffle=random.Random(1))
    line.feed(message("r", 0)).cut().feed(message("x", 10)).cut()
    line.feed(message("k", 9.5, "r")).cut().feed(message("g", 10.5, "k")).cut()
    assert {"r": "r", "x": "x", "k": "r", "g": "r"} == threads(tmp_path, line.end())


def test_a_parent_is_forgotten_only_after_a_week_without_an_answer(tmp_path: Path) -> None:
    """Each answer keeps the thread known; a child of a forgotten parent names it after that."""

    def on(day: int, name: str, parent: str | None = None, **fields: Any) -> dict[str, Any]:
        return {**message(name, 0, parent, **fields), "at": f"2026-03-{day:02}T08:00:00Z"}

    line = Line(policy_text(), lateness=60)
    line.feed(on(1, "r", conversation="c")).feed(on(7, "k", "r")).feed(on(13, "l", "r"))
    line.feed(on(28, "late", "r")).end()
    expected = {"r": "c", "k": "c", "l": "c", "late": "r"}
    assert expected == threads(tmp_path, line)


@pytest.mark.parametrize(
    "lines",
    [
        # the only unnamed message is the last line, and has no newline
        (b'{"id":"p","at":"2026-03-03T08:00:00Z","kind":"post","conversation":"c"}\n',
         b'{"id":"k","at":"2026-03-03T08:01:00Z","kind":"post","in_reply_to":"p"}'),
        # a value that reads like the field's name
        (b'{"id":"p","at":"2026-03-03T08:00:00Z","kind":"post","conversation":"c",'
         b'"queue":"conversation"}\n',
         b'{"id":"k","at":"2026-03-03T08:01:00Z","kind":"post","in_reply_to":"p"}\n'),
        # the field, but null
        (b'{"id":"p","at":"2026-03-03T08:00:00Z","kind":"post","conversation":"c"}\n',
         b'{"id":"k","at":"2026-03-03T08:01:00Z","kind":"post","conversation":null,'
         b'"in_reply_to":"p"}\n'),
        # its name written otherwise
        (b'{"id":"p","at":"2026-03-03T08:00:00Z","kind":"post","\\u0063onversation":"c"}\n',
         b'{"id":"k","at":"2026-03-03T08:01:00Z","kind":"post","in_reply_to":"p"}\n'),
    ],
    ids=["no newline at the end", "value like the name", "null", "escaped name"],
)  # fmt: skip
def test_a_replay_sees_that_a_file_needs_threading(tmp_path: Path, lines: tuple[bytes]) -> None:
    """However a file says it, a message that names only its parent finds its conversation."""
    events = write_lines(tmp_path / "events.jsonl", lines)
    con = open_history(replay(tmp_path / "out", events))
    found = con.execute("select id, conversation_id from messages").fetchall()
    con.close()
    assert {"p": "c", "k": "c"} == dict(found)
