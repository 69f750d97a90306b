"""A large stream for throughput: N events of about N/10 conversations over 30 days, in time order.

Memory stays the same whatever N is: only conversations under way are held, in a heap.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from random import Random

from replywatch.sample_data.draws import Draws
from replywatch.sample_data.texts import ANSWERS, LAST_ANSWERS, MORE, NOTES, TOPICS, fill

START_DAY = "2026-01-{day:02}"  # 30 days from 2026-01-01, UTC
SPAN = 30 * 86_400_000  # milliseconds
EVENTS_A_CONVERSATION = 10
SCOPES = tuple(
    (brand, channel, queue)
    for brand in ("acme", "globex")
    for channel in ("x", "instagram", "chat")
    for queue in ("care", "tech")
)
# post, assigned, reply by a person, bot's reply, note, closed: ten on average; some open again
PLANS = ("parprc", "pbparnrc", "parprcpac", "pbpaprarpc", "paraprncprac", "pbparnprcpapprc")
_AGENTS = 60
_TEXTS = 1_024
_BATCH = 10_000
# percent of the mean volume by hour of the day, UTC
_MORNING = (30, 20, 15, 15, 20, 40, 60, 90, 120, 140, 150, 150)
_AFTERNOON = (170, 160, 150, 150, 150, 140, 140, 150, 130, 100, 70, 40)
_SHARE_OF_HOUR = _MORNING + _AFTERNOON
_LONGEST_STEP = 300_000  # ms: a short stream is no thinner than this, but shorter than 30 days


def _texts(seed: int) -> list[str]:
    """Texts of 60 to 120 characters, safe inside JSON as they are."""
    draws = Draws(seed)
    parts = [text for texts in TOPICS.values() for text in texts]
    parts += [*ANSWERS, *LAST_ANSWERS, *MORE, *NOTES]
    texts = []
    for _ in range(_TEXTS):
        text = fill(draws.pick(parts), draws)
        while len(text) < 60:
            text += " " + fill(draws.pick(parts), draws)
        texts.append(text[: draws.pick((60, 64, 72, 120))].rstrip().ljust(60, "."))
    return texts


def bench_lines(events: int, seed: int = 1) -> Iterator[str]:
    """Exactly `events` JSON lines without line ends; `at` never goes back.

    Each names its `conversation`; `brand`, `channel` and `queue` stand on the first event of one.
    """
    draw = Random(seed).random
    texts = _texts(seed)
    step = min(SPAN * EVENTS_A_CONVERSATION // max(events, 1), _LONGEST_STEP)  # mean, ms
    active: list[tuple[int, int, int, str, str]] = []  # due, conversation, position, plan, agent
    pop, push = heapq.heappop, heapq.heappush
    opened, next_opening = 0, 0
    second, prefix = -1, ""
    for number in range(events):
        if not active or next_opening <= active[0][0]:
            at, position, conversation = next_opening, 0, opened
            plan, agent = PLANS[int(draw() * len(PLANS))], f"agent{int(draw() * _AGENTS):02}"
            opened += 1
            share = _SHARE_OF_HOUR[at // 3_600_000 % 24]
            next_opening = at + 1 + int(step * 200 * draw() / share)
        else:
            at, conversation, position, plan, agent = pop(active)
        if at // 1_000 != second:
            second = at // 1_000
            minute, rest = divmod(second, 60)
            hour, minute = divmod(minute, 60)
            day, hour = divmod(hour, 24)
            prefix = f"{START_DAY.format(day=1 + day)}T{hour:02}:{minute:02}:{rest:02}"
        milli = at % 1_000
        stamp = f"{prefix}.{milli:03}Z" if milli else f"{prefix}Z"
        letter = plan[position]
        head = f'{{"id":"e{number}","at":"{stamp}","conversation":"c{conversation}","kind":"'
        if letter == "p":
            scope = ""
            if position == 0:
                brand, channel, queue = SCOPES[conversation * 7 % len(SCOPES)]
                scope = f'"brand":"{brand}","channel":"{channel}","queue":"{queue}",'
            text = texts[int(draw() * _TEXTS)]
            yield f'{head}post",{scope}"customer":"u{conversation * 31 % 77_777}","text":"{text}"}}'
        elif letter == "r":
            visibility = '"visibility":"private",' if draw() < 0.2 else ""
            text = texts[int(draw() * _TEXTS)]
            yield f'{head}reply",{visibility}"agent":"{agent}","text":"{text}"}}'
        elif letter == "b":
            yield f'{head}reply","bot":"roby","text":"{texts[int(draw() * _TEXTS)]}"}}'
        elif letter == "a":
            yield f'{head}assigned","agent":"{agent}"}}'
        elif letter == "n":
            yield f'{head}note","agent":"{agent}","text":"{texts[int(draw() * _TEXTS)]}"}}'
        else:
            yield f'{head}closed","agent":"{agent}","resolution":"solved"}}'
        position += 1
        if position < len(plan):
            pause = 4_000 if plan[position] == "b" else 600_000
            push(active, (at + 500 + int(pause * draw()), conversation, position, plan, agent))


def write_bench(path: Path, events: int = 2_000_000, seed: int = 1) -> int:
    """Write `bench_lines` to a file, replacing it; returns the number of lines."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        batch: list[str] = []
        for line in bench_lines(events, seed):
            batch.append(line)
            if len(batch) == _BATCH:
                file.write("\n".join(batch) + "\n")
                batch.clear()
        if batch:
            file.write("\n".join(batch) + "\n")
    return events
