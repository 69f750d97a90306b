"""The known answers of an event stream, counted the plain way: what a pipeline must find too.

Counted over lists in memory, with no rule of `replywatch.metrics`. An event that came twice counts
once. A wait here runs from a conversation's first post to the first reply by a person.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from statistics import median

from replywatch.sample_data.journal import Event
from replywatch.sample_data.queries import QUERIES

WINDOW = timedelta(minutes=5)
USUAL_FROM = datetime(2026, 3, 3, 8, tzinfo=UTC)
USUAL_TO = datetime(2026, 3, 3, 20, tzinfo=UTC)
SPIKE_FROM = datetime(2026, 3, 4, 14, tzinfo=UTC)
SPIKE_TO = datetime(2026, 3, 4, 14, 25, tzinfo=UTC)
SPIKE_CHANNEL = "x"
_HOURS = {
    "median first response, opened day 1 10:00 to 11:00": datetime(2026, 3, 3, 10, tzinfo=UTC),
    "the same at lunch, day 1 12:00 to 13:00": datetime(2026, 3, 3, 12, tzinfo=UTC),
    "the same in the spike, day 2 14:00 to 15:00": datetime(2026, 3, 4, 14, tzinfo=UTC),
}


def happened(event: Event) -> datetime:
    """When an event happened (`at`), aware."""
    return datetime.fromisoformat(event["at"])


def arrival(event: Event) -> datetime:
    """When an event arrived: `arrived_at`, or `at` where that is left out."""
    return datetime.fromisoformat(str(event.get("arrived_at", event["at"])))


def unique(events: Iterable[Event]) -> list[Event]:
    """The events without their second deliveries, by time; `seq` orders those of one instant."""
    first = {event["id"]: event for event in reversed(list(events))}
    return sorted(first.values(), key=lambda event: (happened(event), event.get("seq", 1)))


def threads(events: Iterable[Event]) -> dict[str, str]:
    """Event id to conversation: its own, its parent's, or its id where it has neither.

    `agent_state` belongs to none and is left out. A parent may come after its child.
    """
    by_id = {event["id"]: event for event in events if event["kind"] != "agent_state"}
    found: dict[str, str] = {}
    for start, event in by_id.items():
        while "conversation" not in event and (parent := by_id.get(event.get("in_reply_to"))):
            event = parent
        found[start] = str(event.get("conversation", event["id"]))
    return found


def first_responses(events: Iterable[Event]) -> dict[str, tuple[datetime, float | None]]:
    """Conversation to its first post and the seconds to the first reply by a person, if any."""
    ordered = unique(events)
    conversation_of = threads(ordered)
    opened: dict[str, datetime] = {}
    seconds: dict[str, float] = {}
    for event in ordered:
        if event["kind"] == "post":
            opened.setdefault(conversation_of[event["id"]], happened(event))
        elif event["kind"] == "reply" and "agent" in event:
            conversation = conversation_of[event["id"]]
            waited = happened(event) - opened[conversation]
            seconds.setdefault(conversation, waited.total_seconds())
    return {name: (at, seconds.get(name)) for name, at in opened.items()}


def window_posts(events: Iterable[Event], channel: str) -> Counter[datetime]:
    """Posts of a channel by the start of their 5-minute window; empty windows are missing."""
    counts: Counter[datetime] = Counter()
    for event in unique(events):
        if event["kind"] == "post" and event["channel"] == channel:
            at = happened(event)
            counts[USUAL_FROM + (at - USUAL_FROM) // WINDOW * WINDOW] += 1
    return counts


def counts(events: list[Event]) -> dict[str, str]:
    """How much of what is in a stream, by the name the README gives it."""
    ordered = unique(events)
    kinds = Counter(event["kind"] for event in ordered)
    conversation_of = threads(ordered)
    replies: Counter[str] = Counter()
    replied: defaultdict[str, set[str]] = defaultdict(set)
    for event in ordered:
        if event["kind"] == "reply":
            author = "agent" if "agent" in event else "bot"
            replies[author] += 1
            replied[author].add(conversation_of[event["id"]])
    everyone = set(conversation_of.values())
    unnamed = [event for event in ordered if "conversation" not in event]
    numbers = {
        "lines": len(events),
        "events (distinct `id`)": len(ordered),
        "conversations": len(everyone),
        "events without `conversation`": len(unnamed) - kinds["agent_state"],
        "posts": kinds["post"],
        "replies by agents": replies["agent"],
        "replies by the bot": replies["bot"],
        "closes": kinds["closed"],
        "transfers": kinds["transferred"],
        "conversations never replied to": len(everyone - replied["agent"] - replied["bot"]),
        "conversations without a person's reply": len(everyone - replied["agent"]),
    }
    return {name: str(number) for name, number in numbers.items()}


def known_answers(events: list[Event]) -> dict[str, str]:
    """Every known answer of the whole sample by its name, as the README prints it."""
    windows = window_posts(events, SPIKE_CHANNEL)
    usual = sum(n for at, n in windows.items() if USUAL_FROM <= at < USUAL_TO)
    usual_mean = usual / ((USUAL_TO - USUAL_FROM) // WINDOW)
    spike = [n for at, n in sorted(windows.items()) if SPIKE_FROM <= at < SPIKE_TO]
    answers = counts(events) | {
        "posts on x, day 2 14:00 to 14:25 (the spike)": f"{sum(spike)}",
        "fewest posts on x in one of those five windows": f"{min(spike)}",
        "posts on x, day 1 08:00 to 20:00": f"{usual}",
        "usual posts on x in 5 minutes (the mean of those 144)": f"{usual_mean:.3f}",
        "fewest spike posts ÷ usual": f"{min(spike) / usual_mean:.1f}",
    }
    opened = first_responses(events)
    for name, start in _HOURS.items():
        hour = [s for at, s in opened.values() if start <= at < start + timedelta(hours=1)]
        answers[name] = f"{median(s for s in hour if s is not None):.1f} s"
    return answers


def facts_table(answers: dict[str, str]) -> str:
    """Answers as a Markdown table, each with its query."""
    rows = [f"| {name} | {answer} | `{QUERIES[name]}` |" for name, answer in answers.items()]
    return "\n".join(["| what | answer | query |", "|---|---:|---|", *rows]) + "\n"
