"""The log of a conversation: whatever is packed, each event is in it once."""

from __future__ import annotations

import msgspec
import pytest

from replywatch.metrics.events import Event
from replywatch.metrics.log import LONG, Log, decode_log, encode_log


def event(name: str, source: str | None = None, text: str = "") -> Event:
    """An event of that name; the text makes it long."""
    return Event(id=name, at=None, kind="note", source=source, reason=text or None)


def names(log: Log) -> list[str]:
    """Keys of all its events, in order."""
    return sorted(one.key for one in log.events())


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 300, 65_535, 65_536])
def test_what_is_packed_at_once_is_there_once(size: int) -> None:
    """However many; and so is what is packed after it."""
    log, some = Log(), [event(f"{number:05}") for number in range(size)]
    assert all(map(log.add, some))
    log.pack()
    log.pack()
    assert (size, {}) == (log.size, log.recent)
    assert log.add(event("after"))
    assert size + 1 == log.size
    assert not log.add(event("00000"))
    assert not log.add(event("after"))
    log.pack()
    assert sorted([*(one.key for one in some), "after"]) == names(log)


def test_the_same_id_from_another_source_is_another_event() -> None:
    """Also where the bytes of the one stand within the other's."""
    log = Log()
    assert log.add(event("e1", text="e2"))
    log.pack()
    assert log.add(event("e2"))
    assert log.add(event("e1", source="crm"))
    log.pack()
    assert not log.add(event("e1", source="crm"))
    assert not log.add(event("e1"))
    assert 3 == log.size


def filled(length: int) -> Log:
    """A log whose open part takes so many bytes, in events of about 200."""
    log, left = Log(), length
    each = len(packed(event("f0000000", text="x" * 150)))
    while left:
        size = each if left > 2 * each else left if left < each + 80 else left // 2
        assert log.add(event(f"f{left:07}", text="x" * (150 + size - each)))
        left -= size
    log.pack()
    return log


def packed(one: Event) -> bytes:
    """An event as the log writes it."""
    return msgspec.msgpack.encode(one)


def test_a_long_log_is_closed_in_parts() -> None:
    """Above 8 KiB as soon as it is packed; what is in them is known, too."""
    log = filled(LONG)
    assert (LONG, []) == (len(log.packed), log.segments)
    before = log.size
    for number in range(4):
        assert log.add(event(f"e{number}"))
        log.pack()
        assert 1 == len(log.segments)
        assert (number == 0) == (log.packed == b"")
        assert [False] * (number + 1) == [log.add(event(f"e{one}")) for one in range(number + 1)]
    assert before + 4 == log.size == len(set(names(log)))


def test_a_log_is_written_without_its_closed_parts() -> None:
    """What is recent is packed before; whoever reads it back gives the parts."""
    log = filled(LONG + 200)
    closed = log.size
    log.add(event("short"))
    data = msgspec.msgpack.encode(log, enc_hook=encode_log)
    found = msgspec.msgpack.decode(data, type=Log, dec_hook=decode_log)
    assert (closed + 1, 1, []) == (found.count, found.saved, found.segments)
    found.segments += log.segments
    assert names(log) == names(found)
    assert closed + 1 == len(names(found))
    for hook in (encode_log, lambda one: decode_log(int, one)):
        with pytest.raises(NotImplementedError):
            hook(1)
