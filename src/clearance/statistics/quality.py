"""How good predictions were, from score histograms by label and a table of outcomes; pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from clearance.statistics.bins import Counts, Floats


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure from counts: its value, its standard error, and how far binning can have moved it at most."""

    value: float
    standard_error: float
    binning_error: float = 0.0


def auc(negatives: Counts, positives: Counts) -> Estimate | None:
    """Return the area under the ROC curve from score histograms of the two labels; None while one label has no row.

    A pair in one cell counts one half. If the scores within a cell differ, the true area is off by at most half the share
    of such pairs: that is `binning_error`, an upper bound that is also reported where equal scores make it zero in truth.
    The standard error is that of DeLong, DeLong, Clarke-Pearson, Biometrics 44, 1988, from the same counts.

    Args:
        negatives, positives: rows by score cell, ascending; shape [cells].
    """
    below, above = int(negatives.sum()), int(positives.sum())
    if not below or not above:
        return None
    # Of each positive's cell: the share of negatives under it; of each negative's cell: the share of positives over it.
    under = (np.cumsum(negatives) - negatives / 2) / below
    over = 1 - (np.cumsum(positives) - positives / 2) / above
    value = float((positives * under).sum() / above)
    variance = _variance(under, positives) / above + _variance(over, negatives) / below
    ties = float((positives / above * (negatives / below)).sum())
    return Estimate(value, math.sqrt(variance), ties / 2)


def accuracy(confusion: Counts) -> Estimate | None:
    """Return the share of right predictions from counts [label, predicted]; None while there is none."""
    total = int(confusion.sum())
    if not total:
        return None
    value = float(np.trace(confusion) / total)
    return Estimate(value, math.sqrt(value * (1 - value) / total))


def fallen(reference: Estimate, current: Estimate, z: float) -> tuple[float, bool]:
    """Return how far a figure fell below the reference, and whether by more than `z` standard errors of the difference."""
    drop = reference.value - current.value
    error = math.hypot(reference.standard_error, current.standard_error)
    return drop, drop > z * error


def _variance(placements: Floats, counts: Counts) -> float:
    total = int(counts.sum())
    mean = (placements * counts).sum() / total
    return float((counts * (placements - mean) ** 2).sum() / max(total - 1, 1))
