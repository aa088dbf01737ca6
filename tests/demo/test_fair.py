"""Logistic regression that pays for unequal selection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clearance.demo import fair


def population(rows: int = 4_000) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Two features, of which the second leans on the group; labels follow both."""
    generator = np.random.default_rng(0)
    group = generator.random(rows) < 0.4
    features = np.column_stack([generator.normal(size=rows), generator.normal(size=rows) + 1.5 * group])
    labels = features.sum(axis=1) + generator.normal(size=rows) > 0.8
    return features, labels, group


def gap(weight: float) -> float:
    features, labels, group = population()
    model = fair.fit(features, labels, [group, ~group], weight=weight, threshold=0.5)
    selected = model.predict_proba(features)[:, 1] >= 0.5
    return abs(float(selected[group].mean() - selected[~group].mean()))


def test_without_weight_it_is_plain_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    features, labels, group = population()
    found = fair.fit(features, labels, [group], weight=0.0, threshold=0.5)
    plain = LogisticRegression(C=np.inf).fit(features, labels)
    np.testing.assert_allclose(found.predict_proba(features), plain.predict_proba(features), atol=0.01)


def test_weight_brings_the_selection_rates_of_groups_together() -> None:
    assert gap(0.0) > 0.3
    assert gap(20.0) < 0.05


def test_the_same_data_give_the_same_model() -> None:
    features, labels, group = population()
    first, second = (fair.fit(features, labels, [group], weight=5.0, threshold=0.4) for _ in range(2))
    np.testing.assert_array_equal(first.coef_, second.coef_)
