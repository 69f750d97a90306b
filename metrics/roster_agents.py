"""What the roster knows of each agent, and how it is kept.

Answers are kept by the minute of the reply, so that a checkpoint costs what changed: an agent who
answers without a pause would else be written whole, a day of answers, each second.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from operator import attrgetter

import msgspec

from replywatch.metrics.book import Answer, Focus
from replywatch.metrics.kept import Kept, Piece
from replywatch.metrics.times import MINUTE, NEVER

_AGENTS, _ANSWERS = 0, 1
"""Parts: an agent without the answers, and the answers of an agent and minute."""


class KeptAnswer(msgspec.Struct, array_like=True, gc=False):
    """An answer, and what was told of it."""

    answer: Answer
    active: int = -1  # microseconds, as told; below 0 before
    method: str = ""
    generation: int = 0  # as told
    revision: int = 0
    is_sampled: bool = False  # the histogram has it, maybe from before a restatement


class State(msgspec.Struct, array_like=True):
    """A state that an agent took at the time of the event whose place in the order is `order`."""

    order: tuple[int, bool, int, int, str, str]
    state: str
    ended_at: int | None = None
    revision: int = 0


class Agent(msgspec.Struct, array_like=True):
    """One agent. Whoever changes an answer says so (`touch`)."""

    name: str
    answers: list[KeptAnswer] = []  # by the time of the reply
    focus: list[Focus] = []  # in order
    states: list[State] = []  # in order
    changed_from: int = NEVER  # what was told from here on may have changed
    changed_to: int = -NEVER
    untold_from: int = NEVER  # earliest reply of which nothing was told yet
    states_forgotten_before: int = -NEVER
    unsaved: set[int] = set()  # minutes of answers that changed

    def touch(self, kept: KeptAnswer) -> None:
        """This answer is new, different or gone."""
        self.unsaved.add(kept.answer.replied_at // MINUTE)

    def look_again(self, start: int, end: int) -> None:
        """What overlaps `[start, end]` may be told otherwise now."""
        self.changed_from = min(self.changed_from, start)
        self.changed_to = max(self.changed_to, end)


state_key = attrgetter("order")
focus_key = attrgetter("at", "order")


def replied(kept: KeptAnswer) -> int:
    """When the reply was sent."""
    return kept.answer.replied_at


def answer_key(answer: Answer) -> tuple[int, str, int]:
    """The place of an answer among an agent's."""
    return (answer.replied_at, answer.conversation, answer.wait_at)


def reply_key(kept: KeptAnswer) -> tuple[int, str, int]:
    """The same of one that is kept."""
    return answer_key(kept.answer)


_ENCODER = msgspec.msgpack.Encoder()
_AGENT = msgspec.msgpack.Decoder(Agent)
_SOME_ANSWERS = msgspec.msgpack.Decoder(list[KeptAnswer])


def changes(agents: Iterable[Agent]) -> tuple[list[Piece], list[tuple[int, str]]]:
    """Pieces of these agents that are new or different, and those that are gone."""
    pieces: list[Piece] = []
    gone: list[tuple[int, str]] = []
    for agent in agents:
        for minute in sorted(agent.unsaved):
            first = bisect_left(agent.answers, minute * MINUTE, key=replied)
            last = bisect_left(agent.answers, (minute + 1) * MINUTE, key=replied)
            key = f"{agent.name}\x00{minute}"
            if first < last:
                pieces.append(Piece(_ANSWERS, key, _ENCODER.encode(agent.answers[first:last])))
            else:
                gone.append((_ANSWERS, key))
        agent.unsaved.clear()
        rest = msgspec.structs.replace(agent, answers=[])
        pieces.append(Piece(_AGENTS, agent.name, _ENCODER.encode(rest)))
    return pieces, gone


def load(kept: Kept) -> dict[str, Agent]:
    """The agents that are kept, by name."""
    agents = {name: _AGENT.decode(data) for name, _, data in kept.contents(_AGENTS)}
    for key, _, data in kept.contents(_ANSWERS):
        agents[key.rpartition("\x00")[0]].answers += _SOME_ANSWERS.decode(data)
    for agent in agents.values():
        agent.answers.sort(key=reply_key)
    return agents
