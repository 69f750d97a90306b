"""A small discrete-event simulation of a service desk: a clock, queues, and agents who work them.

Response times are not drawn: they follow from who is there, how long the work takes and how much
of it waits. Instants are milliseconds since the start of the first sample day.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from functools import partial

from replywatch.sample_data.draws import Draws
from replywatch.sample_data.journal import Case, Journal
from replywatch.sample_data.roster import BILLING, SECOND, SOCIAL, WORKERS, Worker
from replywatch.sample_data.texts import ANSWERS, LAST_ANSWERS, NOTES, STATEMENTS, fill

Action = Callable[[int], None]
Hook = Callable[[Case, int], None]

_SERVICE = {"chat": (20, 65), "instagram": (40, 120), "x": (40, 120)}  # seconds an answer takes
_VIRAL_SERVICE = (15, 50)


class Agenda:
    """What happens when: actions run in order of time, ties in the order they were entered."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Action]] = []
        self._entered = 0

    def at(self, instant: int, action: Action) -> None:
        """Have `action(instant)` run when the clock gets there."""
        self._entered += 1
        heapq.heappush(self._heap, (instant, self._entered, action))

    def run(self, until: int) -> None:
        """Run all actions before `until`."""
        while self._heap and self._heap[0][0] < until:
            instant, _, action = heapq.heappop(self._heap)
            action(instant)


