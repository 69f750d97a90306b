"""How many agents a forecast volume needs: at once for immediate work, in time for deferred."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from replywatch.metrics.erlang import servers_needed


@dataclass(frozen=True)
class Flow:
    """Work of one interval: agents that get it done in time, what is left at its end."""

    agents: float
    backlog_end: float


def agents_for_immediate(
    offered: float,
    interval_seconds: float,
    handle_seconds: float,
    concurrency: float,
    target_seconds: float,
    objective: float,
) -> int:
    """Agents that answer the share `objective` within `target_seconds` (Erlang C).

    `handle_seconds` is an agent's own time a contact. Somebody who handles several at once is that
    many servers, and each contact holds its server so much longer: a model, not a measurement,
    which takes the time of an agent to be shared evenly. 0 where nothing is offered.
    """
    if offered <= 0 or handle_seconds <= 0:
        return 0
    span = handle_seconds * concurrency
    load = offered / interval_seconds * span
    return math.ceil(servers_needed(load, span, target_seconds, objective) / concurrency)


def flow_of_immediate(
    offered: Sequence[float],
    open_seconds: Sequence[float],
    interval_seconds: float,
    handle_seconds: float,
    concurrency: float,
    target_seconds: float,
    objective: float,
) -> list[Flow]:
    """Agents by interval that answer at once what comes while open (`agents_for_immediate`).

    `open_seconds` says how much of each interval is open. What comes while closed waits for the
    next interval that is open, and is worked off evenly over its open part, which may be later than
    the target. An interval open in part, with an open one after it, opens within it, and takes what
    came in its closed part; else it closes, and that part waits. Agents are those needed while it
    is open. Nothing waits at the start.
    """
    waiting, found = 0.0, []
    for place, volume in enumerate(offered):
        is_open_for = open_seconds[place]
        coming = volume * is_open_for / interval_seconds
        late = volume - coming
        if not is_open_for:
            waiting += volume
            found.append(Flow(0.0, waiting))
            continue
        is_opening = open_seconds[place + 1 : place + 2] != [0.0]
        kept = waiting + (late if is_opening else 0.0)
        waiting = 0.0 if is_opening else late
        agents = agents_for_immediate(
            coming, is_open_for, handle_seconds, concurrency, target_seconds, objective
        )
        found.append(Flow(math.ceil(agents + kept * handle_seconds / is_open_for), waiting))
    return found


def flow_of_deferred(
    offered: Sequence[float],
    open_seconds: Sequence[float],
    interval_seconds: float,
    handle_seconds: float,
    target_seconds: float,
    backlog: float = 0.0,
) -> list[Flow]:
    """Agents by interval such that each piece of work is spread evenly over the time it may take.

    `open_seconds` says how much of each interval is open: the target counts open time only, and
    work is done in it only. What comes in an interval is spread from its start on over the open
    time that the target allows, in whole intervals; what comes while closed from the next opening
    on, and what is there already (`backlog`, conversations) from the first interval on. Agents are
    a mean over the whole interval, also where only a part of it is open.
    """
    allowed = max(1, int(target_seconds // interval_seconds)) * interval_seconds
    opened = [0.0, *accumulate(open_seconds)]  # before each interval
    waiting, first, found = backlog, 0, []
    coming = [volume + (0.0 if place else backlog) for place, volume in enumerate(offered)]
    for place, volume in enumerate(offered):
        since, until = opened[place], opened[place + 1]
        while opened[first] + allowed <= since:
            first += 1
        done = sum(
            coming[start] * (min(until, opened[start] + allowed) - since) / allowed
            for start in range(first, place + 1)
        )
        waiting = max(waiting + volume - done, 0.0)
        found.append(Flow(done * handle_seconds / interval_seconds, waiting))
    return found
