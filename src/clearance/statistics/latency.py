"""Percentiles of latency from mergeable log-spaced bins, with a relative error of at most one percent.

Source: Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
VLDB 2019, section 2: bins (γ^(i-1), γ^i] with γ = (1+α)/(1-α), each represented by 2γ^i/(γ+1).
"""

from __future__ import annotations

import math

import numpy as np

from clearance.statistics.bins import Counts, Floats

RELATIVE_ERROR = 0.01
SHORTEST_MS, LONGEST_MS = 1e-3, 1e7
_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)
_FIRST = math.ceil(math.log(SHORTEST_MS) / _LOG_GAMMA)
SIZE = math.ceil(math.log(LONGEST_MS) / _LOG_GAMMA) - _FIRST + 1
"""Number of bins from a microsecond to almost three hours; what lies beyond counts in the outermost."""


def fill(milliseconds: Floats) -> Counts:
    """Return how many latencies fall in each bin; shape [SIZE]. Values must be finite; units are milliseconds."""
    held = np.clip(milliseconds, SHORTEST_MS, LONGEST_MS)
    bins = np.ceil(np.log(held) / _LOG_GAMMA).astype(np.int64) - _FIRST
    return np.bincount(np.clip(bins, 0, SIZE - 1), minlength=SIZE)


def percentile(counts: Counts, quantile: float) -> float | None:
    """Return the latency in milliseconds that a share `quantile` (0 to 1) of requests stays within; None without any.

    It is within one percent of the value of rank ⌊quantile·(n-1)⌋ when that lies between a microsecond and 10⁷ ms.
    """
    total = int(counts.sum())
    if not total:
        return None
    rank = math.floor(quantile * (total - 1))
    found = int(np.searchsorted(np.cumsum(counts), rank, side="right"))
    return 2 * _GAMMA ** (found + _FIRST) / (_GAMMA + 1)
