"""Timelines restated from other projects' test suites, as events and policies of this one.

They lie beside the public datasets. Each is a list of events and the values expected of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

Case = dict[str, Any]

NAMES = (
    "business_week_is_40_hours",
    "human_first_response_counts_from_bot_handoff",
    "each_reopen_starts_a_new_reply_cycle",
    "agent_follow_up_without_waiting_customer_has_no_reply_time",
    "reopen_gap_in_business_hours",
    "bot_outcomes_are_exclusive",
    "reopened_after_bot_only_close",
    "business_deadline_table",
    "two_messages_in_one_wait_are_one_next_response_breach",
    "close_stops_the_next_response_clock",
    "margin_in_time_and_late",
    "worst_exchange_is_kept",
    "deadline_landing_exactly_on_closing_time",
    "pending_time_is_not_worked_time",
)
"""Those that are timelines; one more gives counts only."""

_OWN_TARGET = "_first_response_target_seconds"


def peer_case(data: Path, name: str) -> Case:
    """The case of that name in the folder of datasets."""
    cases = json.loads((data / "cases/peers.json").read_text(encoding="utf-8"))
    return next(case for case in cases if case["name"] == name)


def peer_events(case: Case) -> list[dict[str, Any]]:
    """Its events; one with a target of its own stands in a queue of that target."""
    return [
        {**event, "queue": f"{event[_OWN_TARGET]} s"} if _OWN_TARGET in event else event
        for event in case["events"]
    ]


def peer_policy(case: Case) -> str:
    """Its schedule, targets and pauses as a policy, in TOML."""
    lines = ['version = "peer"', "effective_from = 2000-01-01T00:00:00Z"]
    rule = ["[[rules]]"]
    if "schedule" in case:
        lines += ["[schedules.hours]", f'timezone = "{case["schedule"]["timezone"]}"']
        lines += [
            f"{day} = {json.dumps(spans)}" for day, spans in case["schedule"]["hours"].items()
        ]
        rule.append('schedule = "hours"')
    policy = case.get("policy", {})
    rule.append(f"pause_on = {json.dumps(policy.get('pause_on', []))}")
    targets = {
        name.removesuffix("_seconds"): value
        for name, value in policy.items()
        if isinstance(value, int)
    }
    own = sorted({event[_OWN_TARGET] for event in case["events"] if _OWN_TARGET in event})
    for seconds in own:
        lines += [*rule, f'match = {{ queue = ["{seconds} s"] }}', f'name = "{seconds} s"']
        lines.append(f"targets = {{ first_response = {seconds} }}")
    pairs = ", ".join(f"{name} = {seconds}" for name, seconds in targets.items())
    return "\n".join([*lines, *rule, 'name = "all"', f"targets = {{ {pairs} }}", ""])


def questions(case: Case) -> Iterator[tuple[str, Any]]:
    """SQL over the history that gives one value, and the value expected of it."""
    for conversation, expected in case["expected"].items():
        of_it = f"where conversation_id = '{conversation}'"
        for name, value in expected.items():
            if name in ("next_response_seconds", "wait_seconds"):
                kinds = "" if name == "wait_seconds" else "and kind = 'next'"
                yield (
                    "select coalesce(list(response_seconds order by replied_at), [])"
                    f" from responses {of_it} {kinds}",
                    value,
                )
            elif name == "missed":
                for sla, count in value.items():
                    yield (
                        f"select count(*) from sla {of_it}"
                        f" and sla = '{sla}' and outcome = 'missed'",
                        count,
                    )
            elif name == "missed_at":
                for sla, found in value.items():
                    instants = found if isinstance(found, list) else [found]
                    yield (
                        "select list(epoch_us(ended_at) order by ended_at)"
                        f" from sla {of_it} and sla = '{sla}' and outcome = 'missed'",
                        [_microseconds(instant) for instant in instants],
                    )
            elif name.endswith("_at"):
                yield f"select epoch_us({name}) from conversations {of_it}", _microseconds(value)
            else:
                yield f"select {name} from conversations {of_it}", value


def _microseconds(instant: str) -> int:
    return round(datetime.fromisoformat(instant).timestamp() * 1_000_000)
