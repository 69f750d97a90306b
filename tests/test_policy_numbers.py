"""Numbers of a policy: what holds where it says nothing, and the least and the most it may say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from replywatch.metrics.policy import PolicyBook, PolicyError, read_policy
from replywatch.metrics.times import DAY, MINUTE

TEN_YEARS = 10 * 365 * 86_400
LEAST = 1e-6


def told(**fields: Any) -> dict[str, Any]:
    """A policy of one rule, as TOML gives it; a name with a dot is a field of the rule."""
    rule: dict[str, Any] = {"name": "all", "targets": {"next_response": 60}}
    whole: dict[str, Any] = {"version": "v1", "effective_from": datetime(2026, 1, 1, tzinfo=UTC)}
    for name, value in fields.items():
        table, _, field = name.rpartition("__")
        if table == "rule":
            rule[field] = value
        elif table:
            rule.setdefault(table, {})[field] = value
        else:
            whole[name] = value
    return {**whole, "rules": [rule]}


def test_a_policy_that_says_nothing_takes_the_numbers_of_the_dictionary() -> None:
    """A week to reopen and to contact again, 30 days of silence, a quarter of an hour a wait."""
    policy = read_policy(told())
    book = PolicyBook([policy])
    lengths = (book.reopen_window, book.expire_after, book.active_cap)
    assert (7 * DAY, 30 * DAY, 15 * MINUTE) == lengths
    (rule,) = policy.rules
    assert (7, 0.8, 0.9, 5) == (
        policy.fcr_days, rule.at_risk_ratio, rule.objective.ratio, rule.objective.min_outcomes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "least", "most", "below", "above"),
    [
        ("fcr_days", 1, 365, 0, 366),
        ("targets__first_response", LEAST, TEN_YEARS, 0, TEN_YEARS + 1),
        ("rule__at_risk_seconds", LEAST, TEN_YEARS, 0, TEN_YEARS + 1),
        ("rule__at_risk_ratio", LEAST, 1, 0, 1.001),
        ("objective__ratio", LEAST, 1, 0, 1.001),
        ("objective__min_outcomes", 1, 10**6, 0, None),
    ],
)
def test_each_number_has_its_bounds(
    field: str, least: float, most: float, below: float, above: float | None
) -> None:
    """Both ends are in; a target of nothing, or of more than ten years, is a mistake."""
    for value in (least, most):
        read_policy(told(**{field: value}))
    for value in (below,) if above is None else (below, above):
        with pytest.raises(PolicyError, match=field.rpartition("__")[2]):
            read_policy(told(**{field: value}))
