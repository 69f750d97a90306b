"""State in pieces: what lies in a store is all there is, and only what changed is written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from random import Random

import pytest
from replays import policy_text

from replywatch.metrics.cells import MINUTE_POSTS, OPENED, POSTS, WAIT, WAIT_LEFT, Cell, Partial
from replywatch.metrics.conversation import Conversation
from replywatch.metrics.desk import Desk
from replywatch.metrics.events import Event
from replywatch.metrics.finals import Finals
from replywatch.metrics.kept import Journal, Piece
from replywatch.metrics.policy import PolicyBook, read_policy
from replywatch.metrics.residents import CONVERSATION, LOG, Residents
from replywatch.metrics.times import DAY, HOUR, MINUTE, NEVER, WINDOW

START = 20_000 * DAY
POLICY = PolicyBook([read_policy(tomllib.loads(policy_text(300, 600)))])


class Store:
    """Pieces in memory, in the order in which they were saved."""

    def __init__(self) -> None:
        self.pieces: dict[tuple[int, str], Piece] = {}

    def save(self, pieces: list[Piece], gone: list[tuple[int, str]]) -> int:
        """Take in changes; how many they were."""
        for key in gone:
            self.pieces.pop(key, None)
        for piece in pieces:
            self.pieces.pop((piece.part, piece.key), None)
            self.pieces[piece.part, piece.key] = piece
        return len(pieces) + len(gone)

    def keys(self, part: int) -> set[str]:
        """Of the pieces of a part."""
        return {key for of, key in self.pieces if of == part}

    def heads(self, part: int) -> Iterator[tuple[str, int, int]]:
        return iter([(p.key, p.at, p.mark) for p in self.pieces.values() if p.part == part])

    def fetch(self, part: int, key: str) -> bytes:
        return self.pieces[part, key].data

    def contents(self, part: int) -> Iterator[tuple[str, int, bytes]]:
        return iter([(p.key, p.at, p.data) for p in self.pieces.values() if p.part == part])


# -- desks ----------------------------------------------------------------------------------------


def shown(desk: Desk) -> list[object]:
    """The live state, and what a window from an hour ago can still become."""
    return [
        desk.show()[0],
        [(s.scope, s.order, s.closed, s.open) for _, s in sorted(desk.scopes.items())],
    ]


def a_cell(rng: Random, window: int) -> Cell:
    """What happens in a window."""
    wait = (rng.choice([WAIT, WAIT_LEFT]), window + rng.randrange(9))
    return Cell([POSTS, OPENED, MINUTE_POSTS + rng.randrange(5)], [wait])


def test_a_desk_lies_in_its_pieces() -> None:
    """Through openings, additions, closings, corrections and forgetting; a checkpoint after which
    nothing came is empty, also the first after a start."""
    rng, desk, store = Random(1), Desk(1, POLICY, HOUR), Store()
    now = START
    for _ in range(120):
        now += rng.choice([0, MINUTE, WINDOW])
        scopes = [("acme", "chat", f"q{rng.randrange(3)}") for _ in range(rng.randrange(3))]
        added = [(scope, now - now % WINDOW, a_cell(rng, now)) for scope in scopes]
        back = rng.choice([0, 1, 3, 14]) * WINDOW
        window = now - now % WINDOW - back
        late = [(scope, window, a_cell(rng, window), rng.random() < 0.7) for scope in scopes[:1]]
        desk.receive(Partial(0, 0, now, False, added, late))
        desk.advance()
        changes = desk.changes(store)
        store.save(changes.pieces, changes.gone)
        state = [len(scope.closed) for scope in desk.scopes.values()]
        assert (len(state), sum(state)) == (len(store.keys(0)), len(store.keys(1)))
        is_open = {key.rpartition("/")[0] for key in store.keys(2)}
        assert sum(len(scope.open) for scope in desk.scopes.values()) == len(is_open)
        again = Desk(1, POLICY, HOUR)
        again.load(changes.core, store)
        for one in (desk, again):
            nothing = one.changes(store)
            assert ([], []) == (nothing.pieces, nothing.gone)
        assert shown(desk) == shown(again)
        if rng.random() < 0.5:
            desk = again


def test_what_is_added_to_an_open_window_is_written_alone() -> None:
    """Until something is taken back from it, or it closes."""
    desk, store, scope = Desk(1, POLICY, HOUR), Store(), ("acme", "chat", "q")

    def written(as_of: int, cell: Cell, is_added: bool = True) -> list[tuple[int, int]]:
        desk.receive(Partial(0, 0, as_of, False, [], [(scope, START, cell, is_added)]))
        desk.advance()
        changes = desk.changes(store)
        store.save(changes.pieces, changes.gone)
        return [(piece.part, len(piece.data)) for piece in changes.pieces if piece.part]

    one = written(START, Cell([POSTS]))
    assert one == written(START, Cell([POSTS]))
    assert one == written(START, Cell([POSTS]))
    assert 3 == len(store.keys(2))
    assert [(2, one[0][1] + 1)] == written(START, Cell([POSTS]), is_added=False)
    assert one == written(START, Cell([POSTS]))
    assert 2 == len(store.keys(2))
    assert [1] == [part for part, _ in written(START + WINDOW, Cell())]
    assert set() == store.keys(2)


def test_windows_close_in_their_order_after_a_start() -> None:
    """Whatever order their scopes were kept in; and a shard that has ended stays so."""
    desk, store = Desk(2, POLICY, HOUR), Store()
    places = [(f"q{number}", START + (5 - number) * WINDOW) for number in range(5)]
    added = [(("acme", "chat", queue), window, Cell([POSTS])) for queue, window in places]
    desk.receive(Partial(0, 0, START, True, added))
    desk.receive(Partial(0, 1, START, False))
    desk.advance()
    changes = desk.changes(store)
    store.save(changes.pieces, changes.gone)
    again = Desk(2, POLICY, HOUR)
    again.load(changes.core, store)
    for number in range(1, 6):
        again.receive(Partial(0, 1, START + (number + 1) * WINDOW, False))
        assert [START + number * WINDOW] == [row[0] for row in again.advance()]
    again.receive(Partial(0, 1, START + DAY, True))
    assert again.marks.is_end


# -- conversations --------------------------------------------------------------------------------


def long_events(count: int, first: int) -> list[Event]:
    """Events of about a hundred bytes."""
    return [
        Event(id=f"e{first + n:06}", at=None, kind="note", reason="x" * 80) for n in range(count)
    ]


@pytest.mark.parametrize("awake", [0, 2, 100])
def test_conversations_lie_in_their_pieces(awake: int) -> None:
    """One each, and the closed parts of their logs; what is final, or told anew, leaves nothing."""
    rng, residents, store = Random(2), Residents(awake), Store()
    sizes: dict[str, int] = {}
    anew: set[str] = set()
    for turn in range(150):
        name = f"c{rng.randrange(6)}"
        found = residents.get(name)
        what = rng.choice(["grows", "grows", "grows", "ends", "is told anew"])
        if found is None or what == "is told anew":
            found = Conversation(name, wake_at=turn)
            residents.add(found)
            sizes[name] = 0
            anew.add(name)
        if what == "ends" and sizes[name]:
            residents.remove(name)
            del sizes[name]
        else:
            found.wake_at = turn
            many = rng.choice([1, 40, 200])
            for event in long_events(many, 1000 * turn):
                found.log.add(event)
            sizes[name] += many
            residents.touch(name)
        if rng.random() < 0.5:
            continue
        unwritten = {name for name in sizes if name in ("c1", "c4")}
        before, in_memory = set(store.pieces), len(residents.awake)
        pieces, gone = residents.changes(store, unwritten)
        twice = (before - set(gone)) & {(piece.part, piece.key) for piece in pieces}
        assert {key.partition("\0")[0] for part, key in twice if part == LOG} <= anew
        anew.clear()
        store.save(pieces, gone)
        assert len(residents.awake) == min(awake, in_memory)
        assert set(sizes) == store.keys(CONVERSATION)
        assert ([], []) == residents.changes(store, unwritten)
        again = Residents(awake)
        assert unwritten == again.load(store)
        assert {name: residents.wakes_at(name) for name in sizes} == again.asleep
        parts = 0
        for conversation in again.all():
            parts += len(conversation.log.segments)
            assert sizes[conversation.id] == len(conversation.log.events()) == conversation.log.size
        assert parts == len(store.keys(LOG))
        if rng.random() < 0.3:
            residents = again


def test_who_was_silent_for_longest_rests_first() -> None:
    """Two stay in memory: those touched last."""
    residents, store = Residents(2), Store()
    for name in ("a", "b", "c", "d"):
        residents.add(Conversation(name))
        residents.touch(name)
    residents.touch("a")
    store.save(*residents.changes(store, set()))
    assert ["d", "a"] == list(residents.awake)


# -- ends -----------------------------------------------------------------------------------------


def test_ends_are_known_for_as_long_as_somebody_may_ask() -> None:
    """In memory and in the store; looked at once a day, when it is over."""
    finals, store, memory = Finals(7, 10 * DAY), Store(), 10 * DAY
    for day in range(40):
        now = START + day * DAY + day
        finals.note(f"c{day}", now - HOUR)
        finals.note(f"d{day}", now - 3 * DAY)
        finals.sweep(now)
        store.save(*finals.changes())
        assert ([], []) == finals.changes()
        again = Finals(7, memory)
        again.load(store)
        for known in range(day + 1):
            end = START + known * DAY + known - HOUR
            is_known = end > now - memory
            assert (end if is_known else -NEVER) == finals.of(f"c{known}")
            assert again.of(f"c{known}") == (end if end >= now - memory else -NEVER)
        if day % 3 == 2:
            finals = again
            finals.sweep(now)
    before = START + 100 * DAY
    finals.note("c", before)
    finals.sweep(before)
    finals.note("late", before - 11 * DAY)
    finals.sweep(before + DAY)
    assert before - 11 * DAY == finals.of("late")
    finals.sweep(before + DAY + 1)
    assert -NEVER == finals.of("late")


def test_portions_are_let_go_when_all_in_them_is_older() -> None:
    """In the order in which they came, those below the number; one outlives none after it."""
    journal, store = Journal(3), Store()
    for at in (20, 10, 30, 40):
        store.save([journal.write({"at": at}, at)], [])
    assert [20, 20, 30, 40] == [at for _, at, _ in store.heads(3)]
    assert [] == journal.let_go(20, 9)
    assert [(3, "0")] == journal.let_go(21, 1)
    again = Journal(3)
    store.save([], [(3, "0")])
    assert [1, 2, 3] == [number for number, _ in again.read(store)]
    assert 4 == again.next
    assert [(3, "1"), (3, "2")] == again.let_go(31, 3)
    assert [] == again.let_go(99, 3)
    assert "4" == again.write({}, 50).key
    assert [(3, "3"), (3, "4")] == again.let_go(99, 9)
    assert [] == again.let_go(99, 9)
