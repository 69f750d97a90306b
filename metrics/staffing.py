"""How many agents a forecast volume needs: at once for immediate work, in time for deferred."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from replywatch.metrics.erlang import servers_needed


@dataclass(frozen=True)
class Flow:
    """Deferred work of one interval: agents that get it done in time, what is left at its end."""

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


def flow_of_deferred(
    offered: Sequence[float],
    interval_seconds: float,
    handle_seconds: float,
    target_seconds: float,
    backlog: float = 0.0,
) -> list[Flow]:
    """Agents by interval such that each piece of work is spread evenly over the time it may take.

    What comes in an interval is done by equal parts in it and those after it, up to the target;
    what is there already (`backlog`, conversations) likewise from the first interval on. Opening
    hours are not known here: time counts round the clock.
    """
    share = max(1, int(target_seconds // interval_seconds))
    waiting, found = backlog, []
    for index, coming in enumerate(offered):
        done = sum(offered[max(0, index - share + 1) : index + 1]) / share
        if index < share:
            done += backlog / share
        waiting = max(waiting + coming - done, 0.0)
        found.append(Flow(done * handle_seconds / interval_seconds, waiting))
    return found
