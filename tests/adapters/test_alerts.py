"""The alert rules do what alerts_test.yml says, by promtool where there is one and by `expressions` everywhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from adapters.exposed import MONITORING, scraped
from expressions import Labels, Series, Vector, evaluate, metrics_in, seconds
from metrics import registry

ROOT = MONITORING.parents[2]
GROUPS = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
CASES: list[dict[str, Any]] = yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]
STEP = 60


def values(notation: str) -> list[float]:
    """`0x2 3+1x2` is 0 0 0 3 4 5."""
    found: list[float] = []
    for part in notation.split():
        start, step, more = (re.fullmatch(r"(\d+)(?:\+(\d+))?(?:x(\d+))?", part) or pytest.fail(part)).groups()
        found += [int(start) + number * int(step or 0) for number in range(int(more or 0) + 1)]
    return found


def series_of(case: dict[str, Any]) -> Series:
    result: Series = {}
    for given in case["input_series"]:
        name, _, labels = given["series"].partition("{")
        found = frozenset(re.findall(r'(\w+)="([^"]*)"', labels))
        result[name, found] = [(number * STEP, value) for number, value in enumerate(values(given["values"]))]
    return result


def firing(rule: dict[str, Any], series: Series, until: int) -> set[Labels]:
    """The labels under which a rule fires, having held for as long as it says."""
    since: dict[Labels, int] = {}
    for at in range(0, until + STEP, STEP):
        found: Vector = evaluate(rule["expr"], series, at)
        since = {labels: since.get(labels, at) for labels in found}
    return {labels for labels, began in since.items() if until - began >= seconds(rule.get("for", "0s"))}


def expected(check: dict[str, Any]) -> set[Labels]:
    labels = [dict(alert["exp_labels"]) for alert in check["exp_alerts"]]
    for each in labels:
        each.pop("severity")
    return {frozenset(each.items()) for each in labels}


@pytest.mark.attack("A121")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_rules_fire_when_they_should_and_only_then(case: dict[str, Any]) -> None:
    rules = {rule["alert"]: rule for rule in RULES}
    for check in case["alert_rule_test"]:
        fires = firing(rules[check["alertname"]], series_of(case), seconds(check["eval_time"]))
        assert fires == expected(check), check


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool, of Debian's package prometheus; the same cases run above"
)
def test_promtool_agrees() -> None:
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        ended = subprocess.run(["promtool", *command], check=False, cwd=MONITORING, capture_output=True, text=True)  # noqa: S603, S607
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_rule_is_tested_to_fire_and_to_be_quiet() -> None:
    checks = [(check["alertname"], bool(check["exp_alerts"])) for case in CASES for check in case["alert_rule_test"]]
    assert set(checks) == {(rule["alert"], fires) for rule in RULES for fires in (True, False)}


def test_every_rule_is_of_metrics_that_are_exported() -> None:
    names = {name for name, _ in scraped(registry())}
    for rule in RULES:
        assert metrics_in(rule["expr"]) <= names
        assert metrics_in(rule["expr"])


def test_every_rule_says_what_to_do() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"].endswith(".")
        assert (ROOT / rule["annotations"]["runbook"]).is_file()


def test_the_cases_expect_the_annotations_that_the_rules_have() -> None:
    rules = {rule["alert"]: rule for rule in RULES}
    for case in CASES:
        for check in case["alert_rule_test"]:
            rule = rules[check["alertname"]]
            for alert in check["exp_alerts"]:
                assert alert["exp_annotations"] == rule["annotations"]
                assert alert["exp_labels"]["severity"] == rule["labels"]["severity"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("a", {("x", "1"): 4.0, ("x", "2"): 1.0}),
        ('a{x="2"}', {("x", "2"): 1.0}),
        ("sum(a)", {None: 5.0}),
        ("max(a)", {None: 4.0}),
        ("sum by (x) (a)", {("x", "1"): 4.0, ("x", "2"): 1.0}),
        ("increase(a[2m])", {("x", "1"): 2.0, ("x", "2"): 1.0}),  # the second was set back to zero
        ("rate(a[2m])", {("x", "1"): 2 / 120, ("x", "2"): 1 / 120}),
        ("max_over_time(a[10m]) > 4", {("x", "2"): 7.0}),
        ("a > 1 and a < 5", {("x", "1"): 4.0}),
        ("absent(a)", {}),
        ("absent(b)", {None: 1.0}),
    ],
)
def test_an_expression_means_what_it_means_to_prometheus(expression: str, value: dict[Any, float]) -> None:
    one, two = frozenset({("x", "1")}), frozenset({("x", "2")})
    series: Series = {
        ("a", one): [(0, 1), (60, 2), (120, 3), (180, 4)],
        ("a", two): [(0, 6), (60, 7), (120, 0), (180, 1)],
    }
    wanted = {frozenset() if labels is None else frozenset({labels}): number for labels, number in value.items()}
    assert evaluate(expression, series, 180) == wanted


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="no form"):
        evaluate("histogram_quantile(0.9, a)", {}, 0)


def test_the_files_are_where_the_page_says() -> None:
    assert {path.name for path in Path(MONITORING).iterdir() if path.suffix == ".yml"} == {
        "alerts.yml",
        "alerts_test.yml",
    }
