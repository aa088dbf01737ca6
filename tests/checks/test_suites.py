"""Suites: the built-in ones load, and every mistake is named with its line and column."""

from __future__ import annotations

import pytest

from clearance.checks.parameters import FAIRNESS_FIGURES, Attribute, By, FairnessCheck, PerformanceCheck
from clearance.checks.suites import builtin, builtins, parse
from clearance.errors import InvalidInput, NotFound
from clearance.statistics.fairness import METRICS
from clearance.values import sha256

GOOD = """\
name: mine
version: 3
label: repaid
positive: "yes"
checks:
  - check: performance
    thresholds:
      - {figure: auc, minimum: 0.7, by: value}
    slices: [region]
  - check: fairness
    attributes:
      - sex
      - {name: age group, column: age, groups: {young: "< 25", older: ">= 25"}, reference: older}
      - {name: region, groups: {coast: [north, west]}}
    intersections: [[sex, age group]]
    thresholds:
      - {figure: disparate_impact_ratio, minimum: 0.8, attributes: [sex, sex & age group]}
"""


def test_a_suite_is_read_with_its_defaults() -> None:
    found = parse(GOOD)
    assert found.digest == sha256(GOOD.encode())
    performance, fairness = found.suite.checks
    assert isinstance(performance, PerformanceCheck)
    assert isinstance(fairness, FairnessCheck)
    assert (found.suite.dataset, found.suite.label, found.suite.positive) == ("holdout", "repaid", "yes")
    assert performance.thresholds[0].by is By.VALUE
    assert performance.minimum_size == 100
    assert isinstance(fairness.attributes[1], Attribute)
    assert fairness.attributes[1].groups == {"young": "< 25", "older": ">= 25"}
    assert isinstance(fairness.attributes[2], Attribute)
    assert fairness.attributes[2].groups == {"coast": ("north", "west")}
    assert found.text().checks == ("performance", "fairness")


def test_the_suites_that_come_with_clearance_load() -> None:
    assert {"artifact", "classifier", "lending", "standard-fairness"} <= set(builtins())
    assert {each.check for each in builtin("lending").suite.checks} == {
        "data",
        "performance",
        "artifact_safety",
        "contract",
        "latency",
    }
    with pytest.raises(NotFound, match="no suite 'nonsense'") as caught:
        builtin("nonsense")
    assert "lending" in caught.value.hint


def test_thresholds_may_name_every_fairness_figure_there_is() -> None:
    assert set(FAIRNESS_FIGURES) == set(METRICS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("name: mine", "name: [mine"), r"suite.yaml:2:8: did not find|suite.yaml:2:\d+: "),
        (("name: mine", "name: Mine!"), r"suite.yaml:1:7: name: String should match"),
        (("version: 3", "version: 0"), r"suite.yaml:2:10: version: Input should be greater"),
        (("version: 3", "version: 3\nversion: 4"), r"suite.yaml:3:1: `version` is there twice"),
        (("version: 3", "verzion: 3"), r"suite.yaml:\d+:\d+: .*(verzion|version)"),
        (("label: repaid\n", ""), r"suite.yaml:1:1: `label` is missing: the check performance needs it"),
        (
            ("- check: performance", "- check: performanze"),
            r"suite.yaml:6:12: checks\[0\].check: `check` is 'performanze'",
        ),
        (("- check: performance", "- chek: performance"), r"suite.yaml:6:5: checks\[0\].check: a check is a mapping"),
        (
            ("minimum: 0.7", "minimum: high"),
            r"suite.yaml:8:32: checks\[0\].thresholds\[0\].minimum: Input should be a valid",
        ),
        (("minimum: 0.7", "minimum: .nan"), r"suite.yaml:8:32: .*finite"),
        (("minimum: 0.7, ", ""), r"suite.yaml:8:9: checks\[0\].thresholds\[0\]: a threshold needs a `minimum` or"),
        (("minimum: 0.7", "minimum: 0.7, maximum: 0.6"), r"suite.yaml:8:9: .*the minimum is above the maximum"),
        (("figure: auc", "figure: ock"), r"suite.yaml:8:18: .*there is no figure 'ock'"),
        (("figure: disparate_impact_ratio", "figure: auc"), r"suite.yaml:17:18: .*there is no figure 'auc'"),
        (("by: value", "by: feeling"), r"suite.yaml:8:41: .*by: Input should be 'value' or 'interval'"),
        (("slices: [region]", "slyces: [region]"), r"suite.yaml:9:13: checks\[0\].slyces: Unexpected keyword"),
        (("[[sex, age group]]", "[[sex, shoe size]]"), r"suite.yaml:15:21: .*an intersection names two or more"),
        (("attributes: [sex, sex", "attributes: [shoe, sex"), r"suite.yaml:17:\d+: .*there is no attribute 'shoe'"),
        (
            ("- check: fairness", "- check: performance\n  - check: fairness"),
            r"suite.yaml:10:5: .*performance is there twice",
        ),
        (("name: mine", "name: &a mine"), None),
        (("label: repaid", "label: &a repaid\ndescription: *a"), r"suite.yaml:4:14: aliases"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_column(change: tuple[str, str], message: str | None) -> None:
    assert change[0] in GOOD
    text = GOOD.replace(*change, 1)
    if message is None:
        parse(text)
        return
    with pytest.raises(InvalidInput, match=message) as caught:
        parse(text)
    assert caught.value.code == "suite_invalid"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just text",
        "- a list",
        "name: x\nversion: 1\nchecks: []",
        "\x00",
        "a: b: c",
        "? {a: b}\n: c",
        "1: 2",
        "name: 2026-01-01",
    ],
)
def test_what_is_no_suite_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    assert caught.value.code == "suite_invalid"


def test_a_suite_of_a_million_characters_is_refused() -> None:
    with pytest.raises(InvalidInput, match="longer than"):
        parse("#" * 1_000_000)
