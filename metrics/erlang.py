"""Erlang C: how many servers answer a stream of contacts in time.

Contacts arrive at random, nobody gives up, and a contact takes one server for its whole handle
time. The blocking probability is computed by its recursion from one server up, which neither
overflows nor loses digits at loads of thousands. Sources: A. K. Erlang, "Solution of some problems
in the theory of probabilities of significance in automatic telephone exchanges" (1917); recursion
as in L. Kleinrock, "Queueing Systems", vol. 1 (1975).
"""

from __future__ import annotations

import math

MOST_SERVERS = 1_000_000
"""Beyond this a search for servers is given up."""


def erlang_b(servers: int, load: float) -> float:
    """The share of contacts that find all servers busy, if those go away; 1 without servers.

    `load` in erlangs: arrivals a second times seconds a contact. Raises `ValueError` for negative
    numbers.
    """
    if servers < 0 or load < 0:
        raise ValueError(f"{servers} servers and {load} erlangs: neither may be negative")
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """The share of contacts that have to wait, if all do; 1 where the load is too much.

    >>> round(erlang_c(55, 48.0), 3)
    0.239
    """
    return _waiting(servers, load, erlang_b(servers, load))


def service_level(servers: int, load: float, handle_seconds: float, target_seconds: float) -> float:
    """The share of contacts answered within `target_seconds`; 0 where the load is too much.

    `handle_seconds` is the mean time that a contact takes a server, and must be positive.
    """
    return _within(servers, load, handle_seconds, target_seconds, erlang_b(servers, load))


def mean_wait_seconds(servers: int, load: float, handle_seconds: float) -> float:
    """The mean wait of all contacts, waiting or not; infinite where the load is too much."""
    if load >= servers:
        return math.inf if load > 0 else 0.0
    return erlang_c(servers, load) * handle_seconds / (servers - load)


def servers_needed(
    load: float, handle_seconds: float, target_seconds: float, objective: float
) -> int:
    """The fewest servers that answer the share `objective` within `target_seconds`; 0 for no load.

    Raises `ValueError` for an objective outside 0–1, no handle time, or a load beyond
    `MOST_SERVERS`. An objective of 1 can't be had for sure; it is taken as 0.9999.
    """
    if not 0 <= objective <= 1 or handle_seconds <= 0 or not 0 <= load < MOST_SERVERS:
        raise ValueError(
            f"objective {objective}, {handle_seconds} s a contact, {load} erlangs: give a share, "
            f"a positive time and less than {MOST_SERVERS:,} erlangs"
        )
    if load == 0:
        return 0
    wanted = min(objective, 0.9999)
    blocked, servers = 1.0, 0
    while True:
        servers += 1
        blocked = load * blocked / (servers + load * blocked)
        if servers <= load:
            continue
        if _within(servers, load, handle_seconds, target_seconds, blocked) >= wanted:
            return servers


def _waiting(servers: int, load: float, blocked: float) -> float:
    if load >= servers:
        return 1.0 if load > 0 else 0.0
    return blocked / (1 - load / servers * (1 - blocked))


def _within(
    servers: int, load: float, handle_seconds: float, target_seconds: float, blocked: float
) -> float:
    spare = servers - load
    if spare <= 0:
        return 0.0 if load > 0 else 1.0
    waiting = _waiting(servers, load, blocked)
    return 1 - waiting * math.exp(-spare * target_seconds / handle_seconds)
