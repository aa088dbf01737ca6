"""Logistic regression that pays for selecting one group more often than another, without ever asking for the group to serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_STEEPNESS = 4.0  # of the smooth step that stands for "is selected" while training
_RIDGE = 1e-4


def fit(
    matrix: NDArray[np.float64],
    labels: NDArray[np.bool_],
    groups: Sequence[NDArray[np.bool_]],
    *,
    weight: float,
    threshold: float,
    iterations: int = 150,
) -> Any:
    """Return a scikit-learn LogisticRegression fitted to

        log loss + weight * sum over groups of (selection rate of the group - selection rate of all)²,

    where a row is selected when its probability reaches `threshold`; a smooth step makes that differentiable.

    Args:
        matrix: features [N, k].
        labels: [N].
        groups: for each group, which rows belong to it; needed here, never when the model serves.
        weight: how much a squared difference of rates costs; 0 is plain logistic regression.
        threshold: probability from which on a row is selected.
        iterations: most steps of L-BFGS.

    Source: demographic parity as a penalty in training, as Bechavod and Ligett, "Penalizing Unfairness in Binary
    Classification" (2017), arXiv:1707.00044, do for error rates.
    """
    from scipy.optimize import minimize  # type: ignore[import-untyped]
    from scipy.special import expit  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression

    features = np.column_stack([matrix, np.ones(len(matrix))])
    truth = labels.astype(np.float64)
    shift = np.log(threshold / (1 - threshold))
    members = np.array([group / group.sum() for group in groups])
    contrasts = members - 1 / len(matrix)  # [groups, N]: rate of the group minus rate of all

    def cost(coefficients: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = features @ coefficients
        selected = expit(_STEEPNESS * (logits - shift))
        gaps = contrasts @ selected
        loss = np.mean(np.logaddexp(0, logits) - truth * logits) + weight * (gaps @ gaps)
        by_logit = (expit(logits) - truth) / len(truth)
        by_logit += 2 * weight * (gaps @ contrasts) * _STEEPNESS * selected * (1 - selected)
        return (
            float(loss + _RIDGE * (coefficients @ coefficients)),
            features.T @ by_logit + 2 * _RIDGE * coefficients,
        )

    start = np.zeros(features.shape[1])
    found = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": iterations}).x
    model = LogisticRegression()
    model.classes_ = np.array([0, 1])
    model.n_features_in_ = matrix.shape[1]
    model.coef_, model.intercept_ = found[np.newaxis, :-1], found[-1:]
    model.n_iter_ = np.array([iterations])
    return model
