"""Strategies that somebody wrote: taken as written, or refused with line and column."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clearance.delivery import strategy, strategy_source
from clearance.delivery.model import MetricName, OnFailure, Step, StrategySource
from clearance.errors import InvalidInput

LIKE = """\
like: canary
name: careful
version: "1"
steps:
  - {weight: 1, minimum_seconds: 60, minimum_requests: 10}
  - {weight: 20, minimum_seconds: 60, minimum_requests: 100}
"""
WHOLE = """\
name: own
version: "3"
description: Half of the traffic for a minute.
steps:
  - {weight: 50, minimum_seconds: 60, minimum_requests: 10}
alpha: 0.01
availability_objective: 0.99
budget_days: 7
metrics:
  - {name: error_rate, limit: 0.02, minimum_samples: 20, on_failure: pause, required: true, source: ours}
"""


def test_a_strategy_may_be_like_a_built_in_one() -> None:
    found = strategy_source.read(StrategySource(source=LIKE))
    steps = (
        Step(weight=1, minimum_seconds=60, minimum_requests=10),
        Step(weight=20, minimum_seconds=60, minimum_requests=100),
    )
    assert found == replace(strategy.load("canary"), name="careful", version="1", steps=steps)


def test_a_strategy_may_say_everything_itself() -> None:
    found = strategy_source.read(StrategySource(source=WHOLE))
    assert (found.name, found.alpha, found.availability_objective, found.budget_days) == ("own", 0.01, 0.99, 7)
    assert [(m.name, m.on_failure, m.required) for m in found.metrics] == [
        (MetricName.ERROR_RATE, OnFailure.PAUSE, True)
    ]


@pytest.mark.parametrize(
    ("text", "old", "new", "says"),
    [
        (LIKE, "like: canary", "like: bird", r"own\.yaml:1:7: like: there is no strategy `bird`"),
        (LIKE, "name: careful", "name: canary", r"own\.yaml:2:7: name: `canary` is the name of a built-in"),
        (LIKE, "weight: 20", "weight: 1", r"own\.yaml:6:5: steps\[1\]: its weight must be above 1"),
        (LIKE, "weight: 20", "weight: 120", r"own\.yaml:6:14: steps\[1\]\.weight: this must be a number"),
        (LIKE, "requests: 100", "requests: 1.5", r"own\.yaml:6:57: .*whole number"),
        (LIKE, "minimum_requests: 100", "requests: 100", r"own\.yaml:6:49: .*not known here"),
        (LIKE, "steps:\n  -", "steps:\n  - [", r"own\.yaml:\d+:\d+"),
        (WHOLE, "alpha: 0.01\n", "", r"own\.yaml:1:1: `alpha` is missing"),
        (WHOLE, "alpha: 0.01", "alpha: 1", r"own\.yaml:6:8: alpha"),
        (WHOLE, "budget_days: 7", "budget_days: .nan", r"own\.yaml:8:14: budget_days"),
        (WHOLE, "error_rate", "errors", r"own\.yaml:10:12: metrics\[0\]\.name: `errors`"),
        (WHOLE, "required: true", "required: false", r"own\.yaml:10:3: metrics: no metric is required"),
        (WHOLE, 'version: "3"', "version: |\n  a\n  b", r"own\.yaml:2:10: version: this must be one line"),
    ],
)
def test_what_is_wrong_is_refused_with_line_and_column(text: str, old: str, new: str, says: str) -> None:
    assert old in text
    with pytest.raises(InvalidInput, match=says):
        strategy_source.read(StrategySource(source=text.replace(old, new), name="own.yaml"))


def test_a_metric_is_there_once() -> None:
    twice = WHOLE + WHOLE.splitlines()[-1] + "\n"
    with pytest.raises(InvalidInput, match=r"strategy\.yaml:11:5: metrics\[1\]: the metric error_rate is there twice"):
        strategy_source.read(StrategySource(source=twice))


def test_a_strategy_without_steps_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one step"):
        strategy_source.read(StrategySource(source=LIKE.partition("steps:")[0] + "steps: []\n"))
