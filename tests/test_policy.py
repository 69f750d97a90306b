"""The policy: which rule is in force for whom and when, and what makes a policy unusable."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from replywatch.flows.settings import SettingsError, load_policy
from replywatch.metrics.policy import (
    FIRST,
    NEXT,
    RESOLUTION,
    PolicyBook,
    PolicyError,
    parse_duration,
    read_policy,
)
from replywatch.metrics.times import DAY, NEVER, SECOND, to_instant

EARLY = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 2, 1, tzinfo=UTC)
ANY = ("default", "default", "default")


def a_policy(*rules: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A policy as TOML would be parsed; one rule for all unless given."""
    rule = {"name": "all", "targets": {"first_response": 300}}
    return {"version": "v1", "effective_from": EARLY, "rules": list(rules or [rule]), **fields}


def book(*policies: dict[str, Any], **options: Any) -> PolicyBook:
    """The book of several versions."""
    return PolicyBook([read_policy(policy) for policy in policies], **options)


def hours(*times: str) -> dict[str, Any]:
    """A schedule of Mondays, as TOML gives it."""
    spans = [list(pair) for pair in zip(times[::2], times[1::2], strict=True)]
    return {"timezone": "Europe/Berlin", "mon": spans}


def name_of(found: Any) -> str | None:
    """Name of the rule in force."""
    return str(found.rule.name) or None


@pytest.mark.parametrize(
    ("scope", "priority", "expected"),
    [
        (("acme", "chat", "tier1"), "high", "both"),
        (("acme", "chat", "tier1"), "normal", "chat"),
        (("acme", "email", "tier1"), "high", "urgent"),
        (("other", "email", "tier1"), "critical", "urgent"),
        (("other", "email", "tier1"), "low", None),
    ],
)
def test_the_first_rule_that_matches_in_every_respect_wins(
    scope: tuple[str, str, str], priority: str, expected: str | None
) -> None:
    """All names a match gives must fit; a list fits by any of its values."""
    rules = [
        {"name": "both", "match": {"channel": ["chat"], "priority": ["high"]}, "targets": {}},
        {"name": "chat", "match": {"channel": ["x", "chat"], "brand": ["acme"]}, "targets": {}},
        {"name": "urgent", "match": {"priority": ["high", "critical"]}, "targets": {}},
    ]
    found = book(a_policy(*rules)).rule_for(to_instant(EARLY), scope, priority)
    assert expected == name_of(found)


def test_the_version_in_force_at_the_instant_applies() -> None:
    """From `effective_from` on, to the microsecond; before the first no rule does."""
    second = a_policy(version="v2", effective_from=LATER)
    versions = book(second, a_policy())

    def at(instant: int) -> str | None:
        found = versions.rule_for(instant, ANY, "normal")
        return found.version or None

    start, change = to_instant(EARLY), to_instant(LATER)
    instants = [start - 1, start, change - 1, change, NEVER]
    assert [None, "v1", "v1", "v2", "v2"] == [at(instant) for instant in instants]


def test_targets_are_exact_and_left_out_ones_absent() -> None:
    """Seconds become whole microseconds; a rule need not have every target."""
    rule = {"name": "a", "targets": {"first_response": 0.1, "resolution": 86400}}
    found = book(a_policy(rule)).rule_for(to_instant(EARLY), ANY, "normal")
    assert found is not None
    assert (100_000, None, DAY) == tuple(found.targets[sla] for sla in (FIRST, NEXT, RESOLUTION))


