"""Performance figures: equal to scikit-learn's, with intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from clearance.statistics.performance import all_figures, auc, calibration_error, confusion, log_loss, rates


def sample(rows: int, seed: int = 0, *, step: float = 0.0) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    labels = random.random(rows) < 0.4
    scores = np.clip(random.normal(0.4 + 0.2 * labels, 0.2), 0.001, 0.999)
    return labels, np.round(scores / step) * step if step else scores


@pytest.mark.parametrize("step", [0.0, 0.05])
def test_figures_equal_those_of_scikit_learn(step: float) -> None:
    labels, scores = sample(500, step=step)
    scores = np.clip(scores, 0.001, 0.999)
    predicted = scores >= 0.5
    found = {name: each.figure for name, each in all_figures(labels, predicted, scores).items()}
    expected = {
        "auc": metrics.roc_auc_score(labels, scores),
        "accuracy": metrics.accuracy_score(labels, predicted),
        "precision": metrics.precision_score(labels, predicted),
        "recall": metrics.recall_score(labels, predicted),
        "specificity": metrics.recall_score(~labels, ~predicted),
        "f1": metrics.f1_score(labels, predicted),
        "log_loss": metrics.log_loss(labels, scores),
        "brier": metrics.brier_score_loss(labels, scores),
        "positive_rate": predicted.mean(),
        "base_rate": labels.mean(),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_calibration_error_of_a_hand_computed_table() -> None:
    labels = np.array([True, False, False, True, True])
    scores = np.array([0.15, 0.15, 0.15, 0.95, 0.95])
    # bin 0.1-0.2: mean score 0.15, share 1/3, 3 rows; bin 0.9-1.0: 0.95, share 1, 2 rows
    expected = 3 / 5 * abs(1 / 3 - 0.15) + 2 / 5 * 0.05
    assert calibration_error(labels, scores).figure == pytest.approx(expected)


def test_a_confusion_table_by_hand() -> None:
    table = confusion(np.array([False, False, True, True, True]), np.array([False, True, True, True, False]))
    assert table.tolist() == [[1, 1], [1, 2]]
    assert rates(table)["precision"].figure == pytest.approx(2 / 3)


@pytest.mark.parametrize("labels", [[True, True], [False, False], []])
def test_auc_of_one_class_is_undefined_with_a_reason(labels: list[bool]) -> None:
    found = auc(np.array(labels, dtype=np.bool_), np.full(len(labels), 0.5))
    assert found.figure is None
    assert found.reason == "AUC needs rows of both classes"


def test_auc_of_perfect_separation_keeps_an_honest_lower_end() -> None:
    found = auc(np.array([True] * 10 + [False] * 90), np.array([0.9] * 10 + [0.1] * 90))
    assert (found.figure, found.high) == (1.0, 1.0)
    assert found.low is not None
    assert 0.5 < found.low < 0.9


def test_delongs_standard_error_agrees_with_the_definition_by_pairs() -> None:
    labels, scores = sample(80, step=0.05)
    positives, negatives = scores[labels], scores[~labels]
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    variance = wins.mean(axis=1).var(ddof=1) / len(positives) + wins.mean(axis=0).var(ddof=1) / len(negatives)
    found = auc(labels, scores)
    area = wins.mean()
    assert found.figure == pytest.approx(area)
    assert found.low is not None
    assert found.high is not None
    width = np.log(found.high / (1 - found.high)) - np.log(found.low / (1 - found.low))
    assert width == pytest.approx(2 * 1.959964 * np.sqrt(variance) / (area * (1 - area)))


def test_the_auc_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    truth = 0.7602  # Phi(0.2 / (0.2 * sqrt 2)) for two normals one standard deviation apart
    covered = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        labels = random.random(200) < 0.4
        found = auc(labels, random.normal(labels * 1.0, 1.0))
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / 300 <= 0.98


def test_log_loss_of_a_wrong_certainty_is_large_but_finite() -> None:
    found = log_loss(np.array([True, False]), np.array([0.0, 0.5], dtype=np.float32))
    assert found.figure is not None
    assert 8 < found.figure < 20


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_nothing(rows: int, seed: int) -> None:
    labels, scores = sample(rows, seed, step=0.1)
    scores = np.clip(scores, 0, 1)
    shuffled = np.random.default_rng(seed + 1).permutation(rows)
    one = all_figures(labels, scores >= 0.5, scores)
    other = all_figures(labels[shuffled], scores[shuffled] >= 0.5, scores[shuffled])
    for name, estimate in one.items():
        ends = [
            (estimate.figure, other[name].figure),
            (estimate.low, other[name].low),
            (estimate.high, other[name].high),
        ]
        for left, right in ends:
            assert left == (None if right is None else pytest.approx(right))