class Desk:
    """Agents, and the conversations that wait for them.

    A free agent takes the longest waiting of the own conversations, then of those nobody has; of
    viral posts and the others in turn. `after_reply` and `after_close` tell the customers.
    """

    def __init__(self, agenda: Agenda, journal: Journal, draws: Draws) -> None:
        self.after_reply: Hook = lambda case, at: None
        self.after_close: Hook = lambda case, at: None
        self._agenda, self._journal, self._draws = agenda, journal, draws
        self._state = {worker.name: "offline" for worker in WORKERS}
        self._free = list(WORKERS)  # longest free first
        self._waiting: list[Case] = []
        self._viral: deque[Case] = deque()

    def set_state(self, name: str, state: str, at: int) -> None:
        """Change an agent's state; who goes offline gives back what waits."""
        self._state[name] = state
        self._journal.emit_state(name, state, at)
        if state == "offline":
            for case in self._waiting:
                if case.agent == name and not case.in_work:
                    self._release(case, at, "shift_end")
        self._dispatch(at)

    def ask(self, case: Case, at: int) -> None:
        """Queue a conversation whose customer waits."""
        if case.in_work or case in self._waiting:
            return
        if case.agent is not None and self._state[case.agent] == "offline":
            self._release(case, at, "off_shift")
        (self._viral if case.is_viral and case.agent is None else self._waiting).append(case)
        self._dispatch(at)

    def leave(self, case: Case, at: int, resolution: str) -> None:
        """Close a conversation without an agent and take it out of the queue."""
        if case in self._waiting:
            self._waiting.remove(case)
        self.close(case, at, resolution)

    def close(self, case: Case, at: int, resolution: str, **by: str) -> None:
        """Close a conversation; ends its wait, answered or not."""
        at = self._journal.emit("closed", case, at, resolution=resolution, **by)
        case.is_open, case.waiting_since = False, None
        self.after_close(case, at)

    def sweep_viral(self, agent: str, share: float, at: int) -> None:
        """Close that share of the waiting viral posts as noise, unanswered, about one a second."""
        kept: deque[Case] = deque()
        for case in self._viral:
            if not self._draws.chance(share):
                kept.append(case)
                continue
            at += self._draws.between(700, 1_300)
            if self._draws.chance(0.3):
                self._journal.emit("tagged", case, at, tags=["viral"], actionable=False)
            self.close(case, at + 200, "noise", agent=agent)
        self._viral = kept

    def _release(self, case: Case, at: int, reason: str) -> None:
        self._journal.emit("unassigned", case, at, agent=case.agent, reason=reason)
        case.agent = None

    def _dispatch(self, at: int) -> None:
        for worker in list(self._free):
            if self._state[worker.name] != "available":
                continue
            case = self._next(worker)
            if case is not None:
                self._free.remove(worker)
                self._start(worker, case, at)

    def _next(self, worker: Worker) -> Case | None:
        own = (case for case in self._waiting if case.agent == worker.name)
        nobodys = (
            case for case in self._waiting if case.agent is None and case.queue in worker.queues
        )
        case = next(own, None) or next(nobodys, None)
        can_viral = len(self._viral) > 0 and SOCIAL in worker.queues
        if can_viral and (case is None or self._draws.chance(0.5)):
            return self._viral.popleft()
        if case is not None:
            self._waiting.remove(case)
        return case

    def _start(self, worker: Worker, case: Case, at: int) -> None:
        case.in_work = True
        at += self._draws.between(1, 8) * SECOND
        if case.agent != worker.name:
            at = self._journal.emit("assigned", case, at, agent=worker.name)
            case.agent = worker.name
        if worker.tracks_focus:
            self._journal.emit("focused", case, at, agent=worker.name)
        low, high = _VIRAL_SERVICE if case.is_viral else _SERVICE[case.channel]
        work = self._draws.bell(low * SECOND, high * SECOND)
        self._agenda.at(at + work, partial(self._finish, worker, case))

    def _finish(self, worker: Worker, case: Case, at: int) -> None:
        case.in_work = False
        wrap = self._draws.between(3, 25) * SECOND
        by = {"agent": worker.name}
        if case.is_thanks and self._draws.chance(0.7):
            case.is_thanks = False
            self.close(case, at, "solved", **by)
        elif self._is_misrouted(case):
            self._transfer(case, at, worker.name)
        else:
            self._reply(worker, case, at)
            if case.turns == 0 and self._draws.chance(0.82):
                if self._draws.chance(0.3) and not case.is_viral:
                    self._journal.emit(
                        "tagged", case, at + wrap - 900, topic=case.topic, tags=[case.topic]
                    )
                self.close(case, at + wrap, "solved", **by)
            else:
                self.after_reply(case, at)
        if worker.tracks_focus:
            self._journal.emit("unfocused", case, at + 400, agent=worker.name)
        self._agenda.at(at + wrap, partial(self._get_free, worker))

    def _reply(self, worker: Worker, case: Case, at: int) -> None:
        if self._draws.chance(0.05) and not case.is_viral:
            note = fill(self._draws.pick(NOTES), self._draws)
            self._journal.emit("note", case, at - 5 * SECOND, agent=worker.name, text=note)
        texts = STATEMENTS if case.is_viral else ANSWERS if case.turns else LAST_ANSWERS
        text = fill(self._draws.pick(texts), self._draws)
        self._journal.emit("reply", case, at, agent=worker.name, text=text)
        case.replies += 1
        case.waiting_since, case.is_thanks = None, False
        case.mood += self._draws.between(5, 45)
        if case.channel != "chat" and case.replies == 1 and case.style == "tool":
            case.is_private = self._draws.chance(0.2)

    def _is_misrouted(self, case: Case) -> bool:
        is_billing = case.topic == "billing" and case.queue != BILLING and case.style == "tool"
        return is_billing and case.replies == 0 and self._draws.chance(0.4)

    def _transfer(self, case: Case, at: int, agent: str) -> None:
        """Move a conversation to billing; the customer goes on waiting."""
        self._journal.emit("note", case, at - 2 * SECOND, agent=agent, text=NOTES[-1])
        at = self._journal.emit("transferred", case, at, queue=BILLING)
        case.queue = BILLING
        self._release(case, at + 1, "transferred")
        self._agenda.at(at + 2, partial(self.ask, case))

    def _get_free(self, worker: Worker, at: int) -> None:
        self._free.append(worker)
        self._dispatch(at)
