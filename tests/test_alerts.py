"""The rules that a policy makes: complete, explained, and able to fire."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alert_policies import NAMES, SHIPPED, alerts_of, changed, groups, settings_of, shipped
from alert_policies import with_objective as at

from replywatch.alerts.build import differences, files_of
from replywatch.alerts.faults import faults_of
from replywatch.alerts.model import Alert, Record
from replywatch.alerts.rules_of import links_of
from replywatch.alerts.settings import AlertsError
from replywatch.alerts.yaml_text import Value, to_yaml
from replywatch.flows.cli import main
from replywatch.metrics.catalogue import CATALOGUE

FOLDER = SHIPPED.parent
HEADINGS = ["## What it means", "## What to look at", "## What to do", "## How it ends"]
BOARDS = {"care-queue", "care-sla", "care-volume", "care-crisis", "care-pipeline"}


def test_what_is_checked_in_is_what_the_policy_makes() -> None:
    """Nobody edits a generated file, and nobody forgets to generate."""
    assert [] == differences(shipped(), FOLDER)


def test_the_alerts_are_all_there() -> None:
    """Each once."""
    assert sorted(NAMES) == sorted(alert.name for alert in alerts_of(shipped()))


def test_every_alert_has_its_runbook() -> None:
    """With the four questions of whoever is woken by it, each answered; and no runbook is left
    over."""
    runbooks = {path.stem: path.read_text("utf-8") for path in (FOLDER / "runbooks").glob("*.md")}
    assert NAMES == runbooks.keys()
    for name, text in runbooks.items():
        assert text.startswith(f"# {name}\n")
        assert re.findall(r"^## .*", text, re.MULTILINE) == HEADINGS, name
        assert all(len(part.split()) >= 4 for part in re.split(r"^## .*", text, flags=re.M)[1:])


@pytest.mark.parametrize("alert", alerts_of(shipped()), ids=lambda alert: alert.name)
def test_every_alert_says_what_where_and_what_next(alert: Alert) -> None:
    """Texts with numbers of the moment, the link to its runbook, the link to a board that exists
    with its scope chosen."""
    links = links_of(alert, settings_of(shipped()))
    assert links["runbook_url"].endswith(f"/{alert.name}.md")
    board, _, chosen = links["dashboard_url"].rpartition("/")[2].partition("?")
    assert board in BOARDS
    for label in alert.by:
        assert ("$labels." + label in alert.summary + alert.description) or label == "sla"
        assert f"var-{label}={{{{ $labels.{label} | urlquery }}}}" in chosen or label == "sla"
    if alert.name not in ("Watchdog", "CarePipelineDown", "CarePipelineMissing"):
        assert "value" in alert.summary + alert.description


@pytest.mark.parametrize("alert", alerts_of(shipped()), ids=lambda alert: alert.name)
def test_every_alert_is_proven_quiet_and_firing(alert: Alert) -> None:
    """But for the watchdog, whose point is that it is never quiet."""
    assert alert.proofs
    for proof in alert.proofs:
        assert proof.quiet_at or alert.name == "Watchdog"
        assert any(at < proof.firing_at for at in proof.quiet_at) or alert.name == "Watchdog"


def test_rules_name_only_metrics_that_there_are() -> None:
    """In expressions and in the queries of texts; a record stands in the group that reads it,
    before it is read, or else tests and alerts would see the one of an evaluation before."""
    known = {"up"}
    for metric in CATALOGUE.values():
        ends = ("_bucket", "_count", "_sum") if metric.kind == "histogram" else ("",)
        known |= {metric.name + end for end in ends}
    for group in groups(shipped()):
        recorded: set[str] = set()
        for rule in group.rules:
            texts = [rule.expression]
            if isinstance(rule, Alert):
                texts += [rule.summary, rule.description]
            for text in texts:
                named = set(re.findall(r"\b(?:care_\w+|scope_sla:[\w:]+|up(?=\{))", text))
                assert named <= known | recorded, (group.name, rule.name)
            if isinstance(rule, Record):
                recorded.add(rule.name)


def test_no_series_is_recorded_twice() -> None:
    """Two groups that record the same one would write it at different times."""
    names = [
        rule.name for group in groups(shipped()) for rule in group.rules if isinstance(rule, Record)
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("objective", [0.75, 0.8, 0.9, 0.95, 0.99, 0.999])
def test_a_burn_can_fire_at_any_usual_objective(objective: float) -> None:
    """No window asks for more misses than there can be, or for fewer than the objective allows."""
    policy = at(shipped(), objective)
    budget, allowed = settings_of(policy).budget, 1 - objective
    assert [] == list(faults_of(policy, settings_of(policy)))
    for window in budget.windows:
        limit = window.threshold(budget.period, allowed)
        assert allowed <= limit + 1e-9 < 1
        factor = limit / allowed
        assert factor * allowed < 1


def test_the_factors_of_the_workbook_follow_from_its_shares() -> None:
    """Computed and not typed: 2 % in an hour is 14.4 times the pace that lasts thirty days."""
    budget = settings_of(shipped()).budget
    factors = [round(window.factor(budget.period), 6) for window in budget.windows]
    assert factors == [14.4, 6, 1]


def test_both_windows_of_a_burn_have_its_limit() -> None:
    """The factor of the workbook, and the largest share that is ever asked for."""
    limits = {
        alert.name: re.findall(r"clamp_max\(([\d.]+) \* scope_sla:\S+:ratio, ([\d.]+)\)",
                               alert.expression)
        for alert in alerts_of(shipped())
        if "Burn" in alert.name
    }  # fmt: skip
    assert limits == {
        "CareSLAErrorBudgetBurn": [("14.4", "0.7")] * 2 + [("6", "0.35")] * 2,
        "CareSLAErrorBudgetBurnSlow": [("1", "0.35")] * 2,
    }


def test_alerts_can_be_left_out_but_not_all() -> None:
    """A generator that makes nothing has failed."""
    policy = changed(shipped(), off=["CareVolumeSurge"])
    assert NAMES - {"CareVolumeSurge"} == {alert.name for alert in alerts_of(policy)}
    with pytest.raises(AlertsError, match="no alert is left"):
        files_of(changed(shipped(), off=sorted(NAMES)))


def test_a_policy_without_alerts_takes_those_that_ship() -> None:
    """Targets of one's own need no copy of all the rest."""
    from msgspec.structs import replace

    assert files_of(shipped()) == files_of(replace(shipped(), alerts={}))


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"off": ["CareNothing"]}, "there is no alert 'CareNothing'"),
        ({"interval": "soon"}, "interval"),
        ({"windows": {}}, "unknown field `windows`"),
        (
            {"sla": {"stall_grace": "15s", "at_risk_from": 1, "breach_ratio": {
                "window": "30m", "max_missed_ratio": 0.05, "min_outcomes": 10}}},
            "0.05 fires while rule 'chat' is met, which may miss 0.1",
        ),
        (
            {"budget": {"period": "30d", "interval": "30s", "windows": [
                {"severity": "critical", "long": "3d", "short": "6h", "spent_ratio": 0.05,
                 "max_missed_ratio": 0.5, "min_outcomes": 1}]}},
            "0.5 times the allowed pace and fires while the objective is met",
        ),
        (
            {"budget": {"period": "30d", "interval": "30s", "windows": [
                {"severity": "critical", "long": "1h", "short": "2m", "spent_ratio": 0.02,
                 "max_missed_ratio": 0.5, "min_outcomes": 1}]}},
            "short = '2m' must be at least ten times budget.interval",
        ),
        (
            {"budget": {"period": "30d", "interval": "30s", "windows": [
                {"severity": "critical", "long": "1h", "short": "1h", "spent_ratio": 0.02,
                 "max_missed_ratio": 0.5, "min_outcomes": 1}]}},
            "short = '1h' must be shorter than long = '1h'",
        ),
        ({"receivers": {"page": {}, "chat": {"webhook": [{"url": "http://x"}]}}},
         "'page' reaches nobody"),
        ({"receivers": {"chat": {}}}, "missing required field `page`"),
        ({"quiet_hours": {"timezone": "Mars/Base"}}, "'Mars/Base' is no time zone"),
        ({"quiet_hours": {"mon": [["22:00", "07:00"]]}}, "a span can't cross midnight"),
        ({"quiet_hours": {"mon": [["7", "8"]]}}, "quiet_hours"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tables: dict[str, object], said: str) -> None:
    """The value, where it stood, and what to do; nothing is generated."""
    with pytest.raises(AlertsError, match=re.escape(said)):
        files_of(changed(shipped(), **tables))


