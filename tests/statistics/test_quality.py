"""Accuracy and AUC from counts, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.statistics import quality
from clearance.statistics.bins import Counts, Floats
from clearance.statistics.profiles import UNIT
from tests.statistics.data import car_loan, column

metrics = pytest.importorskip("sklearn.metrics")


def split(scores: Floats, labels: Counts) -> tuple[Counts, Counts]:
    return UNIT.fill(scores[labels == 0]), UNIT.fill(scores[labels == 1])


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_the_area_is_within_the_stated_binning_error(rows: list[tuple[float, bool]]) -> None:
    scores, labels = np.array([s for s, _ in rows]), np.array([int(y) for _, y in rows])
    found = quality.auc(*split(scores, labels))
    if len(set(labels)) < 2:
        assert found is None
        return
    assert found is not None
    true = metrics.roc_auc_score(labels, scores)
    assert abs(found.value - true) <= found.binning_error + 1e-9


def test_on_the_real_data_it_is_exact_for_scores_of_two_decimals() -> None:
    scores = column(car_loan("analysis", "y_pred_proba"), "y_pred_proba")
    labels = column(car_loan("analysis_labels"), "repaid").astype(int)
    found = quality.auc(*split(scores, labels))
    assert found is not None
    assert found.value == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)
    assert found.binning_error < 0.01


def test_continuous_scores_are_off_by_far_less_than_the_bound_says() -> None:
    random = np.random.default_rng(5)
    labels = random.integers(0, 2, 20_000)
    scores = np.clip(random.normal(0.4 + 0.2 * labels, 0.15), 0, 1)
    found = quality.auc(*split(scores, labels))
    assert found is not None
    assert found.binning_error < 2e-3
    assert found.value == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-4)


def test_the_standard_error_is_that_of_repeated_samples() -> None:
    random = np.random.default_rng(7)

    def sample() -> quality.Estimate:
        labels = random.integers(0, 2, 400)
        found = quality.auc(*split(np.clip(random.normal(0.4 + 0.2 * labels, 0.15), 0, 1), labels))
        assert found is not None
        return found

    found = [sample() for _ in range(1000)]
    assert np.mean([f.standard_error for f in found]) == pytest.approx(np.std([f.value for f in found]), rel=0.1)


def test_accuracy_is_the_share_of_right_predictions() -> None:
    found = quality.accuracy(np.array([[6, 1], [1, 2]]))
    assert found is not None
    assert found.value == 0.8
    assert quality.accuracy(np.zeros((2, 2), np.int64)) is None


def test_a_fall_counts_only_beyond_its_error() -> None:
    before = quality.Estimate(0.95, 0.003)
    drop, certain = quality.fallen(before, quality.Estimate(0.90, 0.004), 3.0)
    assert (round(drop, 9), certain) == (0.05, True)
    assert quality.fallen(before, quality.Estimate(0.90, 0.05), 3.0)[1] is False
