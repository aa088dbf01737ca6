"""How far a window's distribution is from the baseline's: figures on two histograms with the same cells; pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clearance.statistics.bins import Counts, Floats

GROUPS = 10
_HALF_COUNT = 0.5


def group_starts(reference: Counts, groups: int = GROUPS) -> Counts:
    """Return the first cell of each group of neighbouring cells that holds about 1/groups of the reference.

    A cell is never split, so a value that is frequent in itself makes a group alone; no group is empty in the reference.

    Args:
        reference: counts of the baseline by cell; shape [cells].
    """
    filled = np.flatnonzero(reference)
    if not filled.size:
        return np.zeros(1, np.int64)
    counts = reference[filled]
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    group = np.floor(middle * groups)
    starts = filled[np.flatnonzero(np.diff(group, prepend=-1.0))]
    starts[0] = 0
    return starts.astype(np.int64)


def grouped(counts: Counts, starts: Counts) -> Counts:
    """Return the counts summed by group along the last axis; shape [..., groups]."""
    found: Counts = np.add.reduceat(counts, starts, axis=-1)
    return found


def psi(reference: Counts, current: Counts) -> Floats:
    """Return the population stability index Σ (q-p)·ln(q/p) between groups; shape of all axes but the last.

    Half a count is added to every group (Jeffreys' prior), so that an empty one gives a large figure, not infinity.
    Source: Siddiqi, "Credit Risk Scorecards", 2006, chapter 8; PSI is Jeffreys' divergence, the symmetric Kullback-Leibler.
    """
    p = _shares(reference.astype(np.float64) + _HALF_COUNT)
    q = _shares(current.astype(np.float64) + _HALF_COUNT)
    found: Floats = ((q - p) * np.log(q / p)).sum(axis=-1)
    return found


def ks(reference: Counts, current: Counts) -> Floats:
    """Return the two-sample Kolmogorov-Smirnov distance, 0 to 1, at the edges of the cells; shape of all axes but the last.

    It is never above the distance of the raw values, and below it by at most the largest share that one cell holds.
    """
    gap = np.cumsum(_shares(reference), axis=-1) - np.cumsum(_shares(current), axis=-1)
    found: Floats = np.abs(gap).max(axis=-1)
    return found


def jensen_shannon(reference: Counts, current: Counts) -> Floats:
    """Return the Jensen-Shannon distance between groups, 0 to 1 (square root of the divergence in bits).

    Source: Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37, 1991;
    Endres and Schindelin 2003 for the root being a metric.
    """
    p, q = _shares(reference), _shares(current)
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    found: Floats = np.sqrt(np.maximum(divergence, 0.0))
    return found


def _shares(counts: NDArray[np.int64] | NDArray[np.float64]) -> Floats:
    total = counts.sum(axis=-1, keepdims=True)
    found: Floats = counts / np.maximum(total, 1)
    return found


def _relative_entropy(p: Floats, q: Floats) -> Floats:
    ratio = np.divide(p, q, out=np.ones_like(p), where=p > 0)
    found: Floats = (p * np.log2(ratio)).sum(axis=-1)
    return found
