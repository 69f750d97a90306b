"""Policies as tables: versions, rules, schedules and the scales of surveys.

Nothing is computed here: a parsed policy file becomes rows that the SQL joins with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

Policy = Mapping[str, Any]
Policies = Policy | Sequence[Policy]

MICROSECONDS = 1_000_000
SLAS = ("first_response", "next_response", "resolution")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TABLES = """
    create table policy_versions (policy_no int, effective_us bigint);
    create table policy_rules (
        policy_no int, rule_no int, name varchar, version varchar,
        effective_us bigint, superseded_us bigint,
        brands varchar[], channels varchar[], queues varchar[], priorities varchar[],
        first_response_us bigint, next_response_us bigint, resolution_us bigint,
        first_response_pauses varchar[], next_response_pauses varchar[],
        resolution_pauses varchar[],
        schedule varchar, at_risk_ratio double, at_risk_us bigint, ratio double, min_outcomes int
    );
    create table schedule_hours (
        schedule varchar, timezone varchar, weekday int, open_minute int, close_minute int
    );
    create table schedule_holidays (schedule varchar, day date);
    create table survey_scales (
        policy_no int, survey varchar, scale_max double,
        positive_from double, promoter_from double, passive_from double
    );
"""


def load_policies(con: duckdb.DuckDBPyConnection, policies: Policies) -> None:
    """Fill the tables from one policy or several, each in force until the next one's start.

    Rules are numbered in order over all versions; a null list matches every value. A schedule is
    named by its version's number and its name; one without hours is no schedule.
    """
    con.execute(TABLES)
    versions = [policies] if isinstance(policies, Mapping) else list(policies)
    versions.sort(key=_effective_us)
    rule_no = 0
    for policy_no, policy in enumerate(versions):
        following = versions[policy_no + 1 :]
        span = [_effective_us(policy), _effective_us(following[0]) if following else None]
        con.execute("insert into policy_versions values (?, ?)", [policy_no, span[0]])
        open_schedules = _load_schedules(con, policy_no, policy.get("schedules", {}))
        _load_scales(con, policy_no, policy.get("surveys", {}))
        for rule in policy.get("rules", []):
            row = [policy_no, rule_no, rule.get("name"), policy.get("version"), *span]
            row += _rule_columns(rule)
            schedule = f"{policy_no}/{rule.get('schedule')}"
            objective = rule.get("objective", {})
            row += [
                schedule if schedule in open_schedules else None,
                rule.get("at_risk_ratio", 0.8),
                _us(rule.get("at_risk_seconds")),
                objective.get("ratio"),
                objective.get("min_outcomes", 5),
            ]
            con.execute(f"insert into policy_rules values ({', '.join('?' * len(row))})", row)
            rule_no += 1


def _us(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * MICROSECONDS)


def _effective_us(policy: Policy) -> int:
    effective = policy.get("effective_from")
    if not isinstance(effective, datetime):
        return -(2**62)
    return round(effective.timestamp() * MICROSECONDS)


def _rule_columns(rule: Policy) -> list[Any]:
    match, targets, pauses = (rule.get(name, {}) for name in ("match", "targets", "pause_on"))
    return [
        *(match.get(field) for field in ("brand", "channel", "queue", "priority")),
        *(_us(targets.get(sla)) for sla in SLAS),
        # a list is meant for every SLA
        *((pauses.get(sla, []) if isinstance(pauses, Mapping) else pauses) for sla in SLAS),
    ]


def _load_schedules(
    con: duckdb.DuckDBPyConnection, policy_no: int, schedules: Mapping[str, Any]
) -> set[str]:
    """Put hours and holidays in their tables; the names of the schedules that ever open."""
    found = set()
    for name, schedule in schedules.items():
        key = f"{policy_no}/{name}"
        for weekday, day in enumerate(WEEKDAYS, start=1):
            for opens, closes in schedule.get(day, []):
                found.add(key)
                con.execute(
                    "insert into schedule_hours values (?, ?, ?, ?, ?)",
                    [key, schedule["timezone"], weekday, _minute(opens), _minute(closes)],
                )
        for day in schedule.get("holidays", []):
            con.execute("insert into schedule_holidays values (?, ?)", [key, str(day)])
    return found


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _load_scales(
    con: duckdb.DuckDBPyConnection, policy_no: int, surveys: Mapping[str, Any]
) -> None:
    rows = [
        [policy_no, "csat", float(scale), float(score), None, None]
        for scale, score in surveys.get("csat_positive_from", {}).items()
    ]
    rows += [
        [policy_no, "nps", float(scale), None, groups["promoter_from"], groups["passive_from"]]
        for scale, groups in surveys.get("nps", {}).items()
    ]
    for row in rows:
        con.execute("insert into survey_scales values (?, ?, ?, ?, ?, ?)", row)