def test_a_group_by_of_no_label_is_named() -> None:
    """Alertmanager would take it and put everything into one message."""
    routing = dict(shipped().alerts["routing"])  # type: ignore[call-overload]
    routing["pages"] = {**routing["pages"], "group_by": ["team"]}
    with pytest.raises(AlertsError, match="'team' is no label of an alert"):
        files_of(changed(shipped(), routing=routing))


def test_the_commands_write_compare_and_name_every_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing, changed and left-over files, each by name; a rule of one's own is none of ours."""
    out = ["--policy", str(SHIPPED), "--out", str(tmp_path)]
    assert main(["alerts", "check", *out]) == 1
    assert len(files_of(shipped())) == capsys.readouterr().out.count(": is missing\n")
    assert main(["alerts", "build", *out]) == 0
    assert main(["alerts", "check", *out]) == 0
    own = tmp_path / "rules/own.yaml"
    own.write_text("groups: []\n")
    rules = tmp_path / "rules/care-live.yaml"
    old = tmp_path / "rules/care-old.yaml"
    old.write_text(rules.read_text())
    rules.write_text(rules.read_text().replace("> 30", "> 31", 1))
    (tmp_path / "alertmanager.yml").unlink()
    capsys.readouterr()
    assert main(["alerts", "check", *out]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [f"{tmp_path}/alertmanager.yml: is missing"] == said[:1]
    assert re.search(r"care-live.yaml:\d+: has `….* > 31` where .* makes `….* > 30`", said[1])
    assert f"{old}: is not generated any more" == said[2]
    assert said[3].startswith("3 faults; ")
    assert main(["alerts", "build", *out]) == 0
    assert main(["alerts", "check", *out]) == 0
    assert own.exists()
    assert not old.exists()


def test_a_fault_of_the_policy_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By `alerts check`, `alerts build` and `check` alike, and nothing is written."""
    text = SHIPPED.read_text("utf-8").replace('stall_grace = "15s"', 'stall_grace = "15"')
    policy = tmp_path / "policy.toml"
    policy.write_text(text)
    line = text.splitlines().index('stall_grace = "15"') + 1
    out = tmp_path / "out"
    for command in (
        ["alerts", "check", "--policy", str(policy), "--out", str(out)],
        ["alerts", "build", "--policy", str(policy), "--out", str(out)],
        ["check", str(policy)],
    ):
        assert main(command) == 1
        said = capsys.readouterr()
        assert f"{policy}:{line}: 'alerts.sla.stall_grace' is '15'" in said.out + said.err
    assert not out.exists()


def test_alerts_alone_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    """It says what there is to say."""
    assert main(["alerts"]) == 2
    assert "build or check" in capsys.readouterr().err


def test_yaml_is_quoted_only_where_it_must_be() -> None:
    """Text that YAML would read as something else keeps its quotes, long text its lines."""
    value: Value = {
        "plain": "a b",
        "for": "5s",
        "expression": 'x{a="b"} > 1',
        "several": "a\n\n  b",
        "list": [{"a": "1", "b": 1}, "yes", "#x", "a: b", "a #b", "{{ $value }}", "'\"", ""],
        "nothing": {},
        "none": [],
        "flag": True,
    }
    assert (
        to_yaml(value)
        == """\
plain: a b
for: 5s
expression: x{a="b"} > 1
several: |-
  a

    b
list:
  - a: "1"
    b: 1
  - "yes"
  - "#x"
  - "a: b"
  - "a #b"
  - "{{ $value }}"
  - "'\\""
  - ""
nothing: {}
none: []
flag: true
"""
    )