def test_every_target_is_a_bound_of_the_histograms() -> None:
    """Of all rules and versions, each once, ascending."""
    one = {"name": "a", "targets": {"first_response": 7, "next_response": 90}}
    two = {"name": "b", "targets": {"first_response": 90.5}}
    versions = book(a_policy(one), a_policy(two, one, version="v2", effective_from=LATER))
    assert [7, 90, 90.5] == versions.target_bounds()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90 * SECOND), ("5m", 300 * SECOND), ("1.5h", 5400 * SECOND), ("7d", 7 * DAY),
        (2, 2 * SECOND), (0.25, 250_000), ("never", NEVER), (0, 0),
    ],
)  # fmt: skip
def test_durations_are_read(text: float | str, expected: int) -> None:
    """Seconds as a number, or a number with its unit."""
    assert expected == parse_duration(text)


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5 minutes", "-1s", -1, "nan", "nans", "infd", float("nan"), "1e30d",
             NEVER / SECOND]
)  # fmt: skip
def test_what_is_no_duration_is_refused(text: float | str) -> None:
    """The message names the value and says how to write one."""
    with pytest.raises(ValueError, match="is no duration; write seconds"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (a_policy(speed=1), "unknown field `speed`"),
        (a_policy(effective_from=datetime(2026, 1, 1)), "offset"),
        (a_policy(version=3), "version"),
        (a_policy({"name": "a", "targets": {"first": 1}}), "unknown field `first`"),
        (a_policy({"name": "a", "targets": {"first_response": 0}}), "> 0"),
        (a_policy({"name": "a", "targets": {"first_response": -5}}), "> 0"),
        (a_policy({"name": "a", "targets": {}, "objective": {"ratio": 1.5}}), "<= 1"),
        (a_policy({"name": "a", "targets": {}, "objective": {"window": "1h"}}), "'5m'"),
        (a_policy({"name": "a", "targets": {}, "schedule": "x"}), "no schedule is named 'x'"),
        (a_policy({"name": "a", "pause_on": {"first": ["closed"]}}), "unknown field `first`"),
        (a_policy(schedules={"s": {"timezone": "Mars/Base"}}), "no IANA time zone"),
        (a_policy(schedules={"s": hours("09:00", "08:00")}), "runs backwards"),
        (a_policy(schedules={"s": hours("09:00", "12:00", "11:00", "13:00")}), "overlaps"),
        (a_policy(schedules={"s": hours("9", "12:00")}), "regex"),
        (a_policy({"name": "a", "targets": {}}, {"name": "a", "targets": {}}), "two rules"),
        (a_policy({"name": "a", "targets": {}, "match": {"priority": "high"}}), "array"),
        (a_policy({"name": "a", "targets": {}, "match": {"priority": ["urgent"]}}), "urgent"),
        (a_policy(reopen_window="soon"), "'soon' is no duration"),
        (a_policy(expire_after="0s"), "longer than nothing"),
        ([], "object"),
    ],
)
def test_a_policy_that_cant_be_used_is_refused(policy: Any, message: str) -> None:
    """The message says what is wrong, and where."""
    with pytest.raises(PolicyError) as error:
        read_policy(policy)
    assert message in str(error.value)


def test_two_versions_of_one_instant_are_refused() -> None:
    """Which one holds would be a matter of chance."""
    with pytest.raises(PolicyError, match="same instant"):
        book(a_policy(), a_policy(version="v2"))


def test_two_versions_of_one_name_are_refused() -> None:
    """Rows and snapshots name the version."""
    with pytest.raises(PolicyError, match="two policy versions are named 'v1'"):
        book(a_policy(), a_policy(effective_from=LATER))


def test_no_version_is_refused() -> None:
    """A book without a policy answers nothing."""
    with pytest.raises(PolicyError, match="no policy"):
        PolicyBook([])


def test_an_archive_may_override_when_silence_ends_a_conversation() -> None:
    """The policy's own 30 days hold unless told otherwise."""
    assert 30 * DAY == book(a_policy()).expire_after
    assert 5 * SECOND == book(a_policy(), expire_after=5 * SECOND).expire_after


def test_the_latest_version_says_how_long_things_last() -> None:
    """Of the book as a whole; what is remembered is no longer than the shorter of the two."""
    lengths = {"reopen_window": "2d", "active_cap": "5m", "expire_after": "9d"}
    versions = book(a_policy(**lengths, version="v2", effective_from=LATER), a_policy())
    found = (versions.reopen_window, versions.expire_after, versions.memory, versions.active_cap)
    assert (2 * DAY, 9 * DAY, 2 * DAY, 300 * SECOND) == found
    assert DAY == book(a_policy(), expire_after=DAY).memory


def test_clocks_stop_for_the_reasons_of_their_sla() -> None:
    """A bit for each SLA; a close is a reason beside the one of the pause."""
    pause_on = {"first_response": ["lunch"], "resolution": ["closed", "lunch", "parts"]}
    each = {"name": "each", "match": {"queue": ["each"]}, "pause_on": pause_on}
    every = {"name": "all", "pause_on": ["lunch", "closed"], "match": {"queue": ["all"]}}
    lunch = {"name": "lunch", "pause_on": ["lunch"], "match": {"queue": ["lunch"]}}
    rules = book(a_policy(each, every, lunch, {"name": "none"}))

    def stops(queue: str) -> list[int]:
        rule = rules.rule_for(to_instant(EARLY), ("", "", queue), "low")
        asked = [(None, False), ("lunch", False), ("parts", False), ("walk", False),
                 (None, True), ("lunch", True)]  # fmt: skip
        return [rule.stops(reason, is_closed) for reason, is_closed in asked]

    first, resolution, all_three = 1 << FIRST, 1 << RESOLUTION, 0b111
    assert [0, first | resolution, resolution, 0, resolution, first | resolution] == stops("each")
    assert [0, all_three, 0, 0, all_three, all_three] == stops("all")
    assert [0, all_three, 0, 0, 0, all_three] == stops("lunch")
    assert [0] * 6 == stops("other")


