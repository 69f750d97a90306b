"""The roster: agents' active time and states, from what the shards say of them.

An answered wait is told when no later reply can share its time any more: `active_cap` after it, at
the next step of a fifteenth of the cap. What comes late changes what was told, as a higher
revision, while it is kept.

Definitions with worked examples: docs/dictionary.md, "Agents".
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from operator import attrgetter

import msgspec

from replywatch.metrics.attention import LOOK_BACK, Attention, focus_in_force
from replywatch.metrics.book import Answer, Focus
from replywatch.metrics.events import Event, by_order
from replywatch.metrics.kept import Changes, Kept
from replywatch.metrics.policy import Scope
from replywatch.metrics.roster_agents import (
    Agent,
    KeptAnswer,
    State,
    answer_key,
    changes,
    focus_key,
    load,
    replied,
    reply_key,
    state_key,
)
from replywatch.metrics.rows import RejectedRow, Row
from replywatch.metrics.times import NEVER, SECOND
from replywatch.metrics.watermark import Marks
from replywatch.metrics.wire import as_one_block

STEPS = 15
"""In how many steps the clock goes through `active_cap`: what each of them passed is told."""

STATES = ("available", "busy", "away", "offline")


class AgentNews(msgspec.Struct, array_like=True, gc=False):
    """What one shard says of agents in one go, with its watermark."""

    __reduce__ = as_one_block

    shard: int
    as_of: int
    is_end: bool
    answers: list[Answer] = []
    answers_taken_back: list[Answer] = []
    focus: list[Focus] = []
    focus_taken_back: list[Focus] = []
    states: list[Event] = []


class _Core(msgspec.Struct, array_like=True):
    marks: Marks
    watermark: int


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Core)


class Roster:
    """All agents. `keep` (microseconds) is how long what was told can still be changed."""

    def __init__(self, shards: int, cap: int, keep: int) -> None:
        self.cap, self.keep = cap, keep
        self.marks = Marks.of(str(shard) for shard in range(shards))
        self.watermark = -NEVER
        self.agents: dict[str, Agent] = {}
        self.refused: list[RejectedRow] = []
        self.samples: list[tuple[Scope, float]] = []
        self._told_states: list[Row] = []
        self._busy: set[str] = set()
        self._unsaved: set[str] = set()

    def _agent(self, name: str) -> Agent:
        known = self.agents.get(name)
        if known is None:
            known = self.agents[name] = Agent(name)
        self._busy.add(name)
        self._unsaved.add(name)
        return known

    def receive(self, news: AgentNews) -> None:
        """Take in what a shard says; active time waits for `advance`."""
        self.marks.hear(str(news.shard), news.as_of, news.is_end)
        sampled = [answer for answer in news.answers_taken_back if self._take_back(answer)]
        # The wait that it answers may begin elsewhere by now.
        again = {(answer.agent, answer.conversation, answer.replied_at) for answer in sampled}
        for answer in news.answers:
            reply = (answer.agent, answer.conversation, answer.replied_at)
            self._answer(answer, reply in again)
        for focus in news.focus_taken_back:
            agent = self._agent(focus.agent)
            place = bisect_left(agent.focus, focus_key(focus), key=focus_key)
            if place < len(agent.focus) and agent.focus[place] == focus:
                del agent.focus[place]
                agent.look_again(focus.at, NEVER)
        for focus in news.focus:
            agent = self._agent(focus.agent)
            insort(agent.focus, focus, key=focus_key)
            agent.look_again(focus.at, NEVER)
        for event in news.states:
            self._state(event)

    def _answer(self, answer: Answer, is_sampled: bool) -> None:
        agent = self._agent(answer.agent)
        answer.agent = agent.name  # one text for all of them
        kept = KeptAnswer(answer, is_sampled=is_sampled)
        insort(agent.answers, kept, key=reply_key)
        agent.touch(kept)
        agent.untold_from = min(agent.untold_from, answer.replied_at)
        if answer.replied_at < self.watermark:
            agent.look_again(answer.since, answer.replied_at)

    def _take_back(self, answer: Answer) -> bool:
        """Whether the histogram had it."""
        agent = self._agent(answer.agent)
        key = answer_key(answer)
        place = bisect_left(agent.answers, key, key=reply_key)
        if place == len(agent.answers) or reply_key(agent.answers[place]) != key:
            return False
        kept = agent.answers.pop(place)
        agent.touch(kept)
        agent.look_again(answer.since, answer.replied_at)
        return kept.is_sampled

    def _state(self, event: Event) -> None:
        """An agent's state lasts until that agent's next event."""
        agent = self._agent(event.agent or "")
        order = by_order(event)
        if event.time < agent.states_forgotten_before:
            detail = f"state of agent {event.agent!r} came too late to be told"
            source = event.source or "default"
            self.refused.append((source, event.id, "forgotten", detail, self.watermark, b""))
            return
        states = agent.states
        place = bisect_left(states, order, key=state_key)
        if any(known.order[4:] == order[4:] for known in states):
            return  # a duplicate counts once
        after = states[place].order[0] if place < len(states) else None
        states.insert(place, State(order, event.state or "", after))
        if place:
            states[place - 1].ended_at = order[0]
            self._tell_state(agent, states[place - 1])
        self._tell_state(agent, states[place])

    def _tell_state(self, agent: Agent, state: State) -> None:
        started, ended = state.order[0], state.ended_at
        state.revision += 1
        self._told_states.append(
            (
                agent.name,
                state.state,
                started,
                ended,
                None if ended is None else (ended - started) / SECOND,
                state.order[5] or "default",
                state.order[4],
                state.revision,
            )
        )

    def advance(self) -> tuple[list[Row], list[Row]]:
        """Rows of `handling` and of `agent_states` that are known now, or changed."""
        self.watermark = now = max(self.watermark, self.marks.watermark())
        # Not at every step: all that may share its time is looked through each time.
        step = max(self.cap // STEPS, 1)
        limit = NEVER if self.marks.is_end else (now - self.cap) // step * step
        handling: list[Row] = []
        busy = set()
        for name in sorted(self._busy):
            agent = self.agents[name]
            if agent.untold_from <= limit or agent.changed_from < NEVER:
                handling += self._tell(agent, limit)
                self._unsaved.add(name)
            if self._forget(agent, now - self.keep):
                self._unsaved.add(name)
            if agent.untold_from < NEVER:
                busy.add(name)
        self._busy = busy
        states, self._told_states = self._told_states, []
        return handling, states

    def _tell(self, agent: Agent, limit: int) -> Iterable[Row]:
        """What is new or different of the answers up to `limit`."""
        kept = agent.answers
        start = min(agent.changed_from, agent.untold_from)
        first = bisect_left(kept, start, key=replied)
        last = bisect_right(kept, limit, key=replied)
        changed_to = agent.changed_to
        agent.changed_from, agent.changed_to = NEVER, -NEVER
        if first >= last:
            agent.untold_from = kept[first].answer.replied_at if first < len(kept) else NEVER
            return
        # Of the others, those matter whose time can overlap that of these.
        back = LOOK_BACK if agent.focus else self.cap
        low = bisect_left(kept, replied(kept[first]) - back, key=replied)
        high = bisect_right(kept, replied(kept[last - 1]) + self.cap, key=replied)
        attention = Attention([one.answer for one in kept[low:high]], agent.focus, self.cap)
        for index in range(first, last):
            one = kept[index]
            answer = one.answer
            if one.active >= 0 and answer.since > changed_to:
                continue
            share = attention.share(index - low)
            if (one.active, one.method) == share and one.generation == answer.generation:
                continue
            if not one.is_sampled:
                self.samples.append((answer.scope, share[0] / SECOND))
            one.is_sampled = True
            (one.active, one.method), one.generation = share, answer.generation
            one.revision += 1
            agent.touch(one)
            yield (
                answer.conversation,
                answer.opened_at,
                answer.wait_at,
                answer.replied_at,
                answer.agent,
                *answer.scope,
                share[0] / SECOND,
                share[1],
                one.revision,
                answer.generation,
            )
        agent.untold_from = kept[last].answer.replied_at if last < len(kept) else NEVER

    def _forget(self, agent: Agent, limit: int) -> bool:
        """Let go of what is too old to be changed; whether there was any."""
        before = len(agent.answers), len(agent.focus), len(agent.states)
        if agent.answers and replied(agent.answers[0]) < limit - self.cap:
            place = bisect_left(agent.answers, limit, key=replied)
            for one in agent.answers[:place]:
                agent.touch(one)
            del agent.answers[:place]
        oldest = limit - self.cap - LOOK_BACK
        if agent.focus and agent.focus[0].at < oldest:
            place = bisect_left(agent.focus, oldest, key=attrgetter("at"))
            agent.focus = [*focus_in_force(agent.focus[:place]), *agent.focus[place:]]
        states = agent.states
        if len(states) > 1 and states[1].order[0] < limit:
            place = bisect_left(states, (limit,), key=lambda one: one.order[:1])
            agent.states_forgotten_before = states[place - 1].order[0]
            agent.states = states[place - 1 :]
        return before != (len(agent.answers), len(agent.focus), len(agent.states))

    def counts(self) -> dict[str, int]:
        """How many agents are in each state now."""
        counts = dict.fromkeys(STATES, 0)
        for agent in self.agents.values():
            if agent.states:
                counts[agent.states[-1].state] += 1
        return counts

    def changes(self, kept: Kept) -> Changes:
        """What is to be kept since the last time."""
        pieces, gone = changes(self.agents[name] for name in sorted(self._unsaved))
        self._unsaved.clear()
        return Changes(_ENCODER.encode(_Core(self.marks, self.watermark)), pieces, gone)

    def load(self, core: bytes, kept: Kept) -> None:
        """Continue from `changes`."""
        state = _DECODER.decode(core)
        self.marks, self.watermark = state.marks, state.watermark
        self.agents = load(kept)
        self._busy = {name for name, agent in self.agents.items() if agent.untold_from < NEVER}
