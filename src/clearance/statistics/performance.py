"""How good a binary classifier is: AUC, accuracy and their kin, log loss, Brier score, calibration, each with its interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from clearance.statistics.intervals import CONFIDENCE, Estimate, bootstrap, mean, undefined, wilson, z_score

_EPSILON = float(np.finfo(np.float32).eps)  # scores are FP32: nearer to 0 or 1 than this is not representable


def confusion(labels: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the table [2, 2] of counts, label by prediction: [[TN, FP], [FN, TP]]."""
    cells = labels.astype(np.int64) * 2 + predicted.astype(np.int64)
    return np.bincount(cells, minlength=4).astype(np.int64).reshape(2, 2)


def rates(table: NDArray[np.int64], *, confidence: float = CONFIDENCE, seed: int = 0) -> dict[str, Estimate]:
    """Return accuracy, precision, recall, specificity, f1, positive_rate and base_rate of a confusion table.

    Proportions have Wilson intervals; F1, which is none, that of the bootstrap.
    """
    tn, fp, fn, tp = (int(count) for count in table.reshape(-1))
    return {
        "accuracy": wilson(tn + tp, tn + fp + fn + tp, confidence),
        "precision": wilson(tp, tp + fp, confidence),
        "recall": wilson(tp, tp + fn, confidence),
        "specificity": wilson(tn, tn + fp, confidence),
        "f1": bootstrap(table, _f1, seed=seed, confidence=confidence),
        "positive_rate": wilson(tp + fp, tn + fp + fn + tp, confidence),
        "base_rate": wilson(tp + fn, tn + fp + fn + tp, confidence),
    }


def auc(labels: NDArray[np.bool_], scores: NDArray[np.floating], confidence: float = CONFIDENCE) -> Estimate:
    """Return the area under the ROC curve with DeLong's interval, on the logit scale so that it stays in [0, 1].

    Ties count one half. Where every positive scores above every negative, DeLong's variance is zero; the interval
    is then Wilson's for as many successes as the rarer class has rows, which is wider.

    Source: DeLong et al. (1988), Biometrics 44, 837; midranks as in Sun and Xu (2014), IEEE Signal Proc. Letters 21, 1389.
    """
    positives, negatives = scores[labels].astype(np.float64), scores[~labels].astype(np.float64)
    m, n = positives.size, negatives.size
    if m == 0 or n == 0:
        return undefined("AUC needs rows of both classes")
    everyone = _midranks(np.concatenate([positives, negatives]))
    above_negatives = (everyone[:m] - _midranks(positives)) / n
    below_positives = 1 - (everyone[m:] - _midranks(negatives)) / m
    area = float(above_negatives.mean())
    if min(m, n) < 2:
        return Estimate(figure=area, reason="an interval needs at least two rows of each class")
    variance = float(above_negatives.var(ddof=1)) / m + float(below_positives.var(ddof=1)) / n
    if area in {0.0, 1.0} or variance == 0:
        rare = min(m, n)
        edge = wilson(round(area * rare), rare, confidence)
        return Estimate(figure=area, low=_at_most(edge.low, area), high=_at_least(edge.high, area))
    centre = math.log(area / (1 - area))
    half = z_score(confidence) * math.sqrt(variance) / (area * (1 - area))
    return Estimate(figure=area, low=_logistic(centre - half), high=_logistic(centre + half))


def log_loss(labels: NDArray[np.bool_], scores: NDArray[np.floating], confidence: float = CONFIDENCE) -> Estimate:
    """Return the mean negative log-likelihood in nats; scores are kept 1.2e-7 (FP32's epsilon) away from 0 and 1."""
    clipped = np.clip(scores.astype(np.float64), _EPSILON, 1 - _EPSILON)
    return mean(-np.where(labels, np.log(clipped), np.log1p(-clipped)), confidence)


def brier(labels: NDArray[np.bool_], scores: NDArray[np.floating], confidence: float = CONFIDENCE) -> Estimate:
    """Return the mean squared difference of score and label (0 or 1). Source: Brier (1950), Monthly Weather Review 78, 1."""
    return mean((scores.astype(np.float64) - labels) ** 2, confidence)


def calibration_error(labels: NDArray[np.bool_], scores: NDArray[np.floating], bins: int = 10) -> Estimate:
    """Return the expected calibration error over bins of equal width; without interval, for its bootstrap is biased.

    Source: Naeini, Cooper, Hauskrecht (2015), AAAI, 2901.
    """
    if scores.size == 0:
        return undefined("there are no rows")
    at = np.minimum((scores.astype(np.float64) * bins).astype(np.int64), bins - 1)
    gap = np.bincount(at, weights=scores.astype(np.float64) - labels, minlength=bins)
    return Estimate(figure=float(np.abs(gap).sum() / scores.size))


def all_figures(
    labels: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    scores: NDArray[np.floating],
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Return every figure of this file by name, from N labels, N predictions and N scores in [0, 1]."""
    return {
        "auc": auc(labels, scores, confidence),
        **rates(confusion(labels, predicted), confidence=confidence, seed=seed),
        "log_loss": log_loss(labels, scores, confidence),
        "brier": brier(labels, scores, confidence),
        "calibration_error": calibration_error(labels, scores),
    }


def _f1(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    fp, fn, tp = tables[:, 0, 1], tables[:, 1, 0], tables[:, 1, 1]
    whole = (2 * tp + fp + fn).astype(np.float64)
    nowhere = np.full(whole.shape, np.nan)
    found: NDArray[np.float64] = np.divide(2 * tp, whole, out=nowhere, where=whole > 0)
    return found


def _midranks(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    _, where, counts = np.unique(samples, return_inverse=True, return_counts=True)
    middle: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return middle[where]


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _at_most(bound: float | None, figure: float) -> float:
    return figure if bound is None else min(bound, figure)


def _at_least(bound: float | None, figure: float) -> float:
    return figure if bound is None else max(bound, figure)