def test_a_clock_is_at_risk_by_ratio_or_by_seconds_left() -> None:
    """Both in whole microseconds; without seconds none are left."""
    rules: list[dict[str, Any]] = [
        {"name": "both", "at_risk_ratio": 0.5, "at_risk_seconds": 90.25},
        {"name": "ratio"},
    ]
    both, ratio = (book(a_policy(rule)).rule_for(to_instant(EARLY), ANY, "low") for rule in rules)
    assert (50, 90_250_000) == (both.risk(100), both.warning)
    assert (80, 0) == (ratio.risk(100), ratio.warning)


def test_a_rule_has_the_calendar_of_its_schedule() -> None:
    """One that never opens means the wall clock, as does none."""
    schedules = {"mondays": hours("09:00", "17:00"), "never": hours()}
    rules = [{"name": name, "schedule": name, "match": {"queue": [name]}} for name in schedules]
    versions = book(a_policy(*rules, schedules=schedules))

    def calendar(queue: str) -> Any:
        return versions.rule_for(to_instant(EARLY), ("", "", queue), "low").calendar

    assert "Europe/Berlin" == calendar("mondays").schedule.timezone
    assert (None, None) == (calendar("never"), calendar("other"))


def test_a_rule_is_found_again_by_its_tag_and_ends_with_its_version() -> None:
    """Before the first version it is none's; a tag of no rule is a rule by that name."""
    versions = book(a_policy(), a_policy(version="v2", effective_from=LATER))
    start, change = to_instant(EARLY), to_instant(LATER)
    none, old, new = (versions.rule_for(at, ANY, "low") for at in (start - 1, start, change))
    assert (start, change, NEVER) == (none.until, old.until, new.until)
    assert versions.tagged(old.tag) is old
    assert versions.tagged(new.tag) is new
    gone = versions.tagged("v0\0vip")
    assert ("v0", "vip", (None, None, None)) == (gone.version, gone.rule.name, gone.targets)
    assert gone is versions.tagged("v0\0vip")


def test_surveys_have_the_scales_of_the_version_in_force() -> None:
    """The ordinary ones before the first."""
    versions = book(
        a_policy(surveys={"csat_positive_from": {"5": 2}}),
        a_policy(version="v2", effective_from=LATER, surveys={"csat_positive_from": {"5": 5}}),
    )
    start, change = to_instant(EARLY), to_instant(LATER)
    instants = (start - 1, start, change - 1, change)
    found = [versions.surveys_at(at).csat_positive_from for at in instants]
    assert [{}, {"5": 2}, {"5": 2}, {"5": 5}] == found


VERSION = 'version = "{name}"\neffective_from = {start}T00:00:00Z\nrules = []\n'


def test_a_folder_holds_several_versions(tmp_path: Path) -> None:
    """Each file is one; their names don't matter, their `effective_from` does."""
    (tmp_path / "b.toml").write_text(VERSION.format(name="old", start="2025-01-01"))
    (tmp_path / "a.toml").write_text(VERSION.format(name="new", start="2026-01-01"))
    (tmp_path / "notes.txt").write_text("no policy")
    assert ["old", "new"] == [policy.version for policy in load_policy(tmp_path).policies]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = ", "policy.toml: "),
        ('version = "a"', "missing required field"),
        (VERSION.format(name="a", start="2026-01-01") + "x = 1", "unknown field `x`"),
    ],
)
def test_a_faulty_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    """One line with the path and what is wrong."""
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        load_policy(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_shipped_policy_is_usable(repository: Path) -> None:
    """It is what is used where no policy is named, and matches every scope."""
    shipped = tomllib.loads((repository / "alerts/policy.toml").read_text("utf-8"))
    found = load_policy(None)
    assert [shipped["version"]] == [policy.version for policy in found.policies]
    assert found.rule_for(0 + to_instant(EARLY), ("no", "such", "scope"), "low") is not None
