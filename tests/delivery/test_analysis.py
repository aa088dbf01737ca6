"""Analysis of two arms: verdicts from figures, figures from events, and the rate at which equal arms are stopped."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from clearance.delivery import strategy
from clearance.delivery.analysis import analyse
from clearance.delivery.arms import THRESHOLDS, ArmFigures, count
from clearance.delivery.model import Analysis, MetricName, MetricResult, Rollout, Step
from clearance.errors import InvalidInput, NotFound
from clearance.statistics.verdicts import Verdict
from tests.delivery.samples import START, make_rollout, make_strategy

FIGURES = ArmFigures(
    requests=2000,
    latencies=[5 + index / 500 for index in range(2000)],
    predictions=2000,
    positives=600,
    scores=2000,
    scores_above=tuple(round(2000 * (1 - edge)) for edge in THRESHOLDS),
    labelled=2000,
    correct=1700,
    first_at=START,
    last_at=START + timedelta(days=3),
)


def look(candidate: ArmFigures, stable: ArmFigures = FIGURES, rollout: Rollout | None = None) -> Analysis:
    return analyse(
        rollout or make_rollout(), candidate, stable, at=START, table_versions={"events": 3, "labels": 1}, code="test"
    )


def result(analysis: Analysis, name: MetricName) -> MetricResult:
    return next(found for found in analysis.metrics if found.metric is name)


def test_equal_arms_fail_nothing() -> None:
    assert not [found for found in look(FIGURES).metrics if found.verdict is Verdict.FAILED]


@pytest.mark.parametrize(
    ("changes", "metric", "says"),
    [
        ({"errors": 100}, MetricName.ERROR_RATE, "fails 5.00%"),
        ({"errors": 100}, MetricName.BURN_RATE, "50.0 times"),
        ({"errors": 12}, MetricName.ERROR_BUDGET, "12 failures used 30.0%"),
        ({"correct": 1300}, MetricName.ACCURACY_LOSS, "wrong in 35.0%"),
        ({"positives": 1000}, MetricName.POSITIVE_RATE, "yes to 50.0%"),
        ({"positives": 100}, MetricName.POSITIVE_RATE, "yes to 5.0%"),
        ({"scores_above": (2000,) * 9}, MetricName.SCORE_SHIFT, "100.0% of rows"),
        ({"latencies": [20.0 + index / 500 for index in range(2000)]}, MetricName.LATENCY_P95, "P95 is 23.8 ms"),
    ],
)
def test_a_worse_candidate_fails_on_what_it_is_worse_in(changes: dict[str, Any], metric: MetricName, says: str) -> None:
    found = result(look(replace(FIGURES, **changes)), metric)
    assert found.verdict is Verdict.FAILED
    assert says in found.reason


@pytest.mark.parametrize("metric", list(MetricName))
def test_a_metric_without_its_samples_is_pending_and_says_how_many_it_has(metric: MetricName) -> None:
    found = result(look(ArmFigures(requests=7, predictions=7, scores=7, labelled=7, latencies=[1.0] * 7)), metric)
    assert found.verdict is Verdict.PENDING
    assert "7 of the" in found.reason


def test_a_model_without_scores_is_not_judged_by_them() -> None:
    bare = replace(FIGURES, scores=0, scores_above=(0,) * 9)
    assert result(look(bare, bare), MetricName.SCORE_SHIFT).verdict is Verdict.NOT_APPLICABLE


def test_the_budget_is_not_measured_when_time_stands_still() -> None:
    still = replace(FIGURES, last_at=START)
    assert result(look(still, still), MetricName.ERROR_BUDGET).verdict is Verdict.NOT_MEASURED


def test_the_budget_is_not_measured_when_a_fifth_of_it_is_less_than_one_failure() -> None:
    thin = replace(FIGURES, errors=1, last_at=START + timedelta(days=300))
    found = result(look(thin, thin), MetricName.ERROR_BUDGET)
    assert found.verdict is Verdict.NOT_MEASURED
    assert "too thin" in found.reason


def test_the_burn_rate_counts_from_the_last_resumption() -> None:
    rollout = make_rollout(burn_requests_before=1000, burn_errors_before=100)
    found = result(look(replace(FIGURES, errors=100), rollout=rollout), MetricName.BURN_RATE)
    assert found.candidate == 0
    assert found.candidate_samples == 1000


def test_a_small_difference_on_few_samples_is_inconclusive() -> None:
    few = replace(FIGURES, labelled=120, correct=95)
    found = result(look(few), MetricName.ACCURACY_LOSS)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.02 < found.high


def test_equal_arms_looked_at_all_the_time_are_stopped_less_often_than_alpha() -> None:
    chance = random.Random(5)
    stopped, runs = 0, 25
    for _ in range(runs):
        arms = {"candidate": _Growing(), "stable": _Growing()}
        for look_number in range(8):
            for _ in range(60):
                arm = arms["candidate" if chance.random() < 0.3 else "stable"]
                arm.add(chance.betavariate(2, 3), chance.random() < 0.8, chance.lognormvariate(1, 0.3))
            figures = {name: arm.figures() for name, arm in arms.items()}
            analysis = look(figures["candidate"], figures["stable"])
            if look_number and any(found.verdict is Verdict.FAILED for found in analysis.metrics):
                stopped += 1
                break
    assert stopped / runs <= 0.05


class _Growing:
    """An arm to which rows are added one by one."""

    def __init__(self) -> None:
        self.scores: list[float] = []
        self.correct = 0
        self.latencies: list[float] = []

    def add(self, score: float, correct: bool, latency: float) -> None:
        self.scores.append(score)
        self.correct += correct
        self.latencies.append(latency)

    def figures(self) -> ArmFigures:
        n = len(self.scores)
        return ArmFigures(
            requests=n,
            latencies=sorted(self.latencies),
            predictions=n,
            positives=sum(score > 0.5 for score in self.scores),
            scores=n,
            scores_above=tuple(sum(score > edge for score in self.scores) for edge in THRESHOLDS),
            labelled=n,
            correct=self.correct,
            first_at=START,
            last_at=START + timedelta(hours=1),
        )


def events(*rows: dict[str, Any]) -> pa.Table:
    usual = {
        "version": 2,
        "variant": "candidate",
        "row": 0,
        "status": "ok",
        "latency_ms": 4.0,
        "prediction": 1.0,
        "score": 0.85,
        "label": None,
        "ts": START,
    }
    types = {"version": pa.int64(), "row": pa.int64(), "ts": pa.timestamp("us", "UTC")}
    columns = {name: [{**usual, **row}[name] for row in rows] for name in usual}
    kinds = {name: types.get(name, pa.string() if name in {"variant", "status"} else pa.float64()) for name in usual}
    return pa.table({name: pa.array(found, kinds[name]) for name, found in columns.items()})


def test_an_arm_is_counted_from_its_own_events_only() -> None:
    table = events(
        {"label": 1.0},
        {"row": 1, "label": 0.0, "score": 0.15, "prediction": 0.0},
        {"status": "error", "prediction": None, "score": None, "latency_ms": 900.0},
        {"status": "rejected", "prediction": None, "score": None},
        {"version": 1, "variant": "stable"},
        {"variant": "shadow"},
        {"latency_ms": 2.0, "ts": START + timedelta(minutes=5)},
    )
    arm = count(table, 2, "candidate")
    assert (arm.requests, arm.errors, arm.predictions, arm.positives) == (3, 1, 3, 2)
    assert list(arm.latencies) == [2.0, 4.0]
    assert (arm.labelled, arm.correct) == (2, 2)
    assert arm.scores_above == (3, 2, 2, 2, 2, 2, 2, 2, 0)
    assert (arm.first_at, arm.last_at) == (START, START + timedelta(minutes=5))


def test_an_arm_without_events_has_no_figures() -> None:
    assert count(events({}), 9, "candidate") == ArmFigures()


def test_every_built_in_strategy_keeps_the_rules_and_names_its_sources() -> None:
    assert set(strategy.names()) >= {"canary", "canary-quick"}
    for name in strategy.names():
        found = strategy.load(name)
        assert found.name == name
        assert {metric.name for metric in found.metrics} == set(MetricName)
        assert all(metric.source for metric in found.metrics)


def test_an_unknown_strategy_is_named_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="'leap'") as caught:
        strategy.load("leap")
    assert "canary" in caught.value.hint


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([], "no step"),
        ([(0, 1, 1)], "weight 0"),
        ([(101, 1, 1)], "weight 101"),
        ([(10, 1, 0)], "minimum_requests 0"),
        ([(10, -1, 1)], "minimum_seconds -1"),
        ([(10, float("nan"), 1)], "minimum_seconds nan"),
        ([(20, 1, 1), (20, 1, 1)], "step 2: weight 20"),
    ],
)
def test_impossible_steps_are_refused_by_number(steps: list[tuple[float, float, int]], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        make_strategy([Step(weight=w, minimum_seconds=s, minimum_requests=n) for w, s, n in steps])
